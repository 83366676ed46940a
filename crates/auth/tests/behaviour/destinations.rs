//! The hosts that may get an OAuth token: those of Yandex Cloud and those given in code, over TLS, and loopback.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{IAM_TOKEN, OAUTH_TOKEN, TestSystem, cloud, exchanged};
use proptest::prelude::*;
use test_support::token_source::header;
use yandex_cloud_auth::HeaderOptions;
use yandex_cloud_auth::testing::TestReply;
use yandex_cloud_auth::{ApiKeyAuth, Endpoints, Error, ErrorKind, OAuthTokenAuth, YandexCloudCliAuth};

/// A system whose discovery lists `iam`, and the list of hosts that received the token.
fn test_system(iam: &'static str) -> (TestSystem, Arc<Mutex<Vec<String>>>) {
    let shown: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&shown);
    let test_system = TestSystem::new().answering(move |request, _| {
        let everything = format!("{request:?} {}", String::from_utf8_lossy(request.body()));
        if everything.contains(OAUTH_TOKEN) {
            let uri = request.uri();
            seen.lock().unwrap().push(format!("{}://{}", uri.scheme().unwrap(), uri.authority().unwrap()));
        }
        match request.uri().path() {
            "/endpoints" => {
                TestReply::status(200, format!(r#"{{"endpoints":[{{"id":"iam","address":"{iam}"}}]}}"#))
            }
            _ => exchanged(),
        }
    });
    (test_system, shown)
}

fn ask(test_system: &TestSystem, endpoints: Endpoints) -> Result<(), Error> {
    let auth = OAuthTokenAuth::new(OAUTH_TOKEN).unwrap();
    let one_attempt = HeaderOptions::new().deadline(Duration::from_millis(1));
    test_system.clone().at(endpoints).with(auth).blocking().header_with(one_attempt).map(|_| ())
}

#[test]
fn a_discovered_host_must_belong_to_yandex_cloud_or_to_the_endpoint() {
    // endpoint in code, host from discovery -> host that gets the token
    for (endpoint, iam, goes) in [
        ("api.cloud.yandex.net", "iam.api.cloud.yandex.net:443", Some("https://iam.api.cloud.yandex.net")),
        ("api.cloud.yandex.net", "IAM.API.CLOUD.YANDEX.NET.", Some("https://iam.api.cloud.yandex.net")),
        ("api.yandexcloud.kz", "iam.api.yandexcloud.kz:443", Some("https://iam.api.yandexcloud.kz")),
        ("api.yandexcloud.kz", "api.yandexcloud.kz:8443", Some("https://api.yandexcloud.kz:8443")),
        ("api.corp.example", "iam.api.corp.example", Some("https://iam.api.corp.example")),
        ("api.corp.example", "api.corp.example:8443", Some("https://api.corp.example:8443")),
        ("api.corp.example", "iam.api.cloud.yandex.net", Some("https://iam.api.cloud.yandex.net")),
        // A host without a scheme has the scheme of the endpoint.
        ("http://127.0.0.1:9", "127.0.0.1:10", Some("http://127.0.0.1:10")),
        ("https://127.0.0.1:9", "127.0.0.1:10", Some("https://127.0.0.1:10")),
        ("http://localhost:9", "https://localhost:10", Some("https://localhost:10")),
        ("127.0.0.1:9", "http://[::1]:10", Some("http://[::1]:10")),
        // Hosts that must not get the token: those of another installation first.
        ("api.cloud.yandex.net", "iam.api.yandexcloud.kz:443", None),
        ("api.yandexcloud.kz", "iam.api.cloud.yandex.net:443", None),
        ("api.yandexcloud.kz", "auth.yandex.cloud", None),
        ("api.cloud.yandex.net", "iam.example.com:443", None),
        ("api.cloud.yandex.net", "iam.api.cloud.yandex.net.example.com", None),
        ("api.cloud.yandex.net", "iamapi.cloud.yandex.net", None),
        ("api.cloud.yandex.net", "evilapi.cloud.yandex.net", None),
        ("api.cloud.yandex.net", "functions.yandexcloud.net", None),
        ("api.cloud.yandex.net", "storage.yandexcloud.net", None),
        ("api.cloud.yandex.net", "http://iam.api.cloud.yandex.net", None),
        ("api.cloud.yandex.net", "127.0.0.1:443", None),
        ("api.cloud.yandex.net", "localhost:443", None),
        ("api.cloud.yandex.net", "169.254.169.254", None),
        ("api.corp.example", "iam.corp.example", None),
        ("api.corp.example", "evilapi.corp.example", None),
        ("api.corp.example", "http://iam.api.corp.example", None),
        ("http://127.0.0.1:9", "10.0.0.1:10", None),
        ("http://127.0.0.1:9", "http://iam.api.cloud.yandex.net", None),
    ] {
        let (test_system, shown) = test_system(iam);
        let outcome = ask(&test_system, Endpoints::new().api(endpoint));
        let expected: Vec<String> = goes.map(str::to_owned).into_iter().collect();
        assert_eq!(*shown.lock().unwrap(), expected, "{endpoint} lists {iam}");
        match goes {
            Some(_) => outcome.unwrap(),
            None => {
                let error = outcome.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Blocked, "{endpoint} lists {iam}: {error}");
                assert!(error.help().unwrap().contains("in code"), "{:?}", error.help());
                assert_eq!(test_system.http.requests().len(), 1, "no request goes to that host");
            }
        }
    }
}

