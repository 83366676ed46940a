//! Errors: the kind of each failure, and that each has a location, a reason and a help text.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use crate::support::{IAM_TOKEN, OAUTH_TOKEN, TestSystem, cloud, logged_in};
use test_support::wait::secs;
use yandex_cloud_auth::system::HttpFault;
use yandex_cloud_auth::testing::{TestReply, TestRun};
use yandex_cloud_auth::{
    ApiKeyAuth, Credentials, Endpoints, EnvIamTokenAuth, Error, ErrorKind, HeaderOptions, IamTokenAuth,
    MetadataAuth, Method, OAuthTokenAuth, YandexCloudCliAuth,
};

fn failure(credentials: &Credentials) -> Error {
    test_support::token_source::first_failure(credentials)
}

/// One failure of each sort, with its kind.
fn failures() -> Vec<(&'static str, ErrorKind, Error)> {
    let status = |status| TestSystem::new().always(TestReply::status(status, ""));
    let iam = |status| {
        let test_system = TestSystem::new().answering(cloud(TestReply::status(status, "")));
        failure(&test_system.with(OAuthTokenAuth::new(OAUTH_TOKEN).unwrap()))
    };
    let metadata = |test_system: &TestSystem| failure(&test_system.with(MetadataAuth::new()));
    let yc = |run: TestRun| {
        failure(&TestSystem::new().with_yc(move |_| run.clone()).with(YandexCloudCliAuth::new()))
    };
    let variable = |name, value| TestSystem::new().set(name, value);
    let oauth_at = |endpoint: &str| {
        let auth = OAuthTokenAuth::new(OAUTH_TOKEN).unwrap();
        failure(
            &TestSystem::new()
                .at(Endpoints::new().api(endpoint))
                .answering(cloud(TestReply::status(500, "")))
                .with(auth),
        )
    };
    let expired = {
        let test_system = variable("YC_IAM_TOKEN", IAM_TOKEN);
        let credentials = test_system.with(IamTokenAuth::from_env());
        credentials.blocking().header().unwrap();
        test_system.clock.advance(secs(13 * 3600));
        failure(&credentials)
    };
    vec![
        ("nothing is set", ErrorKind::NotConfigured, failure(&TestSystem::new().automatic())),
        ("no key", ErrorKind::NotConfigured, failure(&TestSystem::new().with(ApiKeyAuth::from_env()))),
        ("no variable", ErrorKind::NotConfigured, failure(&TestSystem::new().with(EnvIamTokenAuth::new()))),
        ("no yc", ErrorKind::NotConfigured, failure(&TestSystem::new().with(YandexCloudCliAuth::new()))),
        ("a bad string", ErrorKind::Invalid, Credentials::from_string("").unwrap_err()),
        ("a bad value", ErrorKind::Invalid, failure(&variable("YC_API_KEY", "a b").automatic())),
        ("a bad address", ErrorKind::Invalid, failure(&variable("YC_METADATA_ADDR", "h/x").automatic())),
        ("a bad endpoint", ErrorKind::Invalid, oauth_at("ftp://h")),
        ("no token file", ErrorKind::Invalid, failure(&variable("YC_IAM_TOKEN_FILE", "/x").automatic())),
        ("metadata 404", ErrorKind::Refused, metadata(&status(404))),
        ("metadata 403", ErrorKind::Refused, metadata(&status(403))),
        ("metadata 408", ErrorKind::Unavailable, metadata(&status(408))),
        ("metadata 429", ErrorKind::Unavailable, metadata(&status(429))),
        ("metadata 500", ErrorKind::Unavailable, metadata(&status(500))),
        ("metadata 301", ErrorKind::Refused, metadata(&status(301))),
        ("metadata unreadable", ErrorKind::Unavailable, metadata(&status(200))),
        (
            "metadata unreachable",
            ErrorKind::Unavailable,
            metadata(&TestSystem::new().always(TestReply::Fail(HttpFault::ConnectRefused))),
        ),
        ("IAM 400", ErrorKind::Refused, iam(400)),
        ("IAM 401", ErrorKind::Refused, iam(401)),
        ("IAM 403", ErrorKind::Refused, iam(403)),
        ("IAM 408", ErrorKind::Unavailable, iam(408)),
        ("IAM 429", ErrorKind::Unavailable, iam(429)),
        ("IAM 503", ErrorKind::Unavailable, iam(503)),
        ("IAM unreadable", ErrorKind::Unavailable, iam(200)),
        ("discovery down", ErrorKind::Unavailable, oauth_at("127.0.0.1:9")),
        ("no TLS", ErrorKind::Blocked, oauth_at("http://api.corp.example")),
        ("a foreign host", ErrorKind::Blocked, {
            let foreign = r#"{"endpoints":[{"id":"iam","address":"iam.example.com"}]}"#;
            let test_system = TestSystem::new().always(TestReply::status(200, foreign));
            failure(&test_system.with(OAuthTokenAuth::new(OAUTH_TOKEN).unwrap()))
        }),
        ("yc fails", ErrorKind::Unavailable, yc(TestRun::Exit(1, String::new(), "oops".to_owned()))),
        (
            "yc is refused",
            ErrorKind::Refused,
            yc(TestRun::Exit(1, String::new(), "code = Unauthenticated".to_owned())),
        ),
        ("yc prints nothing", ErrorKind::Unavailable, yc(TestRun::prints(""))),
        ("yc does not start", ErrorKind::Unavailable, yc(TestRun::Fail(io::ErrorKind::PermissionDenied))),
        ("12 h old", ErrorKind::Expired, expired),
        ("too short a life", ErrorKind::Expired, {
            let test_system = TestSystem::new().with_yc(logged_in);
            let credentials = test_system.with(YandexCloudCliAuth::new());
            let options = HeaderOptions::new().min_ttl(secs(20 * 3600));
            credentials.blocking().header_with(options).unwrap_err()
        }),
    ]
}

