//! The emulator never echoes, logs or stores a secret that a client sends.

use std::fmt::Write;

use crate::common::{bearer, grpc};
use serde_json::json;
use test_support::http_client::{call, get};
use test_support::log::Log;
use yandex_cloud_emulator::Emulator;

const MARK: &str = "t1.PRESENTED-SECRET-MARK";

#[tokio::test]
async fn a_presented_secret_appears_nowhere() {
    let log = Log::of_target("yandex_cloud_emulator");
    log.set_global();
    let emulator = Emulator::start().await.unwrap();
    let authorization = bearer(MARK);
    let mut received = String::new();

    for path in [
        "/iam/v1/tokens",
        "/iam/v1/tokens:revoke",
        "/iam/v1/tokens:createForServiceAccount",
        "/oauth/token",
        "/v1/chat/completions",
        "/v1/embeddings",
        "/v1/responses",
        "/foundationModels/v1/completion",
        "/foundationModels/v1/textEmbedding",
        "/operations/t1.PRESENTED-SECRET-MARK:cancel",
        "/_emulator/tokens/revoke",
        "/_emulator/service-account-keys/add",
        "/_emulator/service-account-keys/delete",
    ] {
        for body in [
            json!({ "yandexPassportOauthToken": MARK }),
            json!({ "jwt": MARK }),
            json!({ "iamToken": MARK }),
            json!({ "serviceAccountId": MARK }),
            json!({ "keyId": MARK, "serviceAccountId": MARK, "publicKey": MARK }),
            json!({ "iamToken": [MARK] }),
            json!(MARK),
            json!({ "model": MARK, "messages": MARK }),
            json!({ "model": format!("gpt://{MARK}/x/y"), "messages": [] }),
            json!({ "model": format!("emb://{MARK}/x/y"), "input": MARK, "previous_response_id": MARK }),
            json!({ "modelUri": format!("emb://{MARK}/x/y"), "text": MARK, "messages": [{ "text": MARK }] }),
        ] {
            for authorization in [&authorization, &crate::common::api_key(emulator.api_key())] {
                let headers = [("authorization", authorization.as_str()), ("x-client-request-id", MARK)];
                let url = format!("{}{path}", emulator.api_url());
                let reply = call("POST", &url, &headers, body.to_string()).await;
                write!(received, "{:?} {:?} ", reply.headers, reply.body).unwrap();
            }
        }
    }
    let token_exchange = format!("{}/oauth/token", emulator.api_url());
    for parameter in ["grant_type", "requested_token_type", "audience", "subject_token", "subject_token_type"]
    {
        let good = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", emulator.service_account_id()),
            ("subject_token", &emulator.oidc_token().unwrap()),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
        ];
        let bad =
            good.map(|(name, value)| format!("{name}={}", if name == parameter { MARK } else { value }));
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let reply = call("POST", &token_exchange, &form, bad.join("&")).await;
        assert_eq!(reply.status, http::StatusCode::BAD_REQUEST);
        write!(received, "{:?} {:?} ", reply.headers, reply.body).unwrap();
    }
    // Each JWT has one invalid part.
    let key = crate::common::jwt::Key::of(&emulator);
    let good = key.jwt(emulator.clock().now());
    let claims = key.claims(crate::common::jwt::seconds(emulator.clock().now()));
    for jwt in [
        good.replace('.', MARK),
        key.sign(&json!({ "alg": MARK, "kid": MARK, "typ": MARK }), &claims),
        key.sign(&json!({ "alg": "PS256", "kid": MARK }), &claims),
        key.sign(&key.header(), &json!({ "iss": MARK })),
        key.sign(&key.header(), &json!({ "iss": [MARK], "aud": MARK })),
        key.sign(&key.header(), &json!({ "iss": key.service_account_id, "aud": MARK })),
    ] {
        let url = format!("{}/iam/v1/tokens", emulator.api_url());
        let reply = test_support::http_client::post(&url, &[], &json!({ "jwt": jwt })).await;
        assert_eq!(reply.status, http::StatusCode::UNAUTHORIZED);
        write!(received, "{:?} {:?} ", reply.headers, reply.body).unwrap();
    }
    for path in [
        MARK.to_owned(),
        format!("_emulator/github/token?audience={MARK}"),
        format!("endpoints/{MARK}"),
        format!("v1/models?key={MARK}"),
        format!("v1/responses/{MARK}"),
        format!("operations/{MARK}"),
    ] {
        let url = format!("{}/{path}", emulator.api_url());
        let reply = get(&url, &[("authorization", MARK), ("OpenAI-Project", MARK)]).await;
        write!(received, "{:?} {:?} ", reply.headers, reply.body).unwrap();
    }
    let channel = grpc::connect(emulator.api_addr()).await;
    let request = grpc::with(&authorization, grpc::oauth(MARK));
    let error = grpc::unary::<_, grpc::Created>(&channel, grpc::CREATE, request).await.unwrap_err();
    let jwt = grpc::Create { identity: Some(grpc::Identity::Jwt(MARK.to_owned())) };
    let jwt = grpc::unary::<_, grpc::Created>(&channel, grpc::CREATE, grpc::bare(jwt)).await.unwrap_err();
    write!(received, "{jwt:?} ").unwrap();
    let request = grpc::with(&authorization, grpc::text(MARK));
    let other = grpc::unary::<_, grpc::Text>(&channel, grpc::REVOKE, request).await.unwrap_err();
    write!(received, "{error:?} {other:?} ").unwrap();

    let state = get(&format!("{}/_emulator/state", emulator.api_url()), &[]).await;
    let counters = emulator.counters().snapshot();
    write!(received, "{:?} {counters:?} {emulator:?}", state.body).unwrap();
    assert!(!received.contains("SECRET-MARK"), "{received}");

    let log = log.lines().join("\n");
    assert!(log.contains("POST /iam/v1/tokens"), "the log has events: {log}");
    assert!(!log.contains("SECRET-MARK"), "{log}");
}

#[tokio::test]
async fn echoes_a_valid_request_id() {
    let emulator = Emulator::start().await.unwrap();
    let id = "6b98f807-6e80-4986-b714-caf62b47be56";
    let url = format!("{}/endpoints", emulator.api_url());
    let reply = get(&url, &[("x-client-request-id", id)]).await;
    assert_eq!(reply.header("x-client-request-id"), id);
    assert_eq!(reply.header("x-request-id").len(), 36);
    assert_eq!(reply.header("x-server-trace-id").split(':').count(), 4);
    let other = get(&url, &[]).await;
    assert_ne!(other.header("x-request-id"), reply.header("x-request-id"));
    assert_eq!(other.header("x-client-request-id"), "");

    let channel = grpc::connect(emulator.api_addr()).await;
    let mut request = grpc::bare(grpc::text("nothing"));
    request.metadata_mut().insert("x-client-request-id", id.parse().unwrap());
    let error = grpc::unary::<_, grpc::ApiEndpoint>(&channel, grpc::GET, request).await.unwrap_err();
    assert_eq!(error.metadata().get("x-client-request-id").unwrap(), id);
    assert!(error.metadata().contains_key("x-request-id"));
}
