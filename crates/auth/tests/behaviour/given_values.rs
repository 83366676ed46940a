//! `api-key`, `iam-token` and `none`: values that the program gives once and the library sends unchanged.

use crate::support::{API_KEY, IAM_TOKEN, OAUTH_TOKEN, TestSystem};
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::{
    ApiKeyAuth, Credentials, Error, ErrorKind, HeaderOptions, IamTokenAuth, Method, NoAuth, Scheme,
};

#[test]
fn a_given_value_is_sent_without_io_and_without_waiting() {
    for (credentials, method, scheme, value) in [
        (Credentials::from(ApiKeyAuth::new(API_KEY).unwrap()), Method::ApiKey, Scheme::ApiKey, API_KEY),
        (
            Credentials::from(IamTokenAuth::new(IAM_TOKEN).unwrap()),
            Method::IamToken,
            Scheme::Bearer,
            IAM_TOKEN,
        ),
    ] {
        let at_once = credentials.try_header().unwrap().unwrap().unwrap();
        assert_eq!(at_once, format!("{} {value}", scheme.as_str()));
        assert!(at_once.is_sensitive());
        let snapshot = credentials.snapshot().unwrap();
        assert_eq!((snapshot.method(), snapshot.scheme()), (method, Some(scheme)));
        assert_eq!((snapshot.expose_secret(), snapshot.expires_at()), (Some(value), None));
        assert_eq!(credentials.counters().fetches, 0);
        let report = credentials.report().unwrap();
        assert_eq!(report.selected().unwrap().source, "given value");
        assert!(!credentials.invalidate(&snapshot), "the method has no newer value");
        assert!(credentials.try_header().is_some());
    }
}

#[test]
fn the_method_none_has_no_header() {
    let credentials = Credentials::from(NoAuth::new());
    assert!(credentials.blocking().header().unwrap().is_none());
    assert!(credentials.try_header().unwrap().unwrap().is_none());
    let snapshot = credentials.snapshot().unwrap();
    assert_eq!((snapshot.method(), snapshot.scheme()), (Method::None, None));
    assert!(snapshot.header().is_none() && snapshot.expose_secret().is_none());
    assert!(!credentials.invalidate(&snapshot));
    assert_eq!(credentials.method(), Some(Method::None));
    assert!(credentials.blocking().header_with(HeaderOptions::new().min_ttl(secs(3600))).unwrap().is_none());
}

#[test]
fn a_value_that_cannot_be_sent_is_an_error_of_the_constructor_and_not_printed() {
    fn error<T>(made: Result<T, Error>) -> Error {
        made.err().expect("no error")
    }
    for value in [
        "",
        " ",
        "FAKE\nFAKE",
        "FAKE\0FAKE",
        "FAKE\r\nX: FAKE",
        "ФАЛЬШИВЫЙ",
        "FAKE FAKE",
        "Bearer FAKE",
        "Api-Key FAKE",
    ] {
        for (error, method) in [
            (error(ApiKeyAuth::new(value)), Method::ApiKey),
            (error(IamTokenAuth::new(value)), Method::IamToken),
        ] {
            assert_eq!((error.kind(), error.method()), (ErrorKind::Invalid, Some(method)), "{value:?}");
            assert!(error.help().is_some());
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("FAKE") && !shown.contains("ФАЛЬШ"), "{shown}");
        }
    }
    assert_eq!(error(IamTokenAuth::new(OAUTH_TOKEN)).kind(), ErrorKind::Invalid);
}

#[test]
fn an_iam_token_without_the_documented_mark_is_sent_and_the_report_warns() {
    let credentials = Credentials::from(IamTokenAuth::new("CggVAgAAA-FAKE-older-shape-FAKE-FAKE").unwrap());
    assert_eq!(header(&credentials), "Bearer CggVAgAAA-FAKE-older-shape-FAKE-FAKE");
    let reason = credentials.report().unwrap().selected().unwrap().reason.clone();
    assert!(reason.starts_with("given; the value does not begin as an IAM token does"), "{reason}");
}

#[test]
fn the_error_names_a_missing_variable() {
    for (empty, kind) in [("", ErrorKind::NotConfigured), ("  ", ErrorKind::Invalid)] {
        let test_system = TestSystem::new().set("YC_API_KEY", empty).set("YC_IAM_TOKEN", empty);
        for (credentials, variable) in [
            (test_system.with(ApiKeyAuth::from_env()), "YC_API_KEY"),
            (test_system.with(IamTokenAuth::from_env()), "YC_IAM_TOKEN"),
        ] {
            let error = credentials.blocking().header().unwrap_err();
            assert_eq!((error.kind(), error.location()), (kind, Some(variable)));
            assert_eq!(error.method(), credentials.method());
            assert!(error.help().unwrap().contains(variable));
        }
    }
}

#[test]
fn a_variable_is_read_once() {
    let test_system = TestSystem::new().set("YC_API_KEY", API_KEY).set("YC_IAM_TOKEN", IAM_TOKEN);
    let key = test_system.with(ApiKeyAuth::from_env());
    let token = test_system.with(IamTokenAuth::from_env());
    let first = (header(&key), header(&token));
    test_system.environment.set("YC_API_KEY", "AQVN-FAKE-other");
    test_system.environment.remove("YC_IAM_TOKEN");
    assert_eq!((header(&key), header(&token)), first);
}

#[test]
fn a_given_iam_token_expires_twelve_hours_after_first_sight_and_a_key_never() {
    let test_system = TestSystem::new().set("YC_IAM_TOKEN", IAM_TOKEN);
    let key = test_system.with(ApiKeyAuth::new(API_KEY).unwrap());
    for credentials in [
        test_system.with(IamTokenAuth::new(IAM_TOKEN).unwrap()),
        test_system.with(IamTokenAuth::from_env()),
        test_system.automatic(),
    ] {
        header(&credentials);
        test_system.clock.advance(secs(12 * 3600 - 11));
        header(&credentials);
        test_system.clock.advance(secs(11));
        for _ in 0..2 {
            let error = credentials.blocking().header().unwrap_err();
            assert_eq!((error.kind(), error.method()), (ErrorKind::Expired, Some(Method::IamToken)));
            assert!(error.help().is_some());
        }
    }
    test_system.clock.advance(secs(20 * 365 * 24 * 3600));
    assert_eq!(header(&key), format!("Api-Key {API_KEY}"));
}