#[test]
fn each_failure_has_its_kind() {
    for (name, kind, error) in failures() {
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert_eq!(error.is_transient(), kind == ErrorKind::Unavailable, "{name}");
    }
}

#[test]
fn each_failure_is_one_line_with_location_and_reason() {
    for (name, _, error) in failures() {
        let line = error.to_string();
        assert!(!line.contains('\n') && line.len() < 2048, "{name}: {line}");
        assert!(!line.ends_with('.'), "{name}: {line}");
        let reason = error.reason();
        assert!(!reason.is_empty() && line.ends_with(reason), "{name}: {line}");
        let first = line.chars().next().unwrap();
        assert!(!first.is_uppercase(), "{name}: {line}");
        let method = error.method().map(|method| format!("{method}: ")).unwrap_or_default();
        let place = error.location().map(|place| format!("{place}: ")).unwrap_or_default();
        assert_eq!(line, format!("{method}{place}{reason}"), "{name}");
        assert_eq!(error.method().is_none(), name == "nothing is set", "{name}: {line}");
    }
}

#[test]
fn each_failure_has_a_help_text() {
    for (name, _, error) in failures() {
        assert!(error.help().is_some_and(|help| help.len() > 10), "{name}: {error}");
        assert!(!error.help().unwrap().ends_with('.'), "{name}: {:?}", error.help());
    }
}

#[test]
fn the_help_of_an_unreachable_service_names_what_to_check() {
    let at = |fault| {
        let discovery =
            TestSystem::new().set("YC_API_ENDPOINT", "api.corp.example").always(TestReply::Fail(fault));
        let iam = TestSystem::new().answering(cloud(TestReply::Fail(fault)));
        [discovery, iam]
            .map(|test_system| failure(&test_system.with(OAuthTokenAuth::new(OAUTH_TOKEN).unwrap())))
    };
    for (fault, word) in [
        (HttpFault::ConnectRefused, "YC_API_ENDPOINT"),
        (HttpFault::ConnectTimeout, "HTTPS_PROXY"),
        (HttpFault::Unreachable, "HTTPS_PROXY"),
        (HttpFault::NameResolution, "YC_API_ENDPOINT"),
        (HttpFault::Proxy, "NO_PROXY"),
        (HttpFault::ProxyAuthentication, "user:password@"),
        (HttpFault::Tls, "SSL_CERT_FILE"),
        (HttpFault::Interrupted, "unavailable at the moment"),
        (HttpFault::Malformed, "proxy"),
        (HttpFault::TooLarge, "proxy"),
        (HttpFault::Request, "tokio"),
    ] {
        for error in at(fault) {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            assert!(error.help().unwrap().contains(word), "{error}: {:?}", error.help());
        }
    }
}

