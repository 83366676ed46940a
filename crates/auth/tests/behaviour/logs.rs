//! What is logged: a selection, a fetch, a failure; each once, with the facts that a person needs.

use crate::support::{API_KEY, METADATA_ANSWER, TestSystem};
use test_support::log::Log;
use test_support::token_source::{Source, first_failure, header};
use test_support::virtual_time::VirtualTime;
use test_support::wait::{HOUR, secs, until};
use yandex_cloud_auth::testing::{TestEnvironment, TestFiles, TestProcesses, TestReply, TestRun};
use yandex_cloud_auth::{MetadataAuth, YandexCloudCliAuth};

fn at(test_system: &TestSystem, level: &str) -> Vec<String> {
    test_system.log.lines().into_iter().filter(|line| line.trim_start().starts_with(level)).collect()
}

#[test]
fn a_selection_is_logged_once_with_its_method_and_source() {
    let test_system = TestSystem::new().set("YC_API_KEY", API_KEY);
    let credentials = test_system.automatic();
    for _ in 0..3 {
        header(&credentials);
    }
    let lines = at(&test_system, "INFO");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("api-key") && lines[0].contains("YC_API_KEY"), "{lines:?}");

    let test_system = TestSystem::new().always(TestReply::status(200, METADATA_ANSWER));
    header(&test_system.with(MetadataAuth::new()));
    let lines = at(&test_system, "INFO");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("metadata") && lines[0].contains("169.254.169.254"), "{lines:?}");
}

#[test]
fn a_source_with_the_shape_of_a_secret_is_logged_masked() {
    let folder = "/tmp/t1.FAKE-body.x";
    let mut test_system = TestSystem::new();
    test_system.environment = TestEnvironment::new([("PATH", folder)]);
    test_system.files = TestFiles::new([(format!("{folder}/yc"), "")]);
    test_system.processes = TestProcesses::new(|_| TestRun::prints("t1.FAKE.x"));
    header(&test_system.with(YandexCloudCliAuth::new()));
    let lines = at(&test_system, "INFO");
    assert!(lines.len() == 1 && lines[0].contains("/tmp/t1.***"), "{lines:?}");
}

#[test]
fn a_fetch_is_logged_with_the_generation_and_the_life_of_its_token() {
    let test_system = TestSystem::new().always(TestReply::status(200, METADATA_ANSWER));
    header(&test_system.automatic());
    let fetched = || {
        let mut lines = at(&test_system, "DEBUG");
        lines.retain(|line| line.contains("a token was fetched"));
        lines
    };
    until("the fetch is logged", || !fetched().is_empty());
    let lines = fetched();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for word in ["metadata", "generation=1", "42617"] {
        assert!(lines[0].contains(word), "{word}: {lines:?}");
    }
}

#[test]
fn a_failure_is_a_warning_with_the_time_of_the_next_fetch() {
    let test_system = TestSystem::new().always(TestReply::status(503, "overloaded"));
    let credentials = test_system.with(MetadataAuth::new());
    for _ in 0..3 {
        let _ = first_failure(&credentials);
    }
    until("the failure is logged", || !test_system.log.warnings().is_empty());
    let lines = test_system.log.warnings();
    assert_eq!(lines.len(), 1, "a remembered failure is not logged again: {lines:?}");
    for word in ["metadata", "169.254.169.254", "HTTP 503: overloaded", "backoff_ms=10"] {
        assert!(lines[0].contains(word), "{word}: {lines:?}");
    }
    assert!(!lines[0].contains("remaining_seconds"), "no token, so no remaining time: {lines:?}");
    test_system.clock.advance(secs(1));
    let _ = first_failure(&credentials);
    until("the second failure is logged", || test_system.log.warnings().len() == 2);
}

#[test]
fn a_cached_header_is_not_logged() {
    let test_system = TestSystem::new().always(TestReply::status(200, METADATA_ANSWER));
    let credentials = test_system.automatic();
    header(&credentials);
    until("the fetch is logged", || !at(&test_system, "DEBUG").is_empty());
    let before = test_system.log.lines();
    for _ in 0..100 {
        header(&credentials);
    }
    assert_eq!(test_system.log.lines(), before);
}

#[test]
fn credentials_that_are_dropped_during_a_fetch_log_no_failure() {
    let (source, time) = (Source::living(HOUR), VirtualTime::new(0.0));
    source.hold();
    let log = Log::of_target("yandex_cloud_auth");
    log.of(|| {
        let credentials = time.credentials(source.clone());
        credentials.prewarm();
        time.pass(secs(1));
        assert_eq!((source.started(), source.ended()), (1, 0));
        drop(credentials);
        assert_eq!(source.ended(), 1, "the fetch goes on");
    });
    assert_eq!(log.warnings(), Vec::<String>::new());
}
