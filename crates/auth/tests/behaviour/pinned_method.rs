//! `YC_AUTH_METHOD` pins one slot of automatic selection.

use crate::selection::{SOURCES, test_system_with};
use crate::support::{API_KEY, IAM_TOKEN, METADATA_TOKEN, TestSystem, YC_TOKEN, logged_in};
use test_support::token_source::header;
use yandex_cloud_auth::testing::TestReply;
use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials, CustomAuth, ErrorKind, IamTokenAuth, Method, Outcome, Token,
};

const VARIABLE: &str = "YC_AUTH_METHOD";

#[test]
fn the_pinned_slot_is_used_although_earlier_slots_are_set() {
    let test_system = test_system_with(&SOURCES).set(VARIABLE, " metadata ");
    let credentials = test_system.automatic();
    assert_eq!(header(&credentials), format!("Bearer {METADATA_TOKEN}"));
    assert_eq!(credentials.method(), Some(Method::Metadata));
    let report = credentials.report().unwrap();
    let [attempt] = report.attempts() else { panic!("{report}") };
    assert_eq!((attempt.outcome, attempt.reason.as_str()), (Outcome::Selected, "pinned by YC_AUTH_METHOD"));
}

#[test]
fn every_slot_can_be_pinned_and_an_empty_variable_pins_none() {
    for slot in Automatic::new().slots() {
        let credentials = TestSystem::new().set(VARIABLE, slot).automatic();
        let error = test_support::token_source::first_failure(&credentials);
        assert_eq!(error.method().map(Method::name), Some(slot), "{error}");
    }
    let credentials = test_system_with(&SOURCES).set(VARIABLE, "").automatic();
    assert_eq!(header(&credentials), format!("Api-Key {API_KEY}"));
}

#[test]
fn a_missing_value_of_the_pinned_method_is_not_replaced_by_another_source() {
    let test_system = test_system_with(&SOURCES[1..]).set(VARIABLE, "api-key");
    let credentials = test_system.automatic();
    let error = credentials.blocking().header().unwrap_err();
    assert_eq!((error.kind(), error.location()), (ErrorKind::NotConfigured, Some("YC_API_KEY")));
    assert!(error.help().unwrap().contains("YC_AUTH_METHOD pins this method"), "{error:?}");
    let [attempt] = error.report().unwrap().attempts() else { panic!("{error:?}") };
    assert_eq!(attempt.outcome, Outcome::Absent);
    assert_eq!(attempt.reason, "pinned by YC_AUTH_METHOD: not set");

    let wrong = TestSystem::new().set(VARIABLE, "api-key").set("YC_API_KEY", IAM_TOKEN).automatic();
    let error = wrong.blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.report().unwrap().attempts()[0].outcome, Outcome::Broken);
}

#[test]
fn another_name_is_invalid_and_a_secret_is_not_shown() {
    for name in ["profile", "none", "impersonation", "function", "API-KEY", "metadata,api-key"] {
        let error = TestSystem::new().set(VARIABLE, name).automatic().blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(VARIABLE)), "{name}");
        assert!(error.help().unwrap().contains("api-key, iam-token, oauth-token"), "{error:?}");
        let report = error.report().unwrap();
        assert!(report.attempts().iter().all(|attempt| attempt.outcome == Outcome::NotTried), "{report}");
    }
    let error = TestSystem::new().set(VARIABLE, "profile").automatic().blocking().header().unwrap_err();
    assert_eq!(error.reason(), "automatic selection has no method `profile`");
    let secret = "fakefakefakefakefakefakefakefakefakefake";
    let error = TestSystem::new().set(VARIABLE, secret).automatic().blocking().header().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("fake"), "{error:?}");
}

#[test]
fn yc_needs_no_terminal_if_it_is_pinned() {
    let mut test_system = TestSystem::new().with_yc(logged_in);
    test_system.environment = yandex_cloud_auth::testing::TestEnvironment::empty();
    let test_system = test_system.set("PATH", "/opt/yandex-cloud/bin").set("YC_API_KEY", API_KEY);
    let credentials = test_system.clone().set(VARIABLE, "yandex-cloud-cli").automatic();
    assert_eq!(header(&credentials), format!("Bearer {YC_TOKEN}"));
}

#[test]
fn a_method_in_code_wins_and_a_replaced_slot_keeps_its_name() {
    let test_system = TestSystem::new().set(VARIABLE, "metadata").always(TestReply::status(500, ""));
    let given = test_system.with(ApiKeyAuth::new(API_KEY).unwrap());
    assert_eq!(header(&given), format!("Api-Key {API_KEY}"));
    let given = test_system.with(Credentials::from_string(IAM_TOKEN).unwrap());
    assert_eq!(header(&given), format!("Bearer {IAM_TOKEN}"));

    // A method that reads a variable of its own is given in code too.
    let pinned = TestSystem::new().set(VARIABLE, "api-key").set("YC_IAM_TOKEN", IAM_TOKEN);
    let reads = pinned.with(IamTokenAuth::from_env());
    assert_eq!(header(&reads), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(reads.method(), Some(Method::IamToken));

    let own = CustomAuth::from_fn(|| async { Token::new("t1.FAKE-own.x") });
    let selection = Automatic::new().replace("metadata", own).unwrap();
    let credentials = selection.with_system(test_system.system()).build();
    assert_eq!(header(&credentials), "Bearer t1.FAKE-own.x");

    let without = Automatic::new().without("metadata").unwrap().with_system(test_system.system()).build();
    assert_eq!(without.blocking().header().unwrap_err().kind(), ErrorKind::Invalid);
}
