//! IAM over REST and gRPC: exchange of a credential for an IAM token, expiry and revocation.

use std::time::{Duration, UNIX_EPOCH};

use crate::common::{accepted, api_key, bearer, grpc};
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::{call, post};
use tonic::Code;
use yandex_cloud_emulator::{Emulator, Renewal, Service};

async fn exchange(emulator: &Emulator, body: &Value) -> test_support::http_client::Response {
    post(&format!("{}/iam/v1/tokens", emulator.api_url()), &[], body).await
}

async fn exchanged(emulator: &Emulator) -> String {
    let reply = exchange(emulator, &json!({ "yandexPassportOauthToken": emulator.oauth_token() })).await;
    assert_eq!(reply.status, StatusCode::OK);
    reply.json()["iamToken"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn exchanges_an_oauth_token_over_rest() {
    let emulator = Emulator::builder()
        .clock_start(UNIX_EPOCH + Duration::from_secs(1_800_000_000))
        .start()
        .await
        .unwrap();
    emulator.clock().freeze();
    emulator.clock().set(UNIX_EPOCH + Duration::from_secs(1_800_000_000));

    let reply = exchange(&emulator, &json!({ "yandexPassportOauthToken": emulator.oauth_token() })).await;

    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("date"), "Fri, 15 Jan 2027 08:00:00 GMT");
    assert_eq!(reply.json()["expiresAt"], "2027-01-15T20:00:00Z");
    let token = reply.json()["iamToken"].as_str().unwrap().to_owned();
    assert!(token.starts_with("t1.FAKE-EMULATOR"), "{token}");
    assert_eq!(accepted(&emulator, &bearer(&token)).await, StatusCode::OK);
    assert_eq!(emulator.counters().route("POST /iam/v1/tokens"), 1);
    assert_eq!(emulator.counters().tokens_issued(), 1);
}

#[tokio::test]
async fn exchanges_an_oauth_token_over_grpc() {
    let emulator = Emulator::start().await.unwrap();
    let channel = grpc::connect(emulator.api_addr()).await;

    let response = grpc::unary::<_, grpc::Created>(
        &channel,
        grpc::CREATE,
        grpc::bare(grpc::oauth(emulator.oauth_token())),
    );
    let response = response.await.unwrap().into_inner();

    let now = emulator.clock().now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let left = response.expires_at.unwrap().seconds - i64::try_from(now).unwrap();
    assert!((12 * 3600 - 60..=12 * 3600).contains(&left), "{left}");
    assert_eq!(accepted(&emulator, &bearer(&response.iam_token)).await, StatusCode::OK);
    assert_eq!(emulator.counters().route("POST /yandex.cloud.iam.v1.IamTokenService/Create"), 1);
    assert_eq!(emulator.counters().requests(Service::Iam), 1);
}

#[tokio::test]
async fn accepts_any_content_type_and_snake_case() {
    let emulator = Emulator::start().await.unwrap();
    let url = format!("{}/iam/v1/tokens", emulator.api_url());
    let body = json!({ "yandex_passport_oauth_token": emulator.oauth_token() }).to_string();
    let reply = call("POST", &url, &[("content-type", "application/x-www-form-urlencoded")], body).await;
    assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn refuses_the_same_requests_over_rest_and_grpc() {
    let emulator = Emulator::start().await.unwrap();
    let channel = grpc::connect(emulator.api_addr()).await;
    let closed = "OAuth token for user 'ajefake0emulator0usr', issued after '2026-06-01', \
                  is not supported for IAM token exchange";
    let jwt = |jwt: &str| grpc::Create { identity: Some(grpc::Identity::Jwt(jwt.to_owned())) };
    let neither = "the request must have exactly one of yandex_passport_oauth_token and jwt";
    let new = emulator.new_oauth_token();
    let long = "y".repeat(4001);

    for (rest, message, code, status, text) in [
        (
            json!({ "yandexPassportOauthToken": "y0_unknown" }),
            grpc::oauth("y0_unknown"),
            Code::Unauthenticated,
            StatusCode::UNAUTHORIZED,
            "OAuth token is invalid or expired",
        ),
        (
            json!({ "yandexPassportOauthToken": new }),
            grpc::oauth(new),
            Code::InvalidArgument,
            StatusCode::BAD_REQUEST,
            closed,
        ),
        (
            json!({ "yandexPassportOauthToken": long }),
            grpc::oauth(&long),
            Code::InvalidArgument,
            StatusCode::BAD_REQUEST,
            "yandex_passport_oauth_token is longer than 4000",
        ),
        (
            json!({ "jwt": "nothing" }),
            jwt("nothing"),
            Code::Unauthenticated,
            StatusCode::UNAUTHORIZED,
            "the JWT does not have three base64url parts separated by dots",
        ),
        (json!({}), grpc::Create { identity: None }, Code::InvalidArgument, StatusCode::BAD_REQUEST, neither),
    ] {
        let reply = exchange(&emulator, &rest).await;
        assert_eq!(reply.status, status, "{text}");
        assert_eq!((reply.code(), reply.message().as_str()), (code as i64, text));

        let error =
            grpc::unary::<_, grpc::Created>(&channel, grpc::CREATE, grpc::bare(message)).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (code, text));
    }
    let both = json!({ "yandexPassportOauthToken": emulator.oauth_token(), "jwt": "e30.e30.AA" });
    assert_eq!(exchange(&emulator, &both).await.message(), neither);
    assert_eq!(emulator.counters().tokens_issued(), 0);
}

#[tokio::test]
async fn issues_a_new_token_each_time_or_reuses_a_token() {
    let emulator = Emulator::start().await.unwrap();
    assert_ne!(exchanged(&emulator).await, exchanged(&emulator).await);

    let emulator = Emulator::builder()
        .exchange_renewal(Renewal::Below(Duration::from_secs(3600)))
        .start()
        .await
        .unwrap();
    let first = exchanged(&emulator).await;
    emulator.clock().advance(Duration::from_secs(10 * 3600));
    assert_eq!(exchanged(&emulator).await, first);
    emulator.clock().advance(Duration::from_secs(3600 + 1));
    assert_ne!(exchanged(&emulator).await, first);
}

#[tokio::test]
async fn a_token_is_valid_until_its_expiry() {
    let emulator = Emulator::builder().token_lifetime(Duration::from_secs(300)).start().await.unwrap();
    let clock = emulator.clock();
    clock.freeze();
    let token = bearer(&exchanged(&emulator).await);

    clock.advance(Duration::from_secs(299));
    assert_eq!(accepted(&emulator, &token).await, StatusCode::OK);
    clock.advance(Duration::from_secs(1));
    assert_eq!(accepted(&emulator, &token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(emulator.counters().unauthenticated(), 1);
}

#[tokio::test]
async fn revokes_over_rest_and_grpc() {
    let emulator = Emulator::start().await.unwrap();
    let url = format!("{}/iam/v1/tokens:revoke", emulator.api_url());
    let channel = grpc::connect(emulator.api_addr()).await;
    let caller = bearer(&emulator.iam_token().unwrap());

    let token = exchanged(&emulator).await;
    let reply = post(&url, &[("authorization", &caller)], &json!({ "iamToken": token })).await;
    assert_eq!(
        (reply.status, reply.json()),
        (StatusCode::OK, json!({ "subjectId": "ajefake0emulator0usr" }))
    );
    assert_eq!(accepted(&emulator, &bearer(&token)).await, StatusCode::UNAUTHORIZED);

    let token = emulator.iam_token().unwrap();
    let response =
        grpc::unary::<_, grpc::Text>(&channel, grpc::REVOKE, grpc::with(&caller, grpc::text(&token))).await;
    assert_eq!(response.unwrap().into_inner().text, emulator.service_account_id());
    assert_eq!(accepted(&emulator, &bearer(&token)).await, StatusCode::UNAUTHORIZED);

    // A token can revoke itself once.
    let own = caller.strip_prefix("Bearer ").unwrap();
    let body = json!({ "iamToken": own });
    assert_eq!(post(&url, &[("authorization", &caller)], &body).await.status, StatusCode::OK);
    assert_eq!(post(&url, &[("authorization", &caller)], &body).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn revokes_a_token_however_it_was_obtained_and_no_other_token() {
    let emulator = Emulator::start().await.unwrap();
    let url = |path: &str| format!("{}{path}", emulator.api_url());
    let caller = bearer(&emulator.iam_token().unwrap());
    let account = emulator.service_account_id();
    let impersonated = emulator.impersonated_account_id();
    let jwt = crate::common::jwt::Key::of(&emulator).jwt(emulator.clock().now());

    let by_key = post(&url("/iam/v1/tokens"), &[], &json!({ "jwt": jwt })).await.json();
    let by_key = by_key["iamToken"].as_str().unwrap();
    let body = json!({ "serviceAccountId": impersonated });
    let path = url("/iam/v1/tokens:createForServiceAccount");
    let child = post(&path, &[("authorization", &bearer(by_key))], &body).await.json();
    let form = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&audience={account}&subject_token={}\
         &subject_token_type=urn:ietf:params:oauth:token-type:id_token",
        emulator.oidc_token().unwrap()
    );
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let federated = call("POST", &url("/oauth/token"), &[kind], form).await.json();
    let metadata =
        test_support::http_client::get(&crate::common::token_url(&emulator), &[crate::common::FLAVOR])
            .await
            .json();
    let control = post(&url("/_emulator/tokens/issue"), &[], &json!({})).await.json();

    // After the caller's token is revoked, the impersonated token stays valid.
    let all = [
        (by_key, account),
        (child["iamToken"].as_str().unwrap(), impersonated),
        (federated["access_token"].as_str().unwrap(), account),
        (metadata["access_token"].as_str().unwrap(), account),
        (control["iamToken"].as_str().unwrap(), account),
        (&exchanged(&emulator).await, "ajefake0emulator0usr"),
        (&emulator.iam_token().unwrap(), account),
    ];
    for (token, subject) in all {
        assert_eq!(accepted(&emulator, &bearer(token)).await, StatusCode::OK);
        let path = url("/iam/v1/tokens:revoke");
        let reply = post(&path, &[("authorization", &caller)], &json!({ "iamToken": token })).await;
        assert_eq!((reply.status, reply.json()), (StatusCode::OK, json!({ "subjectId": subject })));
        assert_eq!(accepted(&emulator, &bearer(token)).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn revocation_needs_an_iam_token() {
    let emulator = Emulator::start().await.unwrap();
    let url = format!("{}/iam/v1/tokens:revoke", emulator.api_url());
    let body = json!({ "iamToken": emulator.iam_token().unwrap() });
    assert_eq!(post(&url, &[], &body).await.status, StatusCode::UNAUTHORIZED);
    let key = api_key(emulator.api_key());
    assert_eq!(post(&url, &[("authorization", &key)], &body).await.status, StatusCode::UNAUTHORIZED);

    let channel = grpc::connect(emulator.api_addr()).await;
    let error = grpc::unary::<_, grpc::Text>(&channel, grpc::REVOKE, grpc::bare(grpc::text("t1.x")))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Unauthenticated);
    assert_eq!(emulator.counters().unauthenticated(), 3);
}
