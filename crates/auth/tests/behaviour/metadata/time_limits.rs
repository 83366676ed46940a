//! The time limits: connecting, a service without a response, the deadline of a call.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::ok;
use crate::support::{IAM_TOKEN, METADATA_ANSWER, METADATA_TOKEN, TestSystem};
use test_support::token_source::header;
use test_support::wait::{joined, secs};
use yandex_cloud_auth::system::{Clock, HttpFault, HttpOptions};
use yandex_cloud_auth::testing::{TestHttp, TestReply};
use yandex_cloud_auth::{Automatic, ErrorKind, HeaderOptions, MetadataAuth, Method, Outcome};

#[test]
fn the_connect_timeout_depends_on_the_address_and_on_selection() {
    let short = secs(1) / 10;
    // variable, by selection -> connect timeout, tries
    for (variable, automatic, connect_timeout, tries) in [
        ("", true, short, 3),
        ("10.0.0.5", true, secs(1), 1),
        ("", false, secs(1), 1),
        ("10.0.0.5", false, secs(1), 1),
    ] {
        let options: Arc<Mutex<Vec<HttpOptions>>> = Arc::default();
        let seen = Arc::clone(&options);
        let test_system = TestSystem::new().set("YC_METADATA_ADDR", variable).answering_with_options(
            move |_, options, _| {
                seen.lock().unwrap().push(options);
                TestReply::Fail(HttpFault::ConnectTimeout)
            },
        );
        let credentials =
            if automatic { test_system.automatic() } else { test_system.with(MetadataAuth::new()) };
        let _ = test_support::token_source::first_failure(&credentials);
        let options = options.lock().unwrap();
        assert_eq!(options.len(), tries, "{variable:?} {automatic}");
        for options in &*options {
            assert_eq!(options.connect_timeout, connect_timeout, "{variable:?} {automatic}");
            assert!(options.direct, "the request does not use a proxy");
            assert!(options.max_body <= 1 << 20);
        }
    }
}

#[test]
fn a_later_connection_attempt_that_succeeds_is_used_without_a_warning() {
    let test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN).answering(|_, count| match count {
        0 | 1 => TestReply::Fail(HttpFault::ConnectTimeout),
        _ => ok(METADATA_ANSWER),
    });
    assert_eq!(header(&test_system.automatic()), format!("Bearer {METADATA_TOKEN}"));
    assert!(test_system.log.warnings().is_empty(), "{:?}", test_system.log.warnings());
}

#[test]
fn a_refused_connection_ends_the_probe_at_once() {
    for fault in [HttpFault::ConnectRefused, HttpFault::Unreachable, HttpFault::NameResolution] {
        let test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN).always(TestReply::Fail(fault));
        let credentials = test_system.automatic();
        assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
        assert_eq!(test_system.http.requests().len(), 1, "{fault:?}");
        // A service that refuses may be one that starts later; without a route there is none.
        let warnings = test_system.log.warnings();
        assert_eq!(warnings.len(), usize::from(fault == HttpFault::ConnectRefused), "{warnings:?}");
        assert!(warnings.iter().all(|warning| warning.contains("so YC_TOKEN was selected")), "{warnings:?}");
        assert!(credentials.report().unwrap().notes().is_empty(), "the machine shows nothing");
    }
}

#[test]
fn a_response_after_150_ms_at_the_default_address_is_used() {
    let test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN);
    let clock = test_system.clock.clone();
    let slow = TestHttp::with_options(move |_, _, _| {
        let pause = clock.sleep(Duration::from_millis(150));
        async move {
            pause.await;
            ok(METADATA_ANSWER)
        }
    });
    let credentials = Automatic::new().with_system(test_system.system().with_http(slow)).build();
    let call = std::thread::spawn(move || header(&credentials));
    test_system.clock.wait_for_sleepers(2);
    test_system.clock.advance(Duration::from_millis(150));
    assert_eq!(joined(call), format!("Bearer {METADATA_TOKEN}"));
}

#[test]
fn the_longest_possible_deadline_works() {
    let test_system = TestSystem::new().always(ok(METADATA_ANSWER));
    let longest = HeaderOptions::new().deadline(Duration::MAX);
    assert!(test_system.with(MetadataAuth::new()).blocking().header_with(longest).is_ok());
}

#[test]
fn a_connection_without_a_response_times_out_and_no_other_identity_is_selected() {
    let test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN).always(TestReply::Silence);
    let credentials = test_system.automatic();
    let call = std::thread::spawn(move || credentials.blocking().header());
    test_system.clock.wait_for_sleepers(1);
    test_system.clock.advance(Duration::from_millis(5100));
    let error = joined(call).unwrap_err();
    assert_eq!((error.kind(), error.method()), (ErrorKind::Unavailable, Some(Method::Metadata)));
    assert!(error.reason().contains("5 s"), "{error}");
    let report = error.report().unwrap();
    let broken = report.attempts().iter().find(|attempt| attempt.outcome == Outcome::Broken).unwrap();
    assert_eq!(broken.method, Method::Metadata);
    assert_eq!(test_system.http.requests().len(), 1, "the request is not repeated");
}

#[test]
fn the_timeouts_can_be_set() {
    let test_system = TestSystem::new().always(TestReply::Silence);
    let quick = MetadataAuth::builder()
        .connect_timeout(Duration::from_millis(50))
        .timeout(Duration::from_millis(250))
        .build();
    let credentials = test_system.with(quick);
    let call = std::thread::spawn(move || credentials.blocking().header());
    test_system.clock.wait_for_sleepers(1);
    test_system.clock.advance(Duration::from_millis(300));
    assert_eq!(joined(call).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn the_deadline_of_a_call_covers_the_selection() {
    let test_system = TestSystem::new().always(TestReply::Silence);
    let credentials = test_system.automatic();
    let options = HeaderOptions::new().deadline(Duration::from_millis(500));
    let call = {
        let credentials = credentials.clone();
        std::thread::spawn(move || credentials.blocking().header_with(options))
    };
    test_system.clock.wait_for_sleepers(2);
    test_system.clock.advance(Duration::from_millis(500));
    let error = joined(call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.reason().contains("0.5 s"), "{error}");
    assert!(
        error
            .reason()
            .contains("selection was at metadata (http://169.254.169.254), waiting for http://169.254"),
        "{error}"
    );
    assert!(credentials.method().is_none());
}

#[test]
fn a_silent_service_costs_its_timeout_and_no_more() {
    for automatic in [true, false] {
        let test_system = TestSystem::new().set("YC_METADATA_ADDR", "10.0.0.5").always(TestReply::Silence);
        let began = test_system.clock.now().monotonic;
        let (_, outcome) = match automatic {
            true => test_system.patient_header(Automatic::new()),
            false => test_system.patient_header(MetadataAuth::new()),
        };
        let error = outcome.unwrap_err();
        assert_eq!(test_system.clock.now().monotonic - began, secs(5), "{error}");
        assert!(error.to_string().contains("http://10.0.0.5"), "{error}");
    }
}
