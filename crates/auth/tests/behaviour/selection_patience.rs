//! Selection while a service is down: what is expected is tried again while callers wait, and then taken.

use std::time::Duration;

use crate::support::{IAM_TOKEN, METADATA_ANSWER, METADATA_TOKEN, OAUTH_TOKEN, TestSystem, cloud, exchanged};
use test_support::wait::secs;
use yandex_cloud_auth::system::{Clock, HttpFault};
use yandex_cloud_auth::testing::{TestClock, TestHttp, TestReply};
use yandex_cloud_auth::{Automatic, ErrorKind, MetadataAuth, Method};

/// A metadata service that refuses connections for this time, and then gives a token.
fn starting_after(time: Duration, clock: &TestClock) -> TestHttp {
    let (clock, start) = (clock.clone(), clock.now().monotonic + time);
    TestHttp::new(move |_, _| match clock.now().monotonic < start {
        true => TestReply::Fail(HttpFault::ConnectRefused),
        false => TestReply::status(200, METADATA_ANSWER),
    })
}

#[test]
fn an_expected_service_that_begins_to_listen_after_two_seconds_is_taken() {
    let virtual_machine = || {
        let test_system = TestSystem::new();
        test_system.files.write("/sys/class/dmi/id/sys_vendor", "Yandex\n");
        test_system
    };
    let configured = || TestSystem::new().set("YC_METADATA_ADDR", "10.0.0.5").set("YC_TOKEN", IAM_TOKEN);
    for (mut test_system, automatic, place) in [
        (configured(), true, "a configured address"),
        (virtual_machine(), true, "a virtual machine"),
        (TestSystem::new(), false, "the method named"),
    ] {
        test_system.http = starting_after(secs(2), &test_system.clock);
        let (_, taken) = match automatic {
            true => test_system.patient_header(Automatic::new()),
            false => test_system.patient_header(MetadataAuth::new()),
        };
        assert_eq!(taken.unwrap(), format!("Bearer {METADATA_TOKEN}"), "{place}");
    }
}

#[test]
fn a_call_without_a_deadline_gives_a_selection_ten_seconds() {
    let mut test_system = TestSystem::new().set("YC_METADATA_ADDR", "10.0.0.5");
    test_system.http = starting_after(secs(3600), &test_system.clock);
    let (_, header) = test_system.patient_header(Automatic::new());
    assert_eq!(header.unwrap_err().kind(), ErrorKind::Unavailable);
    let waited = test_system.time.elapsed();
    assert!(waited <= secs(10) && waited > secs(9), "{waited:?}");
}

#[test]
fn at_the_default_address_of_a_machine_that_shows_nothing_a_refusal_is_an_answer() {
    let mut test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN);
    test_system.http = starting_after(secs(2), &test_system.clock);
    let (credentials, header) = test_system.patient_header(Automatic::new());
    assert_eq!(header.unwrap(), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(credentials.method(), Some(Method::EnvIamToken));
    assert_eq!(test_system.time.elapsed(), Duration::ZERO, "nothing is waited for");
}

#[test]
fn an_iam_that_is_unavailable_is_tried_again() {
    let test_system = TestSystem::new().set("YC_OAUTH_TOKEN", OAUTH_TOKEN).set("YC_TOKEN", IAM_TOKEN);
    let clock = test_system.clock.clone();
    let start = clock.now().monotonic + secs(2);
    let test_system = test_system.answering(move |request, count| match clock.now().monotonic < start {
        true => cloud(TestReply::status(503, "overloaded"))(request, count),
        false => cloud(exchanged())(request, count),
    });
    let (credentials, header) = test_system.patient_header(Automatic::new());
    assert_eq!(header.unwrap(), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(credentials.method(), Some(Method::OAuthToken));
}

#[test]
fn a_failure_of_the_transport_that_stays_is_told_at_once() {
    for fault in [HttpFault::Tls, HttpFault::Request] {
        let test_system = TestSystem::new().set("YC_METADATA_ADDR", "10.0.0.5");
        let test_system = test_system.always(TestReply::Fail(fault));
        let (_, header) = test_system.patient_header(Automatic::new());
        assert_eq!(header.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!((test_system.time.elapsed(), test_system.http.requests().len()), (Duration::ZERO, 1));
    }
}

#[test]
fn an_issuer_of_github_that_is_unavailable_is_tried_again() {
    let test_system = TestSystem::new()
        .set("YC_SERVICE_ACCOUNT_ID", "ajefakefakefakefakef")
        .set("ACTIONS_ID_TOKEN_REQUEST_URL", "https://github.example/token?job=1")
        .set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "FAKE-request-token");
    let clock = test_system.clock.clone();
    let start = clock.now().monotonic + secs(2);
    let test_system = test_system.answering(move |request, _| match request.uri().host() {
        Some("github.example") if clock.now().monotonic < start => TestReply::status(503, ""),
        Some("github.example") => TestReply::status(200, r#"{"value":"eyJhbGciOiJSUzI1NiJ9.e30.FAKE"}"#),
        _ => TestReply::status(200, METADATA_ANSWER),
    });
    let (credentials, header) = test_system.patient_header(Automatic::new());
    assert_eq!(header.unwrap(), format!("Bearer {METADATA_TOKEN}"));
    assert_eq!(credentials.method(), Some(Method::WorkloadIdentity));
}
