//! The result of a selection: a source that stays, its first token, a remembered failure, a warning.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{SOURCES, test_system_with};
use crate::support::{
    IAM_TOKEN, METADATA_ANSWER, METADATA_TOKEN, METADATA_URL, OAUTH_TOKEN, TestSystem, cloud, exchanged,
    logged_in,
};
use test_support::token_source::header;
use test_support::wait::{joined, secs};
use yandex_cloud_auth::testing::{TestFiles, TestReply};
use yandex_cloud_auth::{Credentials, ErrorKind, Method};

#[test]
fn the_selection_stays_when_the_environment_changes() {
    for (first, (source, method, expected)) in SOURCES.iter().enumerate() {
        let test_system = test_system_with(&SOURCES[first..]);
        let credentials = test_system.automatic();
        assert_eq!(header(&credentials), *expected);
        for (variable, value) in [
            ("YC_API_KEY", "AQVN-FAKE-other"),
            ("YC_IAM_TOKEN", "t1.FAKE-other.x"),
            ("YC_OAUTH_TOKEN", "y0_FAKE-other"),
        ] {
            test_system.environment.set(variable, value);
        }
        test_system.clock.advance(secs(1800));
        assert_eq!(header(&credentials), *expected, "{source}");
        assert_eq!(credentials.method(), Some(*method));
        assert_eq!(credentials.blocking().select().unwrap().selected().unwrap().method, *method);
    }
}

#[test]
fn a_refresh_uses_the_selected_source_when_the_variables_have_changed() {
    // Each refresh is due: the tokens have expired, so the call waits for the next one.
    let test_system =
        TestSystem::new().set("YC_METADATA_ADDR", "10.0.0.1").always(TestReply::status(200, METADATA_ANSWER));
    let credentials = test_system.automatic();
    header(&credentials);
    test_system.environment.set("YC_METADATA_ADDR", "10.0.0.2");
    test_system.clock.advance(secs(24 * 3600));
    header(&credentials);
    let asked = test_system.http.requests();
    assert!(asked.len() == 2 && asked.iter().all(|url| url.contains("//10.0.0.1/")), "{asked:?}");

    let mut test_system = TestSystem::new().with_yc(logged_in).set("YC_PROFILE", "first");
    test_system.files = TestFiles::new([(crate::support::YC, ""), ("/home/someone/bin/yc", "")]);
    let credentials = test_system.automatic();
    header(&credentials);
    test_system.environment.set("PATH", "/home/someone/bin:/opt/yandex-cloud/bin");
    test_system.environment.set("YC_PROFILE", "second");
    test_system.environment.set("YC_API_ENDPOINT", "api.other.example");
    test_system.clock.advance(secs(24 * 3600));
    // The double returns the same token, which has expired by now.
    let _ = credentials.blocking().header();
    let commands = test_system.processes.commands();
    assert_eq!(commands.len(), 3);
    for command in &commands {
        let words = crate::support::words(command);
        assert!(words.contains(&"first") && !words.contains(&"--endpoint"), "{words:?}");
        assert_eq!(command.program, Path::new(crate::support::YC), "not another program either");
    }

    let test_system = TestSystem::new().set("YC_OAUTH_TOKEN", OAUTH_TOKEN).answering(cloud(exchanged()));
    let credentials = test_system.automatic();
    header(&credentials);
    test_system.environment.set("YC_API_ENDPOINT", "api.other.example");
    test_system.clock.advance(secs(24 * 3600));
    let _ = test_support::token_source::first_failure(&credentials);
    let asked = test_system.http.requests();
    assert!(asked.len() > 2 && asked.iter().all(|url| !url.contains("other.example")), "{asked:?}");
}

#[test]
fn a_failed_selection_is_remembered_for_seconds_and_then_repeated() {
    let test_system = TestSystem::new();
    let credentials = test_system.automatic();
    assert_eq!(credentials.blocking().select().unwrap_err().kind(), ErrorKind::NotConfigured);
    test_system.environment.set("YC_TOKEN", IAM_TOKEN);
    assert!(
        credentials.blocking().header().unwrap_err().report().is_some(),
        "the remembered error has its report"
    );
    assert!(credentials.try_header().unwrap().unwrap_err().report().is_some());
    assert_eq!(test_system.http.requests().len(), 1);

    test_system.clock.advance(secs(5));
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(credentials.method(), Some(Method::EnvIamToken));
}

#[test]
fn the_token_that_selection_fetched_is_the_first_token() {
    let test_system = TestSystem::new().always(TestReply::status(200, METADATA_ANSWER));
    let credentials = test_system.automatic();
    assert_eq!(credentials.blocking().select().unwrap().selected().unwrap().method, Method::Metadata);
    assert_eq!(header(&credentials), format!("Bearer {METADATA_TOKEN}"));
    assert_eq!(test_system.http.requests(), [format!("GET {METADATA_URL}")]);
    assert_eq!(credentials.counters().fetches, 1);
}

#[test]
fn a_connect_timeout_is_a_warning_only_if_another_source_is_selected() {
    let silent = TestReply::Fail(yandex_cloud_auth::system::HttpFault::ConnectTimeout);
    let test_system = TestSystem::new().always(silent.clone()).set("YC_TOKEN", IAM_TOKEN);
    header(&test_system.automatic());
    let warnings = test_system.log.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("metadata") && warnings[0].contains("env-iam-token")
            || warnings[0].contains("YC_TOKEN"),
        "{warnings:?}"
    );

    let test_system = TestSystem::new().always(silent.clone());
    test_system.automatic().blocking().header().unwrap_err();
    assert!(
        test_system.log.warnings().iter().all(|line| !line.contains("in time")),
        "no source was selected"
    );

    let test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN);
    header(&test_system.automatic());
    assert_eq!(test_system.log.warnings(), Vec::<String>::new(), "a refused connection needs no warning");
}

#[test]
fn clones_share_one_selection() {
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    let test_system = TestSystem::new().answering(move |_, _| {
        assert!(!seen.swap(true, Ordering::SeqCst), "requested once");
        TestReply::status(200, METADATA_ANSWER)
    });
    let credentials = test_system.automatic();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let clone: Credentials = credentials.clone();
            std::thread::spawn(move || header(&clone))
        })
        .collect();
    for thread in threads {
        assert_eq!(joined(thread), format!("Bearer {METADATA_TOKEN}"));
    }
    assert!(asked.load(Ordering::SeqCst));
}
