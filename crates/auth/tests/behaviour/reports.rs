//! The report of a selection: a table for people, a list for programs.

use std::time::Duration;

use crate::support::{API_KEY, IAM_TOKEN, METADATA_ANSWER, OAUTH_TOKEN, TestSystem, logged_in};
use test_support::wait::{joined, secs};
use yandex_cloud_auth::testing::{TestEnvironment, TestFiles, TestHttp, TestReply};
use yandex_cloud_auth::{ApiKeyAuth, Automatic, MetadataAuth, Outcome, YandexCloudCliAuth};

#[test]
fn a_report_displays_as_a_table() {
    let test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN).set("YC_API_ENDPOINT", "api.corp.example");
    let report = test_system.automatic().blocking().select().unwrap();
    assert_eq!(
        report.to_string(),
        "\
method               source                       outcome    why
api-key              YC_API_KEY                   absent     not set
iam-token            YC_IAM_TOKEN                 absent     not set
oauth-token          YC_OAUTH_TOKEN               absent     not set
service-account-key  YC_SERVICE_ACCOUNT_KEY_FILE  absent     not set
workload-identity    YC_OIDC_TOKEN_FILE           absent     not set
token-file           YC_IAM_TOKEN_FILE            absent     not set
metadata             http://169.254.169.254       absent     Unreachable (test)
env-iam-token        YC_TOKEN                     selected   set
yandex-cloud-cli     yc                           not-tried
note: YC_API_ENDPOINT names https://api.corp.example, which is not one of Yandex Cloud's hosts"
    );
}

#[test]
fn a_report_serializes_as_a_list_of_attempts() {
    let test_system = TestSystem::new().set("YC_API_KEY", API_KEY);
    let report = test_system.automatic().blocking().select().unwrap();
    let json = serde_json::to_value(&report).unwrap();
    let list = json.as_array().unwrap();
    assert_eq!(list.len(), 9);
    assert_eq!(
        list[0],
        serde_json::json!({
            "method": "api-key",
            "source": "YC_API_KEY",
            "outcome": "selected",
            "reason": "set",
            "elapsed_ms": 0,
        })
    );
    assert_eq!(
        list[6],
        serde_json::json!({
            "method": "metadata",
            "source": "http://169.254.169.254",
            "outcome": "not-tried",
            "reason": "",
            "elapsed_ms": 0,
        })
    );

    let test_system = TestSystem::new().set("YC_API_KEY", OAUTH_TOKEN);
    let error = test_system.automatic().blocking().select().unwrap_err();
    let json = serde_json::to_value(error.report().unwrap()).unwrap();
    assert_eq!(json[0]["outcome"], "broken");
    let test_system = TestSystem::new();
    let error = test_system.automatic().blocking().select().unwrap_err();
    let json = serde_json::to_value(error.report().unwrap()).unwrap();
    assert_eq!(json[0]["outcome"], "absent");
}

#[test]
fn a_report_has_the_time_of_each_attempt() {
    let test_system = TestSystem::new();
    let clock = test_system.clock.clone();
    let slow = TestHttp::with_options(move |_, _, _| {
        let pause = clock.sleep_for(Duration::from_millis(150));
        async move {
            pause.await;
            TestReply::status(200, METADATA_ANSWER)
        }
    });
    let credentials = Automatic::new().with_system(test_system.system().with_http(slow)).build();
    let call = std::thread::spawn(move || credentials.blocking().select());
    test_system.clock.wait_for_sleepers(2);
    test_system.clock.advance(Duration::from_millis(150));
    let report = joined(call).unwrap();
    let selected = report.selected().unwrap();
    assert_eq!(selected.elapsed, Duration::from_millis(150));
    assert_eq!(serde_json::to_value(selected).unwrap()["elapsed_ms"], 150);
}

/// The sleep of the test clock, without its trait in scope.
trait SleepFor {
    fn sleep_for(&self, span: Duration) -> yandex_cloud_auth::system::BoxFuture<'static, ()>;
}

