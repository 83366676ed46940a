//! The address of IAM: from discovery, from the documentation of the region, or from code.

use std::sync::Mutex;
use std::sync::mpsc;

use super::{DISCOVERY, EXCHANGE, failure, given};
use crate::support::{IAM_TOKEN, OAUTH_TOKEN, TestSystem, cloud, exchanged};
use test_support::token_source::header;
use test_support::wait::{joined, secs};
use yandex_cloud_auth::system::{Clock, HttpFault};
use yandex_cloud_auth::testing::{TestHttp, TestReply};
use yandex_cloud_auth::{Credentials, Endpoints, ErrorKind, Method, OAuthTokenAuth};

#[test]
fn discovery_runs_once_for_all_refreshes_and_again_after_an_outage() {
    let test_system = TestSystem::new().answering(|request, count| match (request.uri().path(), count) {
        ("/iam/v1/tokens", 3) => TestReply::status(503, ""),
        ("/iam/v1/tokens", _) => TestReply::status(
            200,
            // Each response has a new token, with a life that is longer than the test.
            format!(
                r#"{{"iamToken":"t1.FAKE-{count}.x","expiresAt":"2026-11-24T{:02}:00:00Z"}}"#,
                count * 2 + 1
            ),
        ),
        _ => cloud(exchanged())(request, count),
    });
    let credentials = given(&test_system);
    assert_eq!(header(&credentials), "Bearer t1.FAKE-1.x");
    test_system.clock.advance(secs(4 * 3600));
    assert_eq!(header(&credentials), "Bearer t1.FAKE-2.x");
    assert_eq!(test_system.http.requests(), [DISCOVERY, EXCHANGE, EXCHANGE]);

    test_system.clock.advance(secs(2 * 3600));
    assert_eq!(test_support::token_source::first_failure(&credentials).kind(), ErrorKind::Unavailable);
    test_system.clock.advance(secs(60));
    assert_eq!(header(&credentials), "Bearer t1.FAKE-5.x");
    assert_eq!(test_system.http.requests()[3..], [EXCHANGE, DISCOVERY, EXCHANGE]);
}

#[test]
fn the_documented_iam_of_the_region_is_used_while_its_public_endpoint_is_down() {
    for (endpoint, iam) in [
        ("", "iam.api.cloud.yandex.net"),
        ("api.cloud.yandex.net", "iam.api.cloud.yandex.net"),
        ("https://API.CLOUD.YANDEX.NET.:443/", "iam.api.cloud.yandex.net"),
        ("api.yandexcloud.kz:443", "iam.api.yandexcloud.kz"),
    ] {
        for down in [
            TestReply::Fail(HttpFault::ConnectTimeout),
            TestReply::Fail(HttpFault::NameResolution),
            TestReply::status(503, ""),
            TestReply::status(200, "<html>"),
            TestReply::status(200, r#"{"endpoints":[]}"#),
        ] {
            let reply = down.clone();
            let test_system =
                TestSystem::new().set("YC_API_ENDPOINT", endpoint).answering(move |request, _| match request
                    .uri()
                    .path()
                {
                    "/endpoints" => reply.clone(),
                    _ => exchanged(),
                });
            assert_eq!(header(&given(&test_system)), format!("Bearer {IAM_TOKEN}"), "{endpoint} {down:?}");
            assert_eq!(
                test_system.http.requests()[1],
                format!("POST https://{iam}/iam/v1/tokens"),
                "{endpoint}"
            );
        }
    }
}

#[test]
fn an_outage_of_another_endpoint_is_an_error() {
    for endpoint in ["api.corp.example", "http://127.0.0.1:9", "api.cloud.yandex.net:8443", "localhost:9"] {
        let test_system = TestSystem::new().set("YC_API_ENDPOINT", endpoint).answering(|request, _| {
            assert_eq!(request.uri().path(), "/endpoints", "only discovery is requested");
            TestReply::status(503, "")
        });
        let error = failure(&test_system);
        assert_eq!((error.kind(), error.method()), (ErrorKind::Unavailable, Some(Method::OAuthToken)));
        assert!(error.location().unwrap().ends_with("/endpoints"), "{error}");
    }
}

#[test]
fn an_address_of_iam_given_in_code_skips_discovery() {
    for (iam, url) in [
        ("iam.api.cloud.yandex.net", "https://iam.api.cloud.yandex.net"),
        ("iam.corp.example:8443", "https://iam.corp.example:8443"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
    ] {
        let test_system =
            TestSystem::new().set("YC_API_ENDPOINT", "not an endpoint").answering(cloud(exchanged()));
        let test_system = test_system.at(Endpoints::new().iam(iam));
        let auth = OAuthTokenAuth::new(OAUTH_TOKEN).unwrap();
        assert_eq!(header(&test_system.with(auth)), format!("Bearer {IAM_TOKEN}"));
        assert_eq!(test_system.http.requests(), [format!("POST {url}/iam/v1/tokens")]);
    }
}

#[test]
fn an_endpoint_in_code_takes_precedence_over_the_variable() {
    let test_system =
        TestSystem::new().set("YC_API_ENDPOINT", "not an endpoint").answering(cloud(exchanged()));
    let test_system = test_system.at(Endpoints::new().api("api.cloud.yandex.net:443"));
    let auth = OAuthTokenAuth::new(OAUTH_TOKEN).unwrap();
    assert_eq!(header(&test_system.with(auth)), format!("Bearer {IAM_TOKEN}"));
}

#[test]
fn an_invalid_endpoint_is_an_error_before_any_request() {
    for endpoint in
        ["ftp://h", "h/path", "h?q", "user@h", "https://user:FAKE-password@h", "h:0", "h h", "ключ.рф"]
    {
        let test_system = TestSystem::new().set("YC_API_ENDPOINT", endpoint).answering(cloud(exchanged()));
        let from_variable = failure(&test_system);
        let auth = OAuthTokenAuth::new(OAUTH_TOKEN).unwrap();
        let from_code =
            TestSystem::new().at(Endpoints::new().api(endpoint)).with(auth).blocking().header().unwrap_err();
        for (error, location) in [(from_variable, "YC_API_ENDPOINT"), (from_code, "endpoint")] {
            assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(location)), "{endpoint}");
            assert!(error.help().is_some());
            assert!(!format!("{error} {error:?}").contains("FAKE"), "{error}");
        }
        assert!(test_system.http.requests().is_empty());
    }
}

