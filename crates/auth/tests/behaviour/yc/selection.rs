//! When selection takes yc, and when it skips yc.

use std::io;

use super::by_hand;
use crate::support::{TestSystem, YC, YC_TOKEN, logged_in, words};
use test_support::token_source::header;
use yandex_cloud_auth::testing::{TestEnvironment, TestRun};
use yandex_cloud_auth::{ErrorKind, Method, Outcome};

/// A yc whose profile has this endpoint.
fn with_endpoint(printed: &'static str) -> TestSystem {
    TestSystem::new().with_yc(move |command| match words(command)[0] {
        "config" => TestRun::prints(printed),
        _ => TestRun::prints(YC_TOKEN),
    })
}

fn absent_reason(test_system: &TestSystem) -> String {
    let error = test_system.automatic().blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConfigured, "{error}");
    let report = error.report().unwrap().clone();
    let attempt = report.attempts().last().unwrap();
    assert_eq!((attempt.method, attempt.outcome), (Method::YandexCloudCli, Outcome::Absent), "{report}");
    attempt.reason.clone()
}

#[test]
fn selection_reads_the_endpoint_of_the_same_profile_first() {
    let test_system = TestSystem::new().with_yc(logged_in).set("YC_PROFILE", "home");
    assert_eq!(header(&test_system.automatic()), format!("Bearer {YC_TOKEN}"));
    let commands = test_system.processes.commands();
    assert_eq!(commands.len(), 2);
    assert_eq!(words(&commands[0]), ["config", "get", "endpoint", "--profile", "home"]);
    assert_eq!(
        words(&commands[1]),
        ["iam", "create-token", "--no-user-output", "--format", "json", "--profile", "home"]
    );
}

#[test]
fn selection_skips_yc_if_it_is_not_installed() {
    assert!(absent_reason(&TestSystem::new().set("PATH", "/usr/bin")).contains("PATH"));
}

#[test]
fn selection_skips_yc_if_standard_input_is_not_a_terminal() {
    let mut test_system = TestSystem::new().with_yc(logged_in);
    test_system.environment = TestEnvironment::new([("PATH", "/opt/yandex-cloud/bin")]);
    assert!(absent_reason(&test_system).contains("not a terminal"));
    assert!(test_system.processes.commands().is_empty());
    assert_eq!(
        header(&by_hand(&test_system)),
        format!("Bearer {YC_TOKEN}"),
        "an explicit method needs no terminal"
    );
}

#[test]
fn selection_takes_yc_if_its_endpoint_is_that_of_the_system() {
    // YC_API_ENDPOINT, output of yc, selected
    for (wanted, printed, taken) in [
        ("", "api.cloud.yandex.net:443\n", true),
        ("", "api.cloud.yandex.net", true),
        ("", "https://api.cloud.yandex.net:443/", true),
        ("", "a notice\nAPI.cloud.yandex.net:443\n\n", true),
        ("", "", true),
        ("", "\n", true),
        ("api.cloud.yandex.net", "", true),
        ("https://api.cloud.yandex.net", "api.cloud.yandex.net:443", true),
        ("api.yandexcloud.kz:443", "api.yandexcloud.kz", true),
        ("api.yandexcloud.kz", "", false),
        ("api.yandexcloud.kz", "api.cloud.yandex.net:443", false),
        ("", "api.yandexcloud.kz:443", false),
        ("", "api.cloud.yandex.net:8443", false),
        ("", "http://api.cloud.yandex.net", true),
        ("", "http://api.cloud.yandex.net:443", true),
        ("", "http://api.cloud.yandex.net:80", false),
        ("", "api.cloud.yandex.net:80", false),
        ("http://127.0.0.1", "127.0.0.1:443", true),
        ("http://127.0.0.1", "http://127.0.0.1/", true),
        ("http://127.0.0.1", "127.0.0.1:80", false),
        ("http://127.0.0.1:80", "127.0.0.1:80", true),
        ("http://127.0.0.1:80", "127.0.0.1", false),
        ("", "ftp://api.cloud.yandex.net", false),
        ("", "not an endpoint", false),
        ("", "api.cloud.yandex.net:443\na notice after it", false),
    ] {
        let test_system = with_endpoint(printed).set("YC_API_ENDPOINT", wanted);
        if taken {
            assert_eq!(
                header(&test_system.automatic()),
                format!("Bearer {YC_TOKEN}"),
                "{wanted:?} {printed:?}"
            );
        } else {
            let reason = absent_reason(&test_system);
            assert!(reason.contains("endpoint"), "{wanted:?} {printed:?}: {reason}");
            assert_eq!(test_system.processes.commands().len(), 1, "yc does not run for a token");
        }
    }
}

#[test]
fn the_reason_shows_the_endpoint_of_yc_without_secrets_and_control_characters() {
    let endpoint: &'static str = Box::leak(
        format!("\u{1b}[31mt1.FAKE-body.x https://user:FAKE-password@h {}", "x".repeat(5000))
            .into_boxed_str(),
    );
    let reason = absent_reason(&with_endpoint(endpoint));
    assert!(!reason.contains("FAKE") && !reason.contains('\u{1b}') && reason.len() < 1200, "{reason}");
}

#[test]
fn a_broken_yc_ends_the_selection() {
    for (run, kind) in [
        (TestRun::Exit(1, String::new(), "ERROR: no such profile".to_owned()), ErrorKind::Unavailable),
        (TestRun::Exit(1, String::new(), "ERROR: Unauthenticated".to_owned()), ErrorKind::Refused),
        (TestRun::Fail(io::ErrorKind::PermissionDenied), ErrorKind::Unavailable),
    ] {
        let test_system = TestSystem::new().with_yc(move |_| run.clone());
        let error = test_support::token_source::first_failure(&test_system.automatic());
        assert_eq!((error.kind(), error.method()), (kind, Some(Method::YandexCloudCli)), "{error}");
        assert_eq!(error.report().unwrap().attempts().last().unwrap().outcome, Outcome::Broken);
    }
}

#[test]
fn the_report_has_the_full_path() {
    let test_system = TestSystem::new().with_yc(logged_in);
    let report = test_system.automatic().blocking().select().unwrap();
    assert_eq!(report.selected().unwrap().source, YC);
}
