//! The exchange of an OAuth token: discovery of IAM, the request to IAM, and the result of each response.

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::SystemTime;

use crate::support::{IAM_TOKEN, OAUTH_TOKEN, TestSystem, cloud, exchanged};
use test_support::token_source::header;
use test_support::wait::{joined, secs};
use yandex_cloud_auth::system::{Clock, HttpFault};
use yandex_cloud_auth::testing::{TestHttp, TestReply};
use yandex_cloud_auth::{Credentials, Endpoints, Error, ErrorKind, Method, OAuthTokenAuth, System};
use yandex_cloud_emulator::{Emulator, Fault, Service};

const DISCOVERY: &str = "GET https://api.cloud.yandex.net/endpoints";
const EXCHANGE: &str = "POST https://iam.api.cloud.yandex.net/iam/v1/tokens";

/// The message of IAM for a token issued since 2026-06-01.
const TOO_NEW: &str = r#"{"code":3,"message":"OAuth token for user 'FAKE-user', issued after '2026-06-01', is not supported for IAM token exchange","details":[]}"#;

fn given(test_system: &TestSystem) -> Credentials {
    test_system.with(OAuthTokenAuth::new(OAUTH_TOKEN).unwrap())
}

fn failure(test_system: &TestSystem) -> Error {
    test_support::token_source::first_failure(&given(test_system))
}

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

/// Runs the call on a thread, and sends the path of each of its requests to a channel.
fn observed(
    rule: impl Fn(&str) -> TestReply + Send + Sync + 'static,
    endpoints: Endpoints,
    auth: OAuthTokenAuth,
) -> (TestSystem, mpsc::Receiver<String>, std::thread::JoinHandle<Result<(), Error>>) {
    let (sender, requested) = mpsc::channel();
    let sender = Mutex::new(sender);
    let test_system = TestSystem::new().answering(move |request, _| {
        let path = request.uri().path().to_owned();
        let reply = rule(&path);
        let _ = sender.lock().unwrap().send(path);
        reply
    });
    let test_system = test_system.at(endpoints);
    let credentials = test_system.with(auth);
    let call = std::thread::spawn(move || credentials.blocking().header().map(|_| ()));
    (test_system, requested, call)
}

#[test]
fn a_discovery_without_a_response_leaves_time_for_the_exchange() {
    let auth = OAuthTokenAuth::new(OAUTH_TOKEN).unwrap();
    let rule = |path: &str| if path == "/endpoints" { TestReply::Silence } else { exchanged() };
    let (test_system, requested, call) = observed(rule, Endpoints::new(), auth);
    assert_eq!(requested.recv().unwrap(), "/endpoints");
    test_system.clock.wait_for_sleepers(2);
    test_system.clock.advance(secs(5));
    joined(call).unwrap();
    assert_eq!(requested.recv().unwrap(), "/iam/v1/tokens");
}

#[test]
fn an_iam_without_a_response_is_an_error_after_ten_seconds_in_total() {
    let auth = OAuthTokenAuth::new(OAUTH_TOKEN).unwrap();
    let (test_system, requested, call) = observed(|_| TestReply::Silence, Endpoints::new(), auth);
    assert_eq!(requested.recv().unwrap(), "/endpoints");
    test_system.clock.wait_for_sleepers(2);
    test_system.clock.advance(secs(5));
    assert_eq!(requested.recv().unwrap(), "/iam/v1/tokens");
    test_system.clock.advance(secs(5));
    assert_eq!(joined(call).unwrap_err().kind(), ErrorKind::Unavailable);
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

#[test]
fn the_timeout_can_be_set() {
    let auth = OAuthTokenAuth::builder(OAUTH_TOKEN).unwrap().timeout(secs(2)).build();
    let (test_system, requested, call) =
        observed(|_| TestReply::Silence, Endpoints::new().iam("127.0.0.1"), auth);
    assert_eq!(requested.recv().unwrap(), "/iam/v1/tokens");
    test_system.clock.wait_for_sleepers(2);
    test_system.clock.advance(secs(2));
    let error = joined(call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.reason().contains("2 s"), "{error}");
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

fn real(emulator: &Emulator, token: &str) -> Credentials {
    let test_system = TestSystem::new().set("YC_API_ENDPOINT", &emulator.api_url());
    let system = System::real().with_environment(test_system.environment.clone());
    Credentials::from(OAuthTokenAuth::builder(token).unwrap().timeout(secs(2)).build()).with_system(system)
}

#[test]
fn over_a_socket_an_old_token_is_exchanged_and_a_new_token_is_refused() {
    let emulator = Emulator::start_in_thread().unwrap();
    let credentials = real(&emulator, emulator.oauth_token());
    assert!(header(&credentials).starts_with("Bearer t1."));
    assert_eq!(emulator.counters().requests(Service::Endpoints), 1);
    assert_eq!(emulator.counters().requests(Service::Iam), 1);

    let error = real(&emulator, emulator.new_oauth_token()).blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.help().unwrap().contains("since 2026-06-01"), "{:?}", error.help());
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(emulator.new_oauth_token()), "{shown}");

    let error = real(&emulator, "y0_FAKE-unknown").blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

#[test]
fn over_a_socket_each_fault_is_an_error_in_bounded_time() {
    let emulator = Emulator::start_in_thread().unwrap();
    for service in [Service::Endpoints, Service::Iam] {
        for fault in [
            Fault::hang(),
            Fault::reset(),
            Fault::garbage(),
            Fault::huge_body(8 << 20),
            Fault::truncated_body(),
            Fault::status(503),
        ] {
            emulator.faults().clear();
            emulator.faults().add(fault.clone().on(service));
            let error = real(&emulator, emulator.oauth_token()).blocking().header().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{service} {fault:?}: {error}");
            assert_eq!(error.method(), Some(Method::OAuthToken));
        }
    }
}
