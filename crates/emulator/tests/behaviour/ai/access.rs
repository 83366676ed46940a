//! Which credentials have access to which models.

use super::{chat, completion};
use crate::common::{accepted, api_key, bearer, grpc};
use http::StatusCode;
use serde_json::json;
use test_support::http_client::{get, post};
use tonic::Code;
use yandex_cloud_emulator::Emulator;

#[tokio::test]
async fn lists_the_models_of_the_folder() {
    let emulator = Emulator::builder().folder_id("b1gmine").start().await.unwrap();
    let url = format!("{}/v1/models", emulator.api_url());
    let key = api_key(emulator.api_key());

    for folder in [None, Some("b1gmine")] {
        let mut headers = vec![("authorization", key.as_str())];
        headers.extend(folder.map(|folder| ("OpenAI-Project", folder)));
        let reply = get(&url, &headers).await;
        assert_eq!(reply.json()["object"], "list");
        let models = reply.json()["data"].as_array().unwrap().clone();
        let first = json!({ "id": "gpt://b1gmine/yandexgpt/latest", "object": "model", "owned_by": "Yandex", "created": 0 });
        assert!(models.contains(&first), "{models:?}");
    }
    let reply = get(&url, &[("authorization", &key), ("OpenAI-Project", "b1gother")]).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn refuses_wrong_credentials_over_rest_and_grpc() {
    let emulator = Emulator::start().await.unwrap();
    let channel = grpc::connect(emulator.api_addr()).await;
    let revoked = emulator.iam_token().unwrap();
    emulator.revoke_iam_token(&revoked).unwrap();
    let revoked_key = emulator.api_key_with_scopes(&["yc.ai.languageModels.execute"]).unwrap();
    emulator.revoke_api_key(&revoked_key).unwrap();

    for (authorization, message) in [
        (bearer(&revoked), "The token is invalid"),
        (bearer("t1.unknown"), "The token is invalid"),
        (api_key("AQVNunknown"), "Unknown api key"),
        (api_key(&revoked_key), "Unknown api key"),
        (api_key(&emulator.iam_token().unwrap()), "Unknown api key"),
        (
            format!("OAuth {}", emulator.oauth_token()),
            "IAM token or API key has to be passed in request: the authorization scheme is neither Bearer nor Api-Key",
        ),
        (
            "t1.without-scheme".to_owned(),
            "IAM token or API key has to be passed in request: the authorization header has no scheme",
        ),
    ] {
        let reply = chat(&emulator, &authorization, false).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{message}");
        let of_chat = format!("rpc error: code = Unauthenticated desc = {message}");
        assert_eq!(crate::common::message(&reply), of_chat);
        let request = grpc::with(&authorization, completion(&emulator, false));
        let error =
            grpc::stream::<_, grpc::Completed>(&channel, grpc::COMPLETION, request).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::Unauthenticated, message));
    }

    let reply = post(&format!("{}/v1/chat/completions", emulator.api_url()), &[], &json!({})).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    let error = grpc::stream::<_, grpc::Completed>(
        &channel,
        grpc::COMPLETION,
        grpc::bare(completion(&emulator, false)),
    )
    .await;
    assert_eq!(error.unwrap_err().message(), "IAM token or API key has to be passed in request");
}

#[tokio::test]
async fn only_the_openai_paths_accept_an_api_key_as_bearer() {
    let emulator = Emulator::start().await.unwrap();
    assert_eq!(accepted(&emulator, &bearer(emulator.api_key())).await, StatusCode::OK);
    let channel = grpc::connect(emulator.api_addr()).await;
    let request = grpc::with(&bearer(emulator.api_key()), completion(&emulator, false));
    let error = grpc::stream::<_, grpc::Completed>(&channel, grpc::COMPLETION, request).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Unauthenticated, "The token is invalid"));
}

#[tokio::test]
async fn an_api_key_needs_the_scope() {
    let emulator = Emulator::builder().api_key_scopes(["yc.monitoring.read"]).start().await.unwrap();
    let reply = chat(&emulator, &api_key(emulator.api_key()), false).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);

    let channel = grpc::connect(emulator.api_addr()).await;
    let request = grpc::with(&api_key(emulator.api_key()), completion(&emulator, false));
    let error = grpc::stream::<_, grpc::Completed>(&channel, grpc::COMPLETION, request).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);

    for scope in ["yc.ai.languageModels.execute", "yc.ai.foundationModels.execute"] {
        let key = emulator.api_key_with_scopes(&["yc.monitoring.read", scope]).unwrap();
        assert_eq!(chat(&emulator, &api_key(&key), false).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn refuses_models_of_another_folder_and_without_a_folder() {
    let emulator = Emulator::start().await.unwrap();
    let key = api_key(emulator.api_key());
    let url = format!("{}/v1/chat/completions", emulator.api_url());
    for (model, status) in [
        ("gpt://b1gother/yandexgpt/latest", StatusCode::FORBIDDEN),
        ("yandexgpt", StatusCode::BAD_REQUEST),
        ("gpt://", StatusCode::BAD_REQUEST),
        ("emb://x/y/z", StatusCode::BAD_REQUEST),
    ] {
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] });
        assert_eq!(post(&url, &[("authorization", &key)], &body).await.status, status, "{model}");
    }
}
