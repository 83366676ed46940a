//! The request to IAM: whose token it has, for which service account, and where it goes.

use std::sync::{Arc, Mutex};

use super::{ACCOUNT, DISCOVERY, IMPERSONATE, OTHER, by, failure, given, iam, impersonation_in, issued, of};
use crate::support::{IAM_TOKEN, OAUTH_TOKEN, TestSystem};
use test_support::token_source::{Source, header, token};
use yandex_cloud_auth::testing::TestReply;
use yandex_cloud_auth::{
    Automatic, Credentials, Endpoints, EnvIamTokenAuth, ErrorKind, HeaderOptions, ImpersonationAuth,
    MetadataAuth, Method, OAuthTokenAuth,
};

#[test]
fn iam_gets_the_token_of_the_underlying_credentials_and_discovery_gets_no_token() {
    let test_system = TestSystem::new().answering(|request, count| {
        match impersonation_in(request) {
            Some((bearer, account)) => {
                assert_eq!((&*bearer, &*account), ("t1.HUSH.given", ACCOUNT));
                assert!(request.headers()["authorization"].is_sensitive());
                assert_eq!(request.headers()["content-type"], "application/json");
            }
            None => assert!(!request.headers().contains_key("authorization")),
        }
        iam(request, count)
    });
    let credentials = test_system.with(by(given()));
    assert_eq!(header(&credentials), format!("Bearer {}", of(ACCOUNT, "t1.HUSH.given")));
    assert_eq!(test_system.http.requests(), [DISCOVERY, IMPERSONATE]);
    assert_eq!(credentials.method(), Some(Method::Impersonation));
    let shown = format!("{:?} {credentials:?} {:?}", test_system.log.lines(), by(given()));
    assert!(!shown.contains("HUSH"), "{shown}");
}

#[test]
fn any_credentials_with_an_iam_token_can_impersonate() {
    let test_system = TestSystem::new().set("YC_TOKEN", "t1.FAKE-env.x").answering(iam);
    for (credentials, bearer) in [
        (given().into(), "t1.HUSH.given"),
        (EnvIamTokenAuth::new().into(), "t1.FAKE-env.x"),
        (OAuthTokenAuth::new(OAUTH_TOKEN).unwrap().into(), IAM_TOKEN),
        (MetadataAuth::new().into(), crate::support::METADATA_TOKEN),
        (Credentials::automatic(), crate::support::METADATA_TOKEN),
        (Credentials::from_source(Source::new(|_| token(7))), "t1.fake.7"),
    ] {
        let credentials = test_system.with(by(credentials));
        assert_eq!(header(&credentials), format!("Bearer {}", of(ACCOUNT, bearer)));
    }
}

#[test]
fn impersonation_can_be_nested() {
    let test_system = TestSystem::new().answering(iam);
    let first = ImpersonationAuth::new(OTHER, MetadataAuth::new());
    let credentials = test_system.with(ImpersonationAuth::new(ACCOUNT, first));
    let expected = of(ACCOUNT, &of(OTHER, crate::support::METADATA_TOKEN));
    assert_eq!(header(&credentials), format!("Bearer {expected}"));

    let report = credentials.report().unwrap();
    let place = format!("service account {ACCOUNT} via service account {OTHER} via metadata");
    assert_eq!(report.selected().unwrap().source, place);
    let identity = credentials.blocking().identity(HeaderOptions::new()).unwrap();
    assert_eq!(identity.subject_id.as_deref(), Some(ACCOUNT));
    let underlying = identity.via.unwrap();
    assert_eq!(underlying.subject_id.as_deref(), Some(OTHER));
    assert_eq!(underlying.via.unwrap().method, Method::Metadata);
}

