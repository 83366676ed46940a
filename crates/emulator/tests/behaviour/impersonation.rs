//! A subject with the role on a service account gets a token of the account.

use std::time::{Duration, UNIX_EPOCH};

use crate::common::jwt::Key;
use crate::common::{accepted, api_key, bearer, grpc};
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::{Response, post};
use tonic::Code;
use yandex_cloud_emulator::{Emulator, Fault, Renewal};

const REST: &str = "POST /iam/v1/tokens:createForServiceAccount";
const GRPC: &str = "POST /yandex.cloud.iam.v1.IamTokenService/CreateForServiceAccount";

async fn ask(emulator: &Emulator, authorization: &str, body: &Value) -> Response {
    let url = format!("{}/iam/v1/tokens:createForServiceAccount", emulator.api_url());
    post(&url, &[("authorization", authorization)], body).await
}

async fn impersonate(emulator: &Emulator, token: &str, account: &str) -> Response {
    ask(emulator, &bearer(token), &json!({ "serviceAccountId": account })).await
}

async fn impersonate_over_grpc(
    emulator: &Emulator,
    authorization: &str,
    account: &str,
) -> Result<grpc::Created, tonic::Status> {
    let channel = grpc::connect(emulator.api_addr()).await;
    let request = grpc::with(authorization, grpc::text(account));
    grpc::unary(&channel, grpc::CREATE_FOR_SERVICE_ACCOUNT, request).await.map(tonic::Response::into_inner)
}

fn token(reply: &Response) -> String {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    reply.json()["iamToken"].as_str().unwrap().to_owned()
}