/// A discovery that takes a second, and an IAM that does not respond to the first request. Later requests succeed.
fn first_exchange_times_out(test_system: &TestSystem) -> (TestHttp, mpsc::Receiver<String>) {
    let (sender, requested) = mpsc::channel();
    let (sender, clock) = (Mutex::new(sender), test_system.clock.clone());
    let http = TestHttp::with_options(move |request, _, count| {
        let reply = match count {
            1 => TestReply::Silence,
            _ => cloud(exchanged())(request, count),
        };
        let pause = (count == 0).then(|| clock.sleep(secs(1)));
        let _ = sender.lock().unwrap().send(request.uri().path().to_owned());
        async move {
            if let Some(pause) = pause {
                pause.await;
            }
            reply
        }
    });
    (http, requested)
}

#[test]
fn discovery_runs_again_after_an_exchange_without_a_response() {
    let test_system = TestSystem::new();
    let (http, requested) = first_exchange_times_out(&test_system);
    let credentials = Credentials::from(OAuthTokenAuth::new(OAUTH_TOKEN).unwrap())
        .with_system(test_system.system().with_http(http.clone()));
    let clone = credentials.clone();
    let call = std::thread::spawn(move || clone.blocking().header());
    assert_eq!(requested.recv().unwrap(), "/endpoints");
    test_system.clock.wait_for_sleepers(3);
    test_system.clock.advance(secs(1));
    assert_eq!(requested.recv().unwrap(), "/iam/v1/tokens");
    test_system.clock.advance(secs(9));
    let error = joined(call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.reason().contains("no token within 10 s"),
        "the limit of the fetch ended the call: {error}"
    );

    test_system.clock.advance(secs(60));
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(http.requests()[2..], [DISCOVERY, EXCHANGE], "discovery runs again");
}

#[test]
fn the_address_of_iam_is_kept_after_a_refusal() {
    let test_system = TestSystem::new().answering(|request, count| match count {
        1 => TestReply::status(401, ""),
        _ => cloud(exchanged())(request, count),
    });
    let credentials = given(&test_system);
    assert_eq!(credentials.blocking().header().unwrap_err().kind(), ErrorKind::Refused);
    test_system.clock.advance(secs(60));
    header(&credentials);
    assert_eq!(test_system.http.requests(), [DISCOVERY, EXCHANGE, EXCHANGE]);
}
