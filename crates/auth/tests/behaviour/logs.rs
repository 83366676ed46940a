//! What is logged: a choice, a renewal, a failure; each with what a person needs to know of it, and no more.

use crate::support::{API_KEY, METADATA_ANSWER, Machine};
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::testing::{TestEnvironment, TestFiles, TestProcesses, TestReply, TestRun};
use yandex_cloud_auth::{MetadataAuth, YandexCloudCliAuth};

fn at(machine: &Machine, level: &str) -> Vec<String> {
    machine.log.lines().into_iter().filter(|line| line.trim_start().starts_with(level)).collect()
}

#[test]
fn a_choice_is_told_once_with_its_method_and_source() {
    let machine = Machine::new().set("YC_API_KEY", API_KEY);
    let credentials = machine.automatic();
    for _ in 0..3 {
        header(&credentials);
    }
    let told = at(&machine, "INFO");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("api-key") && told[0].contains("YC_API_KEY"), "{told:?}");

    let machine = Machine::new().always(TestReply::status(200, METADATA_ANSWER));
    header(&machine.with(MetadataAuth::new()));
    let told = at(&machine, "INFO");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("metadata") && told[0].contains("169.254.169.254"), "{told:?}");
}

#[test]
fn a_source_that_looks_like_a_secret_is_told_masked() {
    let folder = "/tmp/t1.FAKE-body.x";
    let mut machine = Machine::new();
    machine.environment = TestEnvironment::new([("PATH", folder)]);
    machine.files = TestFiles::new([(format!("{folder}/yc"), "")]);
    machine.processes = TestProcesses::new(|_| TestRun::prints("t1.FAKE.x"));
    header(&machine.with(YandexCloudCliAuth::new()));
    let told = at(&machine, "INFO");
    assert!(told.len() == 1 && told[0].contains("/tmp/t1.***"), "{told:?}");
}

#[test]
fn a_fetch_is_told_with_the_generation_and_the_life_of_its_token() {
    let machine = Machine::new().always(TestReply::status(200, METADATA_ANSWER));
    header(&machine.automatic());
    let told = at(&machine, "DEBUG");
    assert_eq!(told.len(), 1, "{told:?}");
    for word in ["metadata", "generation=1", "42617"] {
        assert!(told[0].contains(word), "{word}: {told:?}");
    }
}

#[test]
fn a_failure_is_a_warning_that_says_when_the_next_try_is() {
    let machine = Machine::new().always(TestReply::status(503, "overloaded"));
    let credentials = machine.with(MetadataAuth::new());
    for _ in 0..3 {
        credentials.blocking().header().unwrap_err();
    }
    let told = machine.log.warnings();
    assert_eq!(told.len(), 1, "the remembered failure is no news: {told:?}");
    for word in ["metadata", "169.254.169.254", "HTTP 503: overloaded", "again_in_ms=1000"] {
        assert!(told[0].contains(word), "{word}: {told:?}");
    }
    machine.clock.advance(secs(1));
    credentials.blocking().header().unwrap_err();
    assert_eq!(machine.log.warnings().len(), 2);
}

#[test]
fn a_header_at_hand_is_not_worth_a_word() {
    let machine = Machine::new().always(TestReply::status(200, METADATA_ANSWER));
    let credentials = machine.automatic();
    header(&credentials);
    let before = machine.log.lines();
    for _ in 0..100 {
        header(&credentials);
    }
    assert_eq!(machine.log.lines(), before);
}
