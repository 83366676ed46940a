//! What is waited for: the error of a call that runs out of time names it, and the log shows each step as it begins.

use std::time::Duration;

use crate::support::{OAUTH_TOKEN, TestSystem, cloud, logged_in};
use test_support::wait::{joined, secs};
use yandex_cloud_auth::testing::{TestReply, TestRun};
use yandex_cloud_auth::{Credentials, Error, HeaderOptions, OAuthTokenAuth, YandexCloudCliAuth};

/// The error of a call whose deadline passes, and what the credentials wait for after that.
fn out_of_time(
    test_system: &TestSystem,
    credentials: &Credentials,
    timers: usize,
) -> (Error, Option<String>) {
    let call = std::thread::spawn({
        let credentials = credentials.clone();
        let options = HeaderOptions::new().deadline(Duration::from_millis(500));
        move || credentials.blocking().header_with(options).unwrap_err()
    });
    test_system.clock.wait_for_sleepers(timers);
    test_system.clock.advance(Duration::from_millis(500));
    (joined(call), credentials.waiting_for())
}

#[test]
fn a_call_that_runs_out_of_time_names_the_request_that_it_waits_for() {
    for (silent, named) in [
        ("/endpoints", "https://api.cloud.yandex.net/endpoints"),
        ("/iam/v1/tokens", "https://iam.api.cloud.yandex.net/iam/v1/tokens"),
    ] {
        let reply = cloud(TestReply::Silence);
        let test_system = TestSystem::new().answering(move |request, count| match request.uri().path() {
            path if path == silent => TestReply::Silence,
            _ => reply(request, count),
        });
        let credentials = test_system.with(OAuthTokenAuth::new(OAUTH_TOKEN).unwrap());
        assert_eq!(credentials.waiting_for(), None);
        // The deadline of the call, the limit of the fetch and that of the request.
        let (error, waiting) = out_of_time(&test_system, &credentials, 3);
        assert!(error.reason().contains(&format!("no token within 0.5 s; waiting for {named}")), "{error}");
        assert_eq!(waiting.unwrap(), format!("waiting for {named}"));
    }
}

#[test]
fn a_fetch_that_takes_too_long_in_all_names_the_request_that_it_waits_for() {
    // Discovery takes half of the 10 s, and the exchange the rest.
    let test_system = TestSystem::new().always(TestReply::Silence);
    let (_, header) = test_system.patient_header(OAuthTokenAuth::new(OAUTH_TOKEN).unwrap());
    let error = header.unwrap_err();
    assert!(
        error.reason().contains("; waiting for https://iam.api.cloud.yandex.net/iam/v1/tokens"),
        "{error}"
    );
    assert_eq!((test_system.time.elapsed(), test_system.http.requests().len()), (secs(10), 2));
}

#[test]
fn a_call_that_runs_out_of_time_names_the_program_that_it_waits_for() {
    let test_system = TestSystem::new().with_yc(|_| TestRun::Hang);
    let credentials = test_system.with(YandexCloudCliAuth::new());
    let (error, _) = out_of_time(&test_system, &credentials, 3);
    assert!(error.reason().contains("waiting for /opt/yandex-cloud/bin/yc iam create-token"), "{error}");
    assert!(!error.to_string().contains(OAUTH_TOKEN));
}

#[test]
fn the_log_shows_each_step_of_the_selection_as_it_begins() {
    let test_system = TestSystem::new().with_yc(logged_in);
    let credentials = test_system.automatic();
    credentials.blocking().header().unwrap();
    assert_eq!(credentials.waiting_for(), None);
    let lines = test_system.log.lines();
    let steps: Vec<_> = lines.iter().filter(|line| line.starts_with("DEBUG")).collect();
    for step in [
        "selection looks at api-key (YC_API_KEY)",
        "selection looks at metadata (http://169.254.169.254)",
        "waiting for http://169.254.169.254",
        "selection looks at yandex-cloud-cli (yc)",
        "waiting for /opt/yandex-cloud/bin/yc config get endpoint",
    ] {
        assert!(steps.iter().any(|line| line.contains(step)), "{step}: {steps:?}");
    }
}
