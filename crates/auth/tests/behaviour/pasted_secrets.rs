//! A secret in the place of an address is refused before any request, so no DNS server is asked for the secret.

use crate::support::{OAUTH_TOKEN, TestSystem};
use yandex_cloud_auth::testing::{TestFiles, TestReply};
use yandex_cloud_auth::{
    Credentials, Endpoints, Error, ErrorKind, MetadataAuth, OAuthTokenAuth, SubjectToken,
    WorkloadIdentityAuth,
};

const SECRETS: [&str; 6] = [
    "t1.FAKEFAKE.FAKEFAKE",
    "y0_FAKEFAKE",
    "https://AQVNFAKEFAKE:443",
    "eyJFAKE.FAKE.FAKE",
    "YCAJEFAKEFAKEFAKEFAKEFAKE",
    "FAKE0fake1FAKE2fake3FAKE4fake5FAKE6fake7",
];

#[track_caller]
fn refused(test_system: &TestSystem, credentials: Credentials, location: &str) -> Error {
    let error = test_system.with(credentials).blocking().header().unwrap_err();
    assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(location)), "{error}");
    let shown = format!("{error} {error:?} {}", error.help().unwrap_or_default());
    assert!(!shown.contains("FAKE") && !shown.to_lowercase().contains("fakefake"), "{shown}");
    assert!(shown.contains("looks like a secret"), "{shown}");
    assert!(test_system.http.requests().is_empty(), "{:?}", test_system.http.requests());
    error
}

fn online() -> TestSystem {
    TestSystem::new().always(TestReply::status(200, "{}"))
}

fn oauth() -> Credentials {
    OAuthTokenAuth::new(OAUTH_TOKEN).unwrap().into()
}

fn workload_identity() -> Credentials {
    let subject = SubjectToken::from_fn(|| async { Ok("eyJhbGciOiJSUzI1NiJ9.e30.FAKE".to_owned()) });
    WorkloadIdentityAuth::new("ajeexample", subject).into()
}

#[test]
fn in_a_variable() {
    for secret in SECRETS {
        let set = |name| online().set(name, secret);
        refused(&set("YC_API_ENDPOINT"), oauth(), "YC_API_ENDPOINT");
        refused(&set("YC_OAUTH_ENDPOINT"), workload_identity(), "YC_OAUTH_ENDPOINT");
        refused(&set("YC_METADATA_ADDR"), MetadataAuth::new().into(), "YC_METADATA_ADDR");
        refused(&set("YC_METADATA_ADDR"), Credentials::automatic(), "YC_METADATA_ADDR");
    }
}

#[test]
fn in_code() {
    for secret in SECRETS {
        let given = |endpoints| online().at(endpoints);
        refused(&given(Endpoints::new().api(secret)), oauth(), "endpoint");
        refused(&given(Endpoints::new().iam(secret)), oauth(), "iam endpoint");
        refused(&given(Endpoints::new().oauth(secret)), workload_identity(), "oauth endpoint");
        refused(&online(), MetadataAuth::builder().address(secret).build().into(), "address");
    }
}

#[test]
fn in_the_url_of_a_job_of_github() {
    let test_system = online()
        .set("ACTIONS_ID_TOKEN_REQUEST_URL", "https://AQVNFAKEFAKE/x")
        .set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "fake-runner-token");
    let method = WorkloadIdentityAuth::new("ajeexample", SubjectToken::github_actions());
    refused(&test_system, method.into(), "ACTIONS_ID_TOKEN_REQUEST_URL");
}

#[cfg(feature = "profile")]
#[test]
fn in_a_profile() {
    for secret in SECRETS {
        let mut test_system = online();
        let file = format!("current: p\nprofiles:\n  p:\n    token: {OAUTH_TOKEN}\n    endpoint: {secret}\n");
        test_system.files = TestFiles::new([("/etc/yc.yaml", file)]);
        let method = yandex_cloud_auth::ProfileAuth::builder().path("/etc/yc.yaml").build();
        refused(&test_system, method.into(), "the endpoint in yc's configuration");
    }
}

#[test]
fn a_host_that_looks_like_an_iam_token_can_be_given_with_its_port() {
    let test_system = online().set("YC_API_ENDPOINT", "t1.corp.example:443");
    let _ = test_support::token_source::first_failure(&test_system.with(oauth()));
    assert!(test_system.http.requests()[0].contains("https://t1.corp.example/"));
}