#[test]
fn the_token_of_the_underlying_credentials_is_sent_only_to_iam() {
    // endpoint in code or in the environment, address from discovery -> host that gets the token
    for (endpoint, found, goes) in [
        ("api.cloud.yandex.net", "iam.api.cloud.yandex.net:443", Some("iam.api.cloud.yandex.net")),
        ("api.cloud.yandex.net", "iam.evil.example:443", None),
        ("api.cloud.yandex.net", "http://iam.api.cloud.yandex.net", None),
        ("http://api.corp.example", "iam.api.corp.example", None),
        ("http://127.0.0.1:9", "127.0.0.1:10", Some("127.0.0.1")),
    ] {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let record = Arc::clone(&seen);
        let test_system = TestSystem::new().answering(move |request, _| {
            let everything = format!("{:?} {}", request.headers(), String::from_utf8_lossy(request.body()));
            let bearer = request.headers().get("authorization").is_some();
            if bearer || everything.contains("HUSH") {
                record.lock().unwrap().push(request.uri().host().unwrap().to_owned());
            }
            match request.uri().path() {
                "/endpoints" => {
                    TestReply::status(200, format!(r#"{{"endpoints":[{{"id":"iam","address":"{found}"}}]}}"#))
                }
                _ => issued("t1.FAKE.x"),
            }
        });
        let by_variable = test_system.clone().set("YC_API_ENDPOINT", endpoint).with(by(given()));
        let in_code = test_system.at(Endpoints::new().api(endpoint)).with(by(given()));
        for credentials in [by_variable, in_code] {
            match goes {
                Some(host) => {
                    header(&credentials);
                    assert_eq!(seen.lock().unwrap().pop().as_deref(), Some(host));
                }
                None => assert_eq!(failure(&credentials).kind(), ErrorKind::Blocked, "{endpoint} {found}"),
            }
            assert!(seen.lock().unwrap().is_empty(), "{endpoint} {found}");
        }
    }
    let test_system = TestSystem::new().always(issued("t1.FAKE.x"));
    let at = |endpoints| test_system.clone().at(endpoints).with(by(given()));
    header(&at(Endpoints::new().iam("iam.corp.example")));
    let plain = Endpoints::new().iam("http://iam.corp.example");
    assert_eq!(failure(&at(plain.clone())).kind(), ErrorKind::Blocked);
    header(&at(plain.danger_allow_plaintext()));
    assert_eq!(test_system.http.requests().len(), 2);
}

#[test]
fn inner_credentials_inherit_the_system_unless_they_have_their_own() {
    let test_system =
        |name: &'static str| TestSystem::new().set("YC_TOKEN", &format!("t1.FAKE-{name}.x")).answering(iam);
    let (here, there, own) = (test_system("here"), test_system("there"), test_system("own"));
    let bearer = |name: &str| format!("Bearer {}", of(ACCOUNT, &format!("t1.FAKE-{name}.x")));

    let going = Credentials::from(by(EnvIamTokenAuth::new()));
    assert_eq!(header(&here.with(going.clone())), bearer("here"));
    assert_eq!(
        header(&here.with(going.clone()).with_system(there.system())),
        bearer("there"),
        "a later system replaces it"
    );
    let nested = ImpersonationAuth::new(OTHER, by(EnvIamTokenAuth::new()));
    let expected = format!("Bearer {}", of(OTHER, &of(ACCOUNT, "t1.FAKE-here.x")));
    assert_eq!(header(&here.with(nested)), expected);

    let staying = Credentials::from(by(own.with(EnvIamTokenAuth::new())));
    assert_eq!(header(&here.with(staying.clone())), bearer("own"));
    assert_eq!(header(&here.with(staying).with_system(there.system())), bearer("own"));
    let chosen =
        Automatic::new().with_system(own.set("YC_METADATA_ADDR", "").system()).without("metadata").unwrap();
    assert_eq!(header(&here.with(by(chosen.build()))), bearer("own"));

    for automatic in [
        Automatic::new().replace("api-key", by(EnvIamTokenAuth::new())).unwrap().with_system(here.system()),
        Automatic::new().with_system(here.system()).replace("api-key", by(EnvIamTokenAuth::new())).unwrap(),
    ] {
        let credentials = automatic.build();
        assert_eq!(header(&credentials), bearer("here"));
        let selected = credentials.report().unwrap().selected().unwrap().clone();
        assert_eq!((selected.method, &*selected.reason), (Method::Impersonation, "given"));
        assert_eq!(header(&credentials.with_system(there.system())), bearer("there"));
    }
}