#[test]
fn an_invalid_address_from_discovery_is_an_outage() {
    for iam in ["", "user@iam.api.cloud.yandex.net", "iam.api.cloud.yandex.net/x", "ftp://h", "h:0"] {
        let (test_system, shown) = test_system(iam);
        let error = ask(&test_system, Endpoints::new().api("api.corp.example")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{iam}: {error}");
        assert!(shown.lock().unwrap().is_empty());
    }
}

#[test]
fn without_tls_the_token_goes_only_to_loopback_unless_code_allows_plaintext() {
    for endpoint in [
        "http://api.cloud.yandex.net",
        "http://api.corp.example",
        "http://10.0.0.1:8080",
        "http://169.254.169.254",
        "http://127.0.0.1.example.com",
        "http://notlocalhost",
    ] {
        let (test_system, shown) = test_system("iam.api.cloud.yandex.net");
        let in_code = ask(&test_system, Endpoints::new().api(endpoint)).unwrap_err();
        let as_iam = ask(&test_system, Endpoints::new().iam(endpoint)).unwrap_err();
        let in_variable = {
            let test_system = test_system.clone().set("YC_API_ENDPOINT", endpoint);
            ask(&test_system, Endpoints::new()).unwrap_err()
        };
        for error in [in_code, as_iam, in_variable] {
            assert_eq!(error.kind(), ErrorKind::Blocked, "{endpoint}: {error}");
            assert!(error.reason().contains("does not use TLS"), "{error}");
            assert!(error.help().is_some());
        }
        assert!(shown.lock().unwrap().is_empty(), "{endpoint}");
        assert!(test_system.http.requests().is_empty(), "{endpoint}: no request is sent");
    }

    let (test_system, shown) = test_system("http://iam.api.corp.example");
    ask(&test_system, Endpoints::new().api("http://api.corp.example").danger_allow_plaintext()).unwrap();
    assert_eq!(*shown.lock().unwrap(), ["http://iam.api.corp.example"]);
}

#[test]
fn a_host_in_code_gets_the_token_without_a_warning() {
    let (test_system, shown) = test_system("iam.api.cloud.yandex.net");
    ask(&test_system, Endpoints::new().iam("iam.corp.example")).unwrap();
    assert_eq!(*shown.lock().unwrap(), ["https://iam.corp.example"]);
    assert!(test_system.log.warnings().iter().all(|line| !line.contains("not Yandex Cloud's")));
}

#[test]
fn a_foreign_endpoint_in_the_environment_is_in_the_report_and_in_the_log() {
    for (endpoint, foreign) in [
        ("", false),
        ("api.cloud.yandex.net:443", false),
        ("api.yandexcloud.kz:443", false),
        ("https://127.0.0.1:9", false),
        ("localhost:9", false),
        ("api.corp.example", true),
        ("api.cloud.yandex.net.example.com", true),
        ("10.0.0.1", true),
    ] {
        let iam =
            if endpoint.contains(".kz") { "iam.api.yandexcloud.kz" } else { "iam.api.cloud.yandex.net" };
        let (test_system, _) = test_system(iam);
        let test_system = test_system.set("YC_API_ENDPOINT", endpoint).set("YC_OAUTH_TOKEN", OAUTH_TOKEN);
        let credentials = test_system.automatic();
        header(&credentials);
        let report = credentials.report().unwrap();
        let host = endpoint.split(':').next().unwrap();
        let noted = report.notes().iter().any(|note| note.contains("YC_API_ENDPOINT") && note.contains(host));
        assert_eq!(noted, foreign, "{endpoint}: {report}");
        assert_eq!(report.to_string().contains("note: "), foreign, "{report}");
        let warned = test_system.log.warnings().iter().any(|line| line.contains("YC_API_ENDPOINT"));
        assert_eq!(warned, foreign, "{endpoint}: {:?}", test_system.log.warnings());
    }
}

#[test]
fn a_foreign_endpoint_in_the_environment_for_yc_gives_a_warning() {
    let test_system =
        TestSystem::new().with_yc(crate::support::logged_in).set("YC_API_ENDPOINT", "api.corp.example");
    header(&test_system.with(YandexCloudCliAuth::new()));
    let warnings = test_system.log.warnings();
    assert!(warnings.iter().any(|line| line.contains("api.corp.example")), "{warnings:?}");

    let test_system = TestSystem::new().with_yc(crate::support::logged_in);
    let test_system = test_system.at(Endpoints::new().api("api.corp.example"));
    header(&test_system.with(YandexCloudCliAuth::new()));
    assert!(test_system.log.warnings().is_empty(), "an endpoint in code gives no warning");
}

#[test]
fn a_redirect_of_iam_is_never_followed() {
    for status in [301, 302, 303, 307, 308] {
        let location = vec![("location", "https://iam.example.com/iam/v1/tokens".to_owned())];
        let test_system =
            TestSystem::new().answering(cloud(TestReply::Response(status, location, Vec::new())));
        let error = ask(&test_system, Endpoints::new()).unwrap_err();
        // Another attempt would find the same server.
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(!error.is_transient());
        let words = format!("HTTP {status}, a redirect to iam.example.com; redirects are not followed");
        assert!(error.reason().contains(&words), "{error}");
        let help = error.help().unwrap();
        assert!(help.contains("does not come from the service") && !help.contains("OAuth"), "{help}");
        assert!(test_system.http.requests().iter().all(|request| !request.contains("example.com")));
    }
}

#[test]
fn the_library_sends_no_request_for_static_credentials() {
    let test_system = TestSystem::new();
    header(&test_system.with(ApiKeyAuth::new("AQVN-FAKE").unwrap()));
    header(&test_system.with(yandex_cloud_auth::IamTokenAuth::new(IAM_TOKEN).unwrap()));
    assert!(test_system.http.requests().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_address_from_discovery_sends_the_token_to_another_host(
        before in "[a-z.@:/\\\\%#?-]{0,12}",
        host in prop::sample::select(vec!["api.cloud.yandex.net", "iam.api.cloud.yandex.net", "", "127.0.0.1"]),
        after in "[a-z.@:/\\\\%#?0-9-]{0,12}",
    ) {
        let text: &'static str = Box::leak(format!("{before}{host}{after}").into_boxed_str());
        let (test_system, shown) = test_system(Box::leak(serde_json::to_string(text).unwrap().into_boxed_str()).trim_matches('"'));
        let _ = ask(&test_system, Endpoints::new().api("api.cloud.yandex.net"));
        for url in &*shown.lock().unwrap() {
            let host = url.strip_prefix("https://").unwrap().split(':').next().unwrap();
            prop_assert!(host == "api.cloud.yandex.net" || host.ends_with(".api.cloud.yandex.net"), "{text}: {url}");
            prop_assert!(!url.contains('@'), "{url}");
        }
    }

    #[test]
    fn no_response_of_discovery_panics(body: Vec<u8>, field in "\\PC{0,40}") {
        for body in [body.clone(), serde_json::json!({"endpoints": [{"id": "iam", "address": field}]}).to_string().into()] {
            let test_system = TestSystem::new().always(TestReply::status(200, body));
            let error = ask(&test_system, Endpoints::new().api("api.corp.example")).unwrap_err();
            prop_assert!(!error.reason().contains("dropped"), "{error}");
        }
    }
}