#[test]
fn kinds_have_stable_names() {
    for (kind, name) in [
        (ErrorKind::NotConfigured, "not-configured"),
        (ErrorKind::Invalid, "invalid"),
        (ErrorKind::Unavailable, "unavailable"),
        (ErrorKind::Refused, "refused"),
        (ErrorKind::Expired, "expired"),
        (ErrorKind::Blocked, "blocked"),
    ] {
        assert_eq!(kind.name(), name);
    }
}

#[test]
fn methods_have_stable_names() {
    for (method, name) in [
        (Method::ApiKey, "api-key"),
        (Method::EnvIamToken, "env-iam-token"),
        (Method::Function, "function"),
        (Method::IamToken, "iam-token"),
        (Method::Metadata, "metadata"),
        (Method::None, "none"),
        (Method::OAuthToken, "oauth-token"),
        (Method::ServiceAccountKey, "service-account-key"),
        (Method::TokenFile, "token-file"),
        (Method::YandexCloudCli, "yandex-cloud-cli"),
    ] {
        assert_eq!((method.name(), &*method.to_string()), (name, name));
    }
}

#[test]
fn an_error_of_the_program_is_redacted() {
    let error = Error::new(ErrorKind::Unavailable, "  the vault\u{1b}[31m says\nt1.FAKE-token.x  ")
        .at("https://user:FAKE@vault.example")
        .with_help("open the vault")
        .with_retry_after(secs(3))
        .with_source(io::Error::from(io::ErrorKind::BrokenPipe));
    assert_eq!(error.to_string(), "https://***@vault.example: the vault\\u{1b}[31m says\\nt1.***");
    assert_eq!((error.help(), error.retry_after()), (Some("open the vault"), Some(secs(3))));
    assert!(error.source().unwrap().downcast_ref::<io::Error>().is_some());
    assert_eq!(error.clone().to_string(), error.to_string());
    let long = Error::new(ErrorKind::Invalid, "x".repeat(1 << 20));
    assert!(long.to_string().len() <= 1024 + '…'.len_utf8());
}

#[test]
fn errors_and_credentials_can_move_between_threads() {
    fn moves_between_threads<T: Send + Sync + Clone + 'static>() {}
    moves_between_threads::<Error>();
    moves_between_threads::<Credentials>();
}

#[test]
fn an_error_has_its_cause_as_source() {
    let test_system = TestSystem::new().always(TestReply::Fail(HttpFault::ConnectRefused));
    let error = failure(&test_system.with(MetadataAuth::new()));
    assert!(error.source().is_some());
    let error = failure(
        &TestSystem::new()
            .with_yc(|_| TestRun::Fail(io::ErrorKind::PermissionDenied))
            .with(YandexCloudCliAuth::new()),
    );
    assert!(error.source().unwrap().downcast_ref::<io::Error>().is_some());
}

#[test]
fn an_error_has_the_retry_after_of_the_server() {
    let date = "Tue, 24 Nov 2026 00:00:00 GMT";
    for (after, wait) in [
        ("7", Some(secs(7))),
        ("Tue, 24 Nov 2026 00:01:00 GMT", Some(secs(60))),
        ("soon", None),
        ("-1", None),
        // A number that does not fit is very long, and not unknown.
        ("99999999999999999999999", Some(secs(365 * 24 * 3600))),
    ] {
        for status in [429, 503] {
            let headers = vec![("retry-after", after.to_owned()), ("date", date.to_owned())];
            let test_system = TestSystem::new().always(TestReply::Response(status, headers, Vec::new()));
            let error = failure(&test_system.with(MetadataAuth::new()));
            assert_eq!(error.retry_after(), wait, "{after}");
        }
    }
    assert_eq!(Duration::from_secs(7), secs(7));
}