/// The caller, as the model's output names it.
async fn who(emulator: &Emulator, token: &str) -> String {
    let body = json!({
        "model": format!("gpt://{}/yandexgpt/latest", emulator.folder_id()),
        "messages": [{ "role": "user", "content": "hello" }],
    });
    let url = format!("{}/v1/chat/completions", emulator.api_url());
    let reply = post(&url, &[("authorization", &bearer(token))], &body).await.json();
    reply["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn issues_a_token_of_the_account_over_rest_and_grpc() {
    let emulator = Emulator::start().await.unwrap();
    emulator.clock().freeze();
    emulator.clock().set(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let account = emulator.impersonated_account_id();
    let caller = emulator.iam_token().unwrap();

    let reply = impersonate(&emulator, &caller, account).await;
    assert_eq!(reply.json()["expiresAt"], "2027-01-15T20:00:00Z");
    let over_grpc = impersonate_over_grpc(&emulator, &bearer(&caller), account).await.unwrap();
    assert_eq!(over_grpc.expires_at.unwrap().seconds, 1_800_043_200);

    for token in [token(&reply), over_grpc.iam_token] {
        let expected = format!(
            "authenticated as service account {account} by iam-token from impersonation; you said: hello"
        );
        assert_eq!(who(&emulator, &token).await, expected);
    }
    let snake = json!({ "service_account_id": account });
    assert_eq!(ask(&emulator, &bearer(&caller), &snake).await.status, StatusCode::OK);
    assert_eq!(emulator.counters().route(REST), 2);
    assert_eq!(emulator.counters().route(GRPC), 1);
}

#[tokio::test]
async fn every_subject_may_impersonate_and_impersonation_can_be_nested() {
    let emulator = Emulator::start().await.unwrap();
    let url = format!("{}/iam/v1/tokens", emulator.api_url());
    let user = post(&url, &[], &json!({ "yandexPassportOauthToken": emulator.oauth_token() })).await;
    let jwt = Key::of(&emulator).jwt(emulator.clock().now());
    let by_key = post(&url, &[], &json!({ "jwt": jwt })).await;
    let metadata =
        test_support::http_client::get(&crate::common::token_url(&emulator), &[crate::common::FLAVOR])
            .await
            .json();
    let metadata = metadata["access_token"].as_str().unwrap().to_owned();

    for caller in [token(&user), token(&by_key), metadata, emulator.iam_token().unwrap()] {
        let first = token(&impersonate(&emulator, &caller, emulator.impersonated_account_id()).await);
        let second = token(&impersonate(&emulator, &first, emulator.nested_account_id()).await);
        assert!(who(&emulator, &second).await.contains(emulator.nested_account_id()));
        assert_eq!(
            impersonate(&emulator, &caller, emulator.nested_account_id()).await.status,
            StatusCode::FORBIDDEN
        );
    }
}

#[tokio::test]
async fn refuses_callers_without_the_role_and_unknown_accounts() {
    let emulator = Emulator::builder().federated_credential("repo:us/it", "ajelinked").start().await.unwrap();
    let other = Key::of(&emulator);
    emulator.add_service_account_key(&other.public_pem, "ajekeyofother", "ajeother").unwrap();
    let authorization = bearer(&emulator.iam_token().unwrap());
    let long = "x".repeat(51);
    let of_50 = "x".repeat(50);
    let form = "service_account_id is empty or longer than 50";
    let denied = "the caller does not have the role iam.serviceAccounts.tokenCreator on the service account";
    let unknown = "no service account has this id";

    for (account, code, status, text) in [
        ("", Code::InvalidArgument, StatusCode::BAD_REQUEST, form),
        (&long, Code::InvalidArgument, StatusCode::BAD_REQUEST, form),
        (&of_50, Code::NotFound, StatusCode::NOT_FOUND, unknown),
        ("ajeunknown", Code::NotFound, StatusCode::NOT_FOUND, unknown),
        ("ajefake0emulator0usr", Code::NotFound, StatusCode::NOT_FOUND, unknown),
        (emulator.service_account_id(), Code::PermissionDenied, StatusCode::FORBIDDEN, denied),
        (emulator.nested_account_id(), Code::PermissionDenied, StatusCode::FORBIDDEN, denied),
        ("ajeother", Code::PermissionDenied, StatusCode::FORBIDDEN, denied),
        ("ajelinked", Code::PermissionDenied, StatusCode::FORBIDDEN, denied),
    ] {
        let reply = ask(&emulator, &authorization, &json!({ "serviceAccountId": account })).await;
        assert_eq!(reply.status, status, "{account}");
        assert_eq!((reply.code(), reply.message().as_str()), (code as i64, text));
        let error = impersonate_over_grpc(&emulator, &authorization, account).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (code, text));
    }
    assert_eq!(ask(&emulator, &authorization, &json!({})).await.message(), form);
    for body in [json!({ "serviceAccountId": 7 }), json!([]), json!("aje")] {
        assert_eq!(ask(&emulator, &authorization, &body).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn accepts_only_an_iam_token() {
    let emulator = Emulator::start().await.unwrap();
    let account = emulator.impersonated_account_id().to_owned();
    let dead = emulator.iam_token().unwrap();
    emulator.revoke_iam_token(&dead).unwrap();
    let jwt = Key::of(&emulator).jwt(emulator.clock().now());

    for authorization in [
        "nothing".to_owned(),
        bearer(&dead),
        bearer(&jwt),
        bearer(emulator.oauth_token()),
        bearer(emulator.api_key()),
        api_key(emulator.api_key()),
        api_key(&emulator.iam_token().unwrap()),
    ] {
        let reply = ask(&emulator, &authorization, &json!({ "serviceAccountId": account })).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{}", reply.text());
        let error = impersonate_over_grpc(&emulator, &authorization, &account).await.unwrap_err();
        assert_eq!(error.code(), Code::Unauthenticated);
    }
    let url = format!("{}/iam/v1/tokens:createForServiceAccount", emulator.api_url());
    let reply = post(&url, &[], &json!({ "serviceAccountId": account })).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_list_of_token_creators_replaces_the_default_rules() {
    let emulator = Emulator::builder()
        .service_account_id("ajecaller")
        .token_creators([("ajecaller", "ajetarget"), ("ajetarget", "ajefarther")])
        .start()
        .await
        .unwrap();
    let caller = emulator.iam_token().unwrap();

    let target = token(&impersonate(&emulator, &caller, "ajetarget").await);
    assert_eq!(impersonate(&emulator, &target, "ajefarther").await.status, StatusCode::OK);
    for account in ["ajefarther", emulator.impersonated_account_id(), emulator.nested_account_id()] {
        assert_eq!(impersonate(&emulator, &caller, account).await.status, StatusCode::FORBIDDEN, "{account}");
    }

    let emulator = Emulator::builder().impersonated_account_id("ajenamed").start().await.unwrap();
    let reply = impersonate(&emulator, &emulator.iam_token().unwrap(), "ajenamed").await;
    assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn the_token_does_not_depend_on_the_token_of_the_caller() {
    let emulator = Emulator::start().await.unwrap();
    let key = Key::of(&emulator);
    let url = format!("{}/iam/v1/tokens", emulator.api_url());
    let parent = token(&post(&url, &[], &json!({ "jwt": key.jwt(emulator.clock().now()) })).await);
    let account = emulator.impersonated_account_id();
    let child = token(&impersonate(&emulator, &parent, account).await);
    let other = token(&impersonate(&emulator, &parent, account).await);
    assert_ne!(child, other);

    emulator.revoke_iam_token(&parent).unwrap();
    assert!(emulator.delete_service_account_key(&key.id));
    assert_eq!(impersonate(&emulator, &parent, account).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(accepted(&emulator, &bearer(&child)).await, StatusCode::OK);
    emulator.revoke_iam_token(&child).unwrap();
    assert_eq!(accepted(&emulator, &bearer(&child)).await, StatusCode::UNAUTHORIZED);
    assert_eq!(accepted(&emulator, &bearer(&other)).await, StatusCode::OK);
}

#[tokio::test]
async fn faults_and_renewal_of_iam_apply() {
    let emulator = Emulator::builder()
        .exchange_renewal(Renewal::Below(Duration::from_secs(3600)))
        .start()
        .await
        .unwrap();
    let caller = emulator.iam_token_for(Duration::from_secs(48 * 3600)).unwrap();
    let account = emulator.impersonated_account_id();
    emulator.faults().add(Fault::status(503).on_path("/iam/v1/tokens:create").times(1));
    assert_eq!(impersonate(&emulator, &caller, account).await.status, StatusCode::SERVICE_UNAVAILABLE);

    let first = token(&impersonate(&emulator, &caller, account).await);
    assert_eq!(token(&impersonate(&emulator, &caller, account).await), first);
    emulator.clock().advance(Duration::from_secs(11 * 3600 + 1));
    assert_ne!(token(&impersonate(&emulator, &caller, account).await), first);
}