impl SleepFor for yandex_cloud_auth::testing::TestClock {
    fn sleep_for(&self, span: Duration) -> yandex_cloud_auth::system::BoxFuture<'static, ()> {
        yandex_cloud_auth::system::Clock::sleep(self, span)
    }
}

#[test]
fn a_given_method_has_a_report() {
    let test_system =
        TestSystem::new().with_yc(logged_in).set("YC_API_KEY", API_KEY).set("YC_METADATA_ADDR", "10.0.0.1");
    let test_system = test_system.always(TestReply::status(200, METADATA_ANSWER));
    for (credentials, source) in [
        (test_system.with(ApiKeyAuth::new(API_KEY).unwrap()), "given value"),
        (test_system.with(ApiKeyAuth::from_env()), "YC_API_KEY"),
        (test_system.with(MetadataAuth::new()), "http://10.0.0.1"),
        (test_system.with(YandexCloudCliAuth::new()), crate::support::YC),
    ] {
        let report = credentials.blocking().select().unwrap();
        assert_eq!(report.attempts().len(), 1);
        let attempt = report.selected().unwrap();
        assert_eq!((&*attempt.source, &*attempt.reason), (source, "given"));
        assert_eq!(credentials.report(), Some(report.clone()), "the report stays");
    }
}

#[test]
fn a_report_does_not_change_after_the_selection() {
    let test_system = TestSystem::new().set("YC_API_KEY", API_KEY);
    let credentials = test_system.automatic();
    let report = credentials.blocking().select().unwrap();
    test_system.environment.remove("YC_API_KEY");
    test_system.clock.advance(secs(24 * 3600));
    assert_eq!(credentials.blocking().select().unwrap(), report);
    assert_eq!(credentials.clone().report(), Some(report));
}

#[test]
fn control_characters_in_a_path_are_escaped() {
    let folder = "/tmp/\u{1b}[2J\nFAKE row  selected";
    let mut test_system = TestSystem::new().with_yc(logged_in);
    test_system.environment = TestEnvironment::new([("PATH", folder)]).with_terminal();
    test_system.files = TestFiles::new([(format!("{folder}/yc"), "")]);
    let report = test_system.automatic().blocking().select().unwrap();
    let source = &report.selected().unwrap().source;
    assert!(source.contains("\\n") && !source.contains(['\n', '\u{1b}']), "{source}");
    assert_eq!(report.to_string().lines().count(), 10);
    assert!(
        test_system.log.lines().iter().all(|line| !line.contains(['\n', '\u{1b}'])),
        "{:?}",
        test_system.log.lines()
    );
}

#[test]
fn after_a_failed_selection_the_credentials_have_its_report_until_a_method_is_selected() {
    let test_system = TestSystem::new().set("YC_API_KEY", OAUTH_TOKEN);
    let credentials = test_system.automatic();
    assert_eq!(credentials.report(), None);
    let error = credentials.blocking().header().unwrap_err();
    assert_eq!(credentials.report().as_ref(), error.report());
    assert_eq!(credentials.report().unwrap().attempts()[0].outcome, Outcome::Broken);
    assert_eq!((credentials.method(), credentials.snapshot().is_some()), (None, false));

    test_system.environment.set("YC_API_KEY", API_KEY);
    test_system.clock.advance(secs(5));
    let report = credentials.blocking().select().unwrap();
    assert_eq!(report.attempts()[0].outcome, Outcome::Selected);
    assert_eq!(credentials.report(), Some(report));
}

#[test]
fn outcomes_have_stable_names() {
    for (outcome, name) in [
        (Outcome::Selected, "selected"),
        (Outcome::Absent, "absent"),
        (Outcome::Broken, "broken"),
        (Outcome::NotTried, "not-tried"),
    ] {
        assert_eq!(outcome.name(), name);
    }
}
