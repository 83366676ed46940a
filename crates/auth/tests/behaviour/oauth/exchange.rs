//! The request to IAM, the life of the token, and the result of each response.

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::SystemTime;

use super::{DISCOVERY, EXCHANGE, failure, given};
use crate::support::{IAM_TOKEN, OAUTH_TOKEN, TestSystem, cloud, exchanged};
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::system::{Clock, HttpFault};
use yandex_cloud_auth::testing::TestReply;
use yandex_cloud_auth::{Credentials, ErrorKind, Method, OAuthTokenAuth};

/// The message of IAM for a token issued since 2026-06-01.
const TOO_NEW: &str = r#"{"code":3,"message":"OAuth token for user 'FAKE-user', issued after '2026-06-01', is not supported for IAM token exchange","details":[]}"#;

#[test]
fn discovery_gets_no_credentials_and_iam_gets_the_token_in_the_body() {
    let test_system = TestSystem::new().answering(|request, count| {
        assert!(!request.headers().contains_key("authorization"), "no request has an authorization header");
        if request.uri().path() == "/iam/v1/tokens" {
            assert_eq!(request.headers()["content-type"], "application/json");
            let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
            assert_eq!(body, serde_json::json!({ "yandexPassportOauthToken": OAUTH_TOKEN }));
        } else {
            assert!(request.body().is_empty());
        }
        cloud(exchanged())(request, count)
    });
    assert_eq!(header(&given(&test_system)), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(test_system.http.requests(), [DISCOVERY, EXCHANGE]);
}

#[test]
fn the_token_is_exchanged_by_hand_from_the_variable_and_by_selection() {
    let test_system = TestSystem::new().set("YC_OAUTH_TOKEN", OAUTH_TOKEN).answering(cloud(exchanged()));
    for credentials in [
        given(&test_system),
        test_system.with(OAuthTokenAuth::from_env()),
        test_system.with(OAuthTokenAuth::builder_from_env().timeout(secs(3)).build()),
        test_system.automatic(),
        Credentials::from_string(OAUTH_TOKEN).unwrap().with_system(test_system.system()),
    ] {
        assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
        assert_eq!(credentials.method(), Some(Method::OAuthToken));
    }
}

#[test]
fn a_missing_variable_is_an_error_that_names_it() {
    let test_system = TestSystem::new();
    let error = test_system.with(OAuthTokenAuth::from_env()).blocking().header().unwrap_err();
    assert_eq!((error.kind(), error.location()), (ErrorKind::NotConfigured, Some("YC_OAUTH_TOKEN")));
}

#[test]
fn the_life_of_the_token_comes_from_the_response() {
    let test_system = TestSystem::new().answering(cloud(exchanged()));
    let credentials = given(&test_system);
    header(&credentials);
    let expires_at = credentials.snapshot().unwrap().expires_at().unwrap();
    let left = expires_at.duration_since(SystemTime::UNIX_EPOCH).unwrap() - test_system.clock.now().wall;
    assert_eq!(left, secs(12 * 3600));
}

#[test]
fn a_refusal_names_iam_the_cause_and_other_methods() {
    let body = |message: &str| format!(r#"{{"code":16,"message":"{message}"}}"#);
    // status, body -> words of the reason
    for (status, body, words) in [
        (400, TOO_NEW.to_owned(), "is not supported for IAM token exchange"),
        (401, body("OAuth token is invalid or expired"), "OAuth token is invalid or expired"),
        (401, body("User does not registered in Yandex.cloud"), "User does not registered"),
        (403, String::new(), "HTTP 403"),
        (404, "nothing here".to_owned(), "nothing here"),
    ] {
        let test_system = TestSystem::new().answering(cloud(TestReply::status(status, body)));
        let error = failure(&test_system);
        assert_eq!((error.kind(), error.method()), (ErrorKind::Refused, Some(Method::OAuthToken)), "{error}");
        assert_eq!(error.location(), Some("https://iam.api.cloud.yandex.net/iam/v1/tokens"));
        assert!(error.reason().contains(words), "{error}");
        let help = error.help().unwrap();
        for replacement in [
            "2026-06-01",
            "API key (YC_API_KEY)",
            "authorized key (YC_SERVICE_ACCOUNT_KEY_FILE)",
            "workload identity (YC_OIDC_TOKEN_FILE)",
            "the metadata service of a machine",
            "the yc CLI with a browser login",
            "`yc init --username=…`",
            "`yc init --federation-id=…`",
        ] {
            assert!(help.contains(replacement), "{help}");
        }
    }
    let too_new = failure(&TestSystem::new().answering(cloud(TestReply::status(400, TOO_NEW))));
    let expired = failure(&TestSystem::new().answering(cloud(TestReply::status(401, body("expired")))));
    assert_ne!(too_new.help(), expired.help(), "the error for new tokens has its own help");
}

#[test]
fn a_response_without_a_token_is_an_outage_with_the_reason() {
    for (reply, reason) in [
        (TestReply::status(200, ""), "not JSON"),
        (TestReply::status(200, "<html>"), "not JSON"),
        (TestReply::status(200, "[]"), "not a JSON object"),
        (TestReply::status(200, "{}"), "`iamToken`"),
        (TestReply::status(200, r#"{"iam_token":"t1.FAKE"}"#), "`iamToken`"),
        (TestReply::status(200, r#"{"iamToken":"Bearer FAKE"}"#), "`iamToken`"),
        (TestReply::status(200, r#"{"iamToken":"t1.FAKE","expiresAt":"tomorrow"}"#), "`expiresAt`"),
        (
            TestReply::status(200, r#"{"iamToken":"t1.FAKE","expiresAt":"2026-11-23T00:00:00Z"}"#),
            "a lifetime of 0 s",
        ),
        (
            TestReply::status(200, r#"{"iamToken":"t1.FAKE","expiresAt":"2027-11-24T00:00:00Z"}"#),
            "a lifetime of",
        ),
        (TestReply::status(200, vec![b' '; 2 << 20]), "too large"),
        (TestReply::status(500, ""), "HTTP 500"),
        (TestReply::Fail(HttpFault::Tls), "Tls"),
        (TestReply::Fail(HttpFault::Interrupted), "Interrupted"),
    ] {
        let test_system = TestSystem::new().answering(cloud(reply.clone()));
        let error = failure(&test_system);
        assert_eq!(
            (error.kind(), error.method()),
            (ErrorKind::Unavailable, Some(Method::OAuthToken)),
            "{error}"
        );
        assert!(error.reason().contains(reason), "{reply:?}: {error}");
        assert!(!error.to_string().contains("FAKE"), "{error}");
    }
}

#[test]
fn a_new_token_is_valid_when_the_local_clock_is_wrong() {
    // The clock of the server is two days ahead of the local clock, or two days behind.
    for (date, expires_at) in [
        ("Thu, 26 Nov 2026 00:00:00 GMT", "2026-11-26T12:00:00Z"),
        ("Sun, 22 Nov 2026 00:00:00 GMT", "2026-11-22T12:00:00Z"),
    ] {
        let body = format!(r#"{{"iamToken":"{IAM_TOKEN}","expiresAt":"{expires_at}"}}"#);
        let reply = TestReply::Response(200, vec![("date", date.to_owned())], body.into_bytes());
        // IAM gives one token only: a refresh in the background would start another life.
        let test_system = TestSystem::new().answering(move |request, count| match count {
            0 | 1 => cloud(reply.clone())(request, count),
            _ => TestReply::Fail(HttpFault::Unreachable),
        });
        let credentials = given(&test_system);
        assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"), "{date}");
        test_system.clock.advance(secs(11 * 3600));
        assert!(credentials.snapshot().is_some(), "{date}: the token is valid for its whole life");
        test_system.clock.advance(secs(3600));
        assert!(credentials.snapshot().is_none(), "{date}: the token is not valid after its life");
    }
}

#[test]
fn the_error_of_a_busy_iam_has_the_time_to_wait() {
    let busy = TestReply::Response(429, vec![("retry-after", "30".to_owned())], Vec::new());
    let error = failure(&TestSystem::new().answering(cloud(busy)));
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::Unavailable, Some(secs(30))));
    assert!(error.is_transient());
}

#[test]
fn the_error_has_the_request_id_for_support() {
    let reply = TestReply::Response(500, vec![("x-request-id", "FAKE-request-1".to_owned())], Vec::new());
    assert!(failure(&TestSystem::new().answering(cloud(reply))).to_string().contains("FAKE-request-1"));
}

#[test]
fn an_invalid_value_is_an_error_of_the_constructor() {
    for value in ["", " ", "y0_FAKE\nFAKE", "y0_FAKE\0", "y0_ФАЛЬШЬ", "Bearer y0_FAKE", IAM_TOKEN] {
        let error = OAuthTokenAuth::new(value).unwrap_err();
        assert_eq!(
            (error.kind(), error.method()),
            (ErrorKind::Invalid, Some(Method::OAuthToken)),
            "{value:?}"
        );
        assert!(!error.to_string().contains("FAKE"), "{error}");
    }
    assert!(OAuthTokenAuth::new("AQAAAA-FAKE-legacy").is_ok(), "older tokens have another prefix");
}

#[test]
fn max_age_sets_how_often_the_token_is_exchanged() {
    let (sender, requested) = mpsc::channel();
    let sender = Mutex::new(sender);
    let test_system = TestSystem::new().answering(move |request, count| {
        if request.uri().path() == "/iam/v1/tokens" {
            let _ = sender.lock().unwrap().send(());
        }
        cloud(exchanged())(request, count)
    });
    let auth = OAuthTokenAuth::builder(OAUTH_TOKEN).unwrap().max_age(secs(600)).build();
    let credentials = test_system.with(auth);
    header(&credentials);
    requested.recv().unwrap();
    test_system.clock.advance(secs(599));
    header(&credentials);
    assert!(requested.try_recv().is_err());
    test_system.clock.advance(secs(1));
    header(&credentials);
    requested.recv().unwrap();
}
