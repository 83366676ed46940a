//! Law 11: the library asks no question and writes to no stream.

use std::process::{Command, Stdio};

use test_support::token_source::{Source, first_failure, header, unavailable};
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::testing::{TestClock, TestEnvironment};
use yandex_cloud_auth::{Automatic, Credentials, OAuthTokenAuth};

/// Success, warnings, failures, and a selection that finds no source.
#[test]
fn a_run_with_many_events() {
    let clock = TestClock::new();
    let source = Source::living(HOUR);
    let credentials = source.in_step(&clock);
    header(&credentials);
    credentials.invalidate(&credentials.snapshot().unwrap());
    source.set(|_| Err(unavailable()));
    let _ = first_failure(&credentials);
    clock.advance(secs(5));
    Automatic::new()
        .with_system(test_support::system::empty_system(&clock))
        .build()
        .blocking()
        .header()
        .unwrap_err();
    let foreign =
        TestEnvironment::new([("YC_API_ENDPOINT", "api.corp.example"), ("YC_OAUTH_TOKEN", "y0_fake")]);
    let oauth = Credentials::from(OAuthTokenAuth::from_env())
        .with_system(test_support::system::empty_system(&clock).with_environment(foreign));
    let _ = first_failure(&oauth);
}

#[test]
fn the_library_prints_nothing() {
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "quiet::a_run_with_many_events", "--nocapture", "--test-threads=1"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(run.status.success());
    assert_eq!(String::from_utf8_lossy(&run.stderr), "");
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(printed.contains("1 passed"), "the run has another name: {printed}");
    let ours: Vec<_> = printed
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("running 1 test") && !line.starts_with("test "))
        .collect();
    assert_eq!(ours, Vec::<&str>::new());
}
