//! A loopback `YC_API_ENDPOINT` points a program with an `AuthLayer` at an emulator. No other address of this computer
//! gets the header.

use http::Request;
use test_support::system::isolated_system;
use yandex_cloud_auth::testing::TestEnvironment;
use yandex_cloud_auth::tower::AuthLayer;
use yandex_cloud_auth::{ApiKeyAuth, Credentials, Endpoints, ErrorKind, System};
use yandex_cloud_emulator::{Emulator, Service};

fn system(variables: &[(&str, &str)]) -> System {
    isolated_system().with_environment(TestEnvironment::new(variables.iter().copied()))
}

/// Whether a request to the URL gets the header; otherwise it is blocked, with a help text.
async fn is_allowed(layer: &AuthLayer, url: &str) -> bool {
    let mut request = Request::get(url).body(()).unwrap();
    match layer.authorize(&mut request).await {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Blocked, "{url}: {error}");
            assert!(error.help().unwrap().contains("YC_API_ENDPOINT"), "{url}: {:?}", error.help());
            assert!(!request.headers().contains_key("authorization"));
            false
        }
    }
}

#[tokio::test]
async fn only_the_address_in_the_variable_gets_the_header() {
    for (variable, url, goes) in [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/models", true),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/", true),
        ("http://localhost", "http://LOCALHOST./", true),
        ("http://localhost", "http://localhost:80/", true),
        ("127.0.0.1:8443", "https://127.0.0.1:8443/", true),
        ("localhost", "https://localhost/", true),
        ("http://[::1]:8080", "http://[::1]:8080/", true),
        // Another port, scheme or name.
        ("http://127.0.0.1:8080", "http://127.0.0.1:8081/", false),
        ("http://127.0.0.1:8080", "http://127.0.0.1/", false),
        ("http://127.0.0.1:8080", "https://127.0.0.1:8080/", false),
        ("http://127.0.0.1:8080", "http://localhost:8080/", false),
        ("http://127.0.0.1:8080", "http://127.0.0.2:8080/", false),
        ("http://127.0.0.1:8080", "http://[::1]:8080/", false),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/", false),
        // The variable allows nothing.
        ("", "http://127.0.0.1:8080/", false),
        ("http://", "http://127.0.0.1:8080/", false),
        ("api.cloud.yandex.net", "http://127.0.0.1:8080/", false),
    ] {
        let credentials = Credentials::from(ApiKeyAuth::new("AQVN-fake").unwrap());
        let layer = AuthLayer::new(credentials.with_system(system(&[("YC_API_ENDPOINT", variable)])));
        assert_eq!(is_allowed(&layer, url).await, goes, "{variable:?} {url}");
    }
}

#[tokio::test]
async fn the_endpoint_in_code_comes_before_the_variable() {
    let here = "http://127.0.0.1:8080";
    for (code, url, goes) in [
        ("api.cloud.yandex.net", here, false),
        ("http://127.0.0.1:9", here, false),
        ("http://127.0.0.1:9", "http://127.0.0.1:9/", true),
    ] {
        let system = system(&[("YC_API_ENDPOINT", here)]).with_endpoints(Endpoints::new().api(code));
        let credentials = Credentials::from(ApiKeyAuth::new("AQVN-fake").unwrap()).with_system(system);
        assert_eq!(is_allowed(&AuthLayer::new(credentials), url).await, goes, "{code} {url}");
    }
}

#[tokio::test]
async fn a_foreign_endpoint_in_the_variable_gets_no_header() {
    let credentials = Credentials::from(ApiKeyAuth::new("AQVN-fake").unwrap());
    let layer =
        AuthLayer::new(credentials.with_system(system(&[("YC_API_ENDPOINT", "http://gate.example:80")])));
    for url in ["http://gate.example/", "https://gate.example/"] {
        let mut request = Request::get(url).body(()).unwrap();
        assert_eq!(layer.authorize(&mut request).await.unwrap_err().kind(), ErrorKind::Blocked);
    }
}

#[tokio::test]
async fn a_program_meets_the_emulator_by_the_environment_alone() {
    let (cloud, other) = (Emulator::start().await.unwrap(), Emulator::start().await.unwrap());
    let (url, key) = (cloud.api_url(), cloud.api_key());
    let system = system(&[("YC_API_ENDPOINT", &url), ("YC_API_KEY", key)]);
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The program as it is written for the real cloud.
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = AuthLayer::new(Credentials::automatic().with_system(system)).client(http.clone());
    let models = client.send(http.get(format!("{url}/v1/models"))).await.unwrap();
    assert_eq!(models.status(), 200);

    let error = client.send(http.get(other.api_url() + "/v1/models")).await.unwrap_err();
    assert_eq!(error.auth().unwrap().kind(), ErrorKind::Blocked);
    assert_eq!((cloud.counters().requests(Service::Ai), other.counters().requests(Service::Ai)), (1, 0));
}
