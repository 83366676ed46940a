//! Revoking a token: the request to IAM, and the credentials in the process that stop sending the token.

use crate::support::{API_KEY, TestSystem};
use test_support::token_source::{Source, header, unavailable};
use test_support::wait::{HOUR, until};
use yandex_cloud_auth::testing::{TestEnvironment, TestReply};
use yandex_cloud_auth::{
    ApiKeyAuth, Credentials, Endpoints, EnvIamTokenAuth, ErrorKind, IamTokenAuth, MetadataAuth, Method,
    NoAuth, RevokeOptions, System, Token,
};
use yandex_cloud_emulator::Emulator;

fn test_system(cloud: &Emulator, more: &[(&str, &str)]) -> System {
    let metadata = cloud.metadata_addr().to_string();
    let endpoint = cloud.api_url();
    let own = [("YC_METADATA_ADDR", &*metadata), ("YC_API_ENDPOINT", &*endpoint)];
    System::real().with_environment(TestEnvironment::new(own.into_iter().chain(more.iter().copied())))
}

fn error(credentials: &Credentials) -> yandex_cloud_auth::Error {
    credentials.blocking().header().unwrap_err()
}

#[test]
fn all_credentials_in_the_process_drop_a_revoked_token_and_fetch_another_if_they_can() {
    let cloud = Emulator::start_in_thread().unwrap();
    let metadata = Credentials::from(MetadataAuth::new()).with_system(test_system(&cloud, &[]));
    let token = header(&metadata).strip_prefix("Bearer ").unwrap().to_owned();
    let given = Credentials::from(IamTokenAuth::new(&token).unwrap()).with_system(test_system(&cloud, &[]));
    let variable =
        Credentials::from(EnvIamTokenAuth::new()).with_system(test_system(&cloud, &[("YC_TOKEN", &token)]));
    let other = Credentials::from(IamTokenAuth::new(cloud.iam_token().unwrap()).unwrap());
    let (held, kept) = (header(&given), header(&other));
    // This thread now has copies of its own of all of these headers.
    for credentials in [&metadata, &given, &other].repeat(3) {
        header(credentials);
    }
    assert_eq!((&held, &header(&variable)), (&format!("Bearer {token}"), &held));

    let revoked = given.blocking().revoke(RevokeOptions::new()).unwrap();
    assert_eq!(revoked.subject_id.as_deref(), Some(cloud.service_account_id()));

    assert!(metadata.snapshot().is_none() && given.try_header().is_none_or(|header| header.is_err()));
    let renewed = header(&metadata);
    assert!(renewed != held && renewed.starts_with("Bearer t1."), "{renewed}");
    for credentials in [&given, &variable] {
        let error = error(credentials);
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains("revoked") && error.help().is_some());
        assert!(!format!("{error} {error:?}").contains(&token));
    }
    assert_eq!(header(&other), kept, "credentials with another token do not change");
    let late = Credentials::from(IamTokenAuth::new(&token).unwrap()).with_system(test_system(&cloud, &[]));
    assert_eq!(
        late.blocking().header().unwrap_err().kind(),
        ErrorKind::Refused,
        "new credentials do not send the revoked token"
    );
}

#[test]
fn revoking_without_a_cached_token_fetches_one_and_the_next_call_fetches_another() {
    let cloud = Emulator::start_in_thread().unwrap();
    let system = test_system(&cloud, &[]).with_endpoints(Endpoints::new().api(cloud.api_url()));
    let credentials = Credentials::from(MetadataAuth::new()).with_system(system);
    credentials.blocking().revoke(RevokeOptions::new()).unwrap();
    assert!(credentials.snapshot().is_none());
    assert!(header(&credentials).starts_with("Bearer t1."));
    assert_eq!(cloud.counters().snapshot().tokens_issued, 2);
}

