//! The request: its address, from the variable or from code, and its headers.

use super::ok;
use crate::support::{IAM_TOKEN, METADATA_ANSWER, METADATA_TOKEN, METADATA_URL, TestSystem};
use test_support::token_source::header;
use yandex_cloud_auth::{ErrorKind, MetadataAuth, Method};

const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

#[test]
fn the_token_is_fetched_by_hand_and_by_selection_with_and_without_the_variable() {
    for (variable, url) in [
        ("", METADATA_URL.to_owned()),
        ("10.0.0.5", format!("http://10.0.0.5{PATH}")),
        ("10.0.0.5:8080", format!("http://10.0.0.5:8080{PATH}")),
        ("http://10.0.0.5:8080", format!("http://10.0.0.5:8080{PATH}")),
        ("http://10.0.0.5:8080/", format!("http://10.0.0.5:8080{PATH}")),
        ("HTTP://LOCALHOST:80/", format!("http://localhost{PATH}")),
        ("[::1]:8080", format!("http://[::1]:8080{PATH}")),
        (" metadata.internal\n", format!("http://metadata.internal{PATH}")),
    ] {
        for credentials in [MetadataAuth::new(), MetadataAuth::default()] {
            let test_system = TestSystem::new().set("YC_METADATA_ADDR", variable).always(ok(METADATA_ANSWER));
            assert_eq!(header(&test_system.with(credentials)), format!("Bearer {METADATA_TOKEN}"));
            assert_eq!(test_system.http.requests(), [format!("GET {url}")], "{variable:?}");
        }
        let test_system = TestSystem::new().set("YC_METADATA_ADDR", variable).always(ok(METADATA_ANSWER));
        assert_eq!(header(&test_system.automatic()), format!("Bearer {METADATA_TOKEN}"));
        assert_eq!(test_system.http.requests(), [format!("GET {url}")], "{variable:?}, by selection");
    }
}

#[test]
fn an_address_in_code_takes_precedence_over_the_variable() {
    let test_system = TestSystem::new().set("YC_METADATA_ADDR", "not an address").always(ok(METADATA_ANSWER));
    let credentials = test_system.with(MetadataAuth::builder().address("127.0.0.1:8080").build());
    assert_eq!(header(&credentials), format!("Bearer {METADATA_TOKEN}"));
    assert_eq!(test_system.http.requests(), [format!("GET http://127.0.0.1:8080{PATH}")]);
}

#[test]
fn an_invalid_address_is_an_error_before_any_request() {
    for address in [
        "https://10.0.0.5",
        "10.0.0.5/computeMetadata",
        "10.0.0.5?x=1",
        "user@10.0.0.5",
        "http://user:FAKE-password@10.0.0.5",
        "ftp://10.0.0.5",
        "http://http://10.0.0.5",
        "10.0.0.5:0",
        "10.0.0.5:65536",
        "10.0.0.5:port",
        "10 0 0 5",
        "/",
        "http://",
        "адрес",
    ] {
        let test_system = TestSystem::new()
            .set("YC_METADATA_ADDR", address)
            .set("YC_TOKEN", IAM_TOKEN)
            .always(ok(METADATA_ANSWER));
        for credentials in [test_system.automatic(), test_system.with(MetadataAuth::new())] {
            let error = test_support::token_source::first_failure(&credentials);
            assert_eq!(
                (error.kind(), error.location(), error.method()),
                (ErrorKind::Invalid, Some("YC_METADATA_ADDR"), Some(Method::Metadata)),
                "{address}"
            );
            assert!(error.help().unwrap().contains("host:port"), "{:?}", error.help());
            assert!(!format!("{error} {error:?}").contains("FAKE"), "{error}");
        }
        assert!(test_system.http.requests().is_empty(), "{address}");
    }
}

#[test]
fn the_request_has_the_metadata_flavor_and_no_secret() {
    let test_system = TestSystem::new().set("YC_OAUTH_TOKEN", "").answering(|request, _| {
        assert_eq!(request.method(), "GET");
        assert_eq!(request.headers()["metadata-flavor"], "Google");
        assert!(!request.headers().contains_key("authorization"));
        assert!(request.body().is_empty());
        ok(METADATA_ANSWER)
    });
    header(&test_system.automatic());
    header(&test_system.with(MetadataAuth::new()));
}

#[test]
fn an_address_outside_private_networks_is_used_with_a_warning() {
    for (address, warns) in [
        ("127.0.0.1:80", false),
        ("localhost:80", false),
        ("169.254.10.20", false),
        ("10.1.2.3", false),
        ("192.168.1.1", false),
        ("[fe80::1]", false),
        ("8.8.8.8", true),
        ("metadata.corp.example", true),
    ] {
        let test_system = TestSystem::new().set("YC_METADATA_ADDR", address).always(ok(METADATA_ANSWER));
        header(&test_system.with(MetadataAuth::new()));
        let warned = test_system.log.warnings().iter().any(|line| line.contains("without TLS"));
        assert_eq!(warned, warns, "{address}");

        let credentials = test_system.automatic();
        header(&credentials);
        let report = credentials.report().unwrap();
        assert_eq!(report.selected().unwrap().reason.contains("without TLS"), warns, "{report}");
    }
}
