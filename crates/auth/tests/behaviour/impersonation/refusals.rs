//! Credentials that cannot impersonate, tokens that IAM refuses, and the errors.

use std::error::Error as _;

use super::{ACCOUNT, DISCOVERY, IMPERSONATE, by, failure, given, iam, impersonation_in, of};
use crate::support::{API_KEY, TestSystem};
use test_support::token_source::{Source, header};
use test_support::wait::secs;
use yandex_cloud_auth::testing::TestReply;
use yandex_cloud_auth::{
    ApiKeyAuth, Credentials, EnvIamTokenAuth, Error, ErrorKind, HeaderOptions, IamTokenAuth,
    ImpersonationAuth, MetadataAuth, Method, NoAuth,
};

#[test]
fn credentials_without_an_iam_token_are_an_error_at_once() {
    let test_system = TestSystem::new().set("YC_API_KEY", API_KEY).answering(iam);
    for (credentials, name) in [
        (Credentials::from(ApiKeyAuth::new(API_KEY).unwrap()), "api-key"),
        (ApiKeyAuth::from_env().into(), "api-key"),
        (NoAuth::new().into(), "none"),
        (Credentials::automatic(), "api-key"),
    ] {
        let error = failure(&test_system.with(by(credentials)));
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.reason().contains(name) && error.reason().contains("no IAM token"), "{error}");
        assert!(error.help().unwrap().contains("metadata"));
    }
    assert!(test_system.http.requests().is_empty());
}

#[test]
fn an_invalid_service_account_id_is_an_error_that_does_not_show_the_value() {
    let test_system = TestSystem::new().answering(iam);
    for id in ["", "HUSH", "t1.HUSH.x", "AQVN-HUSH", "my robot HUSH", "aje/HUSH", &"h".repeat(51)] {
        let credentials = test_system.with(ImpersonationAuth::new(id, given()));
        let error = failure(&credentials);
        assert_eq!(
            (error.kind(), error.location()),
            (ErrorKind::Invalid, Some("service account id")),
            "{id}"
        );
        assert!(error.help().is_some());
        let shown = format!("{:?} {:?}", ImpersonationAuth::new(id, given()), test_system.log.lines());
        assert!(!shown.contains("HUSH") && !shown.contains("hhhh"), "{shown}");
    }
    assert!(test_system.http.requests().is_empty());
}

/// An IAM that refuses these bearer tokens with the status 401.
fn unauthenticated(
    refused: &'static [&'static str],
) -> impl Fn(&http::Request<Vec<u8>>, usize) -> TestReply + Send + Sync + 'static {
    move |request, count| match impersonation_in(request) {
        Some((bearer, _)) if refused.contains(&&*bearer) => TestReply::status(
            401,
            format!(r#"{{"code":16,"message":"The token {bearer} is invalid","details":[]}}"#),
        ),
        _ => iam(request, count),
    }
}

#[test]
fn a_token_that_iam_refuses_is_replaced_once() {
    let source = Source::living(secs(3600));
    let test_system = TestSystem::new().answering(unauthenticated(&["t1.fake.0"]));
    let underlying = Credentials::from_source(source.clone()).with_system(test_system.system());
    let stale = underlying.blocking().get(HeaderOptions::new()).unwrap();
    let credentials = test_system.with(by(underlying.clone()));
    assert_eq!(header(&credentials), format!("Bearer {}", of(ACCOUNT, "t1.fake.1")));
    assert_eq!(source.started(), 2);
    assert_eq!(test_system.http.requests(), [DISCOVERY, IMPERSONATE, IMPERSONATE]);
    assert!(
        underlying.snapshot().unwrap().generation() > stale.generation(),
        "all users of the credentials drop the token"
    );
}

#[test]
fn a_second_refused_token_is_an_error() {
    let source = Source::living(secs(3600));
    let test_system = TestSystem::new().answering(unauthenticated(&["t1.fake.0", "t1.fake.1", "t1.fake.2"]));
    let error = failure(&test_system.with(by(Credentials::from_source(source.clone()))));
    assert_eq!((error.kind(), source.started()), (ErrorKind::Refused, 2));
    assert!(error.reason().contains("HTTP 401") && !error.reason().contains("fake"), "{error}");
    assert!(error.help().unwrap().contains("custom"), "{:?}", error.help());
    assert_eq!(test_system.http.requests(), [DISCOVERY, IMPERSONATE, IMPERSONATE]);
}

#[test]
fn a_token_without_a_replacement_is_sent_once() {
    let test_system = TestSystem::new().set("YC_TOKEN", "t1.HUSH.env").answering(unauthenticated(&[
        "t1.HUSH.given",
        "t1.HUSH.env",
        "t1.HUSH.same",
    ]));
    let same = Source::new(|_| yandex_cloud_auth::Token::new("t1.HUSH.same"));
    for credentials in [given().into(), EnvIamTokenAuth::new().into(), Credentials::from_source(same)] {
        let before = test_system.http.requests().len();
        let error = failure(&test_system.with(by(credentials)));
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert_eq!(test_system.http.requests()[before..], [DISCOVERY, IMPERSONATE]);
    }
}

#[test]
fn the_help_of_a_refusal_names_what_is_missing() {
    for (status, kind, words) in [
        (403, ErrorKind::Refused, "iam.serviceAccounts.tokenCreator"),
        (404, ErrorKind::Refused, "and not a name"),
        (400, ErrorKind::Refused, "and not a name"),
        (429, ErrorKind::Unavailable, "rate-limiting"),
        (503, ErrorKind::Unavailable, "at the moment"),
        (302, ErrorKind::Refused, "does not come from"),
    ] {
        let test_system =
            TestSystem::new().answering(move |request, count| match impersonation_in(request) {
                Some((bearer, _)) => {
                    TestReply::status(status, format!(r#"{{"code":7,"message":"no {bearer}"}}"#))
                }
                None => iam(request, count),
            });
        let error = failure(&test_system.with(by(given())));
        assert_eq!((error.kind(), error.location()), (kind, IMPERSONATE.strip_prefix("POST ")), "{error}");
        assert!(error.help().unwrap().contains(words), "{status}: {:?}", error.help());
        assert_eq!(test_system.http.requests(), [DISCOVERY, IMPERSONATE], "the request is sent once");
    }
}

#[test]
fn an_error_of_the_underlying_credentials_keeps_its_details() {
    let test_system = TestSystem::new().answering(|request, _| match request.uri().host() {
        Some("169.254.169.254") => {
            TestReply::Response(503, vec![("retry-after", "40".to_owned())], b"busy".to_vec())
        }
        _ => panic!("no request goes to IAM"),
    });
    let error = failure(&test_system.with(by(MetadataAuth::new())));
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::Unavailable, Some(secs(40))));
    assert!(error.reason().contains("metadata: http://169.254.169.254: HTTP 503"), "{error}");
    let cause = error.source().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!((cause.method(), error.help()), (Some(Method::Metadata), cause.help()));

    let nothing = failure(&TestSystem::new().with(by(Credentials::automatic())));
    assert_eq!(nothing.kind(), ErrorKind::NotConfigured);
    assert!(nothing.report().unwrap().to_string().contains("YC_API_KEY"));

    let revoked = IamTokenAuth::new("t1.HUSH\nx").unwrap_err();
    assert!(!revoked.to_string().contains("HUSH"));
}