#[test]
fn a_revocation_causes_a_fetch_although_a_refresh_has_just_failed() {
    let test_system = TestSystem::new().at(Endpoints::new().iam("iam.corp.example"));
    let test_system = test_system.always(TestReply::status(200, "{}"));
    let name = |count| format!("t1.fake.revoked-while-stale.{count}");
    let rule = move |count| Ok(Token::new(name(count))?.expiring_in(12 * HOUR));
    let source = Source::new(rule);
    let credentials = test_system.with(Credentials::from_source(source.clone()));
    header(&credentials);
    source.set(|_| Err(unavailable()));
    test_system.clock.set_random(0.999);
    test_system.clock.advance(HOUR);
    header(&credentials);
    until("the refresh has failed", || credentials.counters().failures == 1);
    source.set(rule);
    let given = test_system.with(IamTokenAuth::new(name(0)).unwrap());
    given.blocking().revoke(RevokeOptions::new()).unwrap();
    assert_eq!(header(&credentials), format!("Bearer {}", name(2)));
}

#[test]
fn a_token_that_iam_does_not_revoke_stays_in_use() {
    let test_system = TestSystem::new().answering(|request, _| match request.uri().path() {
        "/endpoints" => TestReply::status(404, ""),
        path => {
            assert_eq!(path, "/iam/v1/tokens:revoke");
            assert_eq!(
                request.uri().host(),
                Some("iam.api.cloud.yandex.net"),
                "the documented address of IAM"
            );
            assert_eq!(request.headers()["authorization"], "Bearer t1.fake.kept");
            assert!(request.headers()["authorization"].is_sensitive());
            let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
            assert_eq!(body, serde_json::json!({ "iamToken": "t1.fake.kept" }));
            TestReply::status(403, r#"{"code":7,"message":"no t1.fake.kept","details":[]}"#)
        }
    });
    let credentials = test_system.with(IamTokenAuth::new("t1.fake.kept").unwrap());
    let error = credentials.blocking().revoke(RevokeOptions::new()).unwrap_err();
    assert_eq!((error.kind(), error.method()), (ErrorKind::Refused, Some(Method::IamToken)));
    assert!(!error.to_string().contains("t1.fake.kept"), "{error}");
    assert_eq!(header(&credentials), "Bearer t1.fake.kept");
}

#[test]
fn the_token_is_sent_only_to_yandex_cloud_or_to_the_endpoint_in_code() {
    let list = r#"{"endpoints":[{"id":"iam","address":"iam.evil.example:443"}]}"#;
    let test_system = TestSystem::new().always(TestReply::status(200, list));
    let credentials = test_system.with(IamTokenAuth::new("t1.fake.at-home").unwrap());
    let error = credentials.blocking().revoke(RevokeOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Blocked, "{error}");
    assert_eq!(test_system.http.requests(), ["GET https://api.cloud.yandex.net/endpoints"]);
    let at = |iam| test_system.clone().at(Endpoints::new().iam(iam));
    let here = at("iam.corp.example").with(IamTokenAuth::new("t1.fake.at-home").unwrap());
    assert_eq!(here.blocking().revoke(RevokeOptions::new()).unwrap().subject_id, None);
    assert_eq!(
        test_system.http.requests().last().unwrap(),
        "POST https://iam.corp.example/iam/v1/tokens:revoke"
    );
    let plain = at("http://iam.corp.example").with(IamTokenAuth::new("t1.fake.in-clear").unwrap());
    assert_eq!(plain.blocking().revoke(RevokeOptions::new()).unwrap_err().kind(), ErrorKind::Blocked);
}

#[test]
fn only_iam_tokens_can_be_revoked() {
    let test_system = TestSystem::new();
    for credentials in [test_system.with(ApiKeyAuth::new(API_KEY).unwrap()), test_system.with(NoAuth::new())]
    {
        let error = credentials.blocking().revoke(RevokeOptions::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(!error.to_string().contains(API_KEY));
    }
    assert!(test_system.http.requests().is_empty());
}
