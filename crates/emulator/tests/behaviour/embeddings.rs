//! Embeddings: format, values and credentials.

use crate::common::{api_key, bearer};
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::{Response, post};
use yandex_cloud_emulator::{Emulator, Service};

fn model(emulator: &Emulator) -> String {
    format!("emb://{}/text-search-doc/latest", emulator.folder_id())
}

async fn embed(emulator: &Emulator, authorization: &str, body: &Value) -> Response {
    post(&format!("{}/v1/embeddings", emulator.api_url()), &[("authorization", authorization)], body).await
}

fn vector(response: &Value) -> Vec<f64> {
    serde_json::from_value(response["data"][0]["embedding"].clone()).unwrap()
}

#[tokio::test]
async fn an_embedding_has_the_format_of_the_real_service() {
    let emulator = Emulator::start().await.unwrap();
    let body = json!({ "model": model(&emulator), "input": ["hello there"] });
    let reply = embed(&emulator, &api_key(emulator.api_key()), &body).await;

    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, "application/json"));
    let response = reply.json();
    assert_eq!((&response["object"], &response["model"]), (&json!("list"), &json!(model(&emulator))));
    assert_eq!(response["data"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&response["data"][0]["object"], &response["data"][0]["index"]),
        (&json!("embedding"), &json!(0))
    );
    assert_eq!(response["usage"], json!({ "prompt_tokens": 2, "total_tokens": 2 }));
    let vector = vector(&response);
    assert_eq!(vector.len(), 256);
    assert!((vector.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-3);
    assert_eq!(emulator.counters().route("POST /v1/embeddings"), 1);
    assert_eq!(emulator.counters().requests(Service::Ai), 1);
}

#[tokio::test]
async fn equal_texts_have_equal_vectors_and_other_texts_have_others() {
    let emulator = Emulator::start().await.unwrap();
    let key = bearer(emulator.api_key());
    let of = async |input: Value| {
        vector(&embed(&emulator, &key, &json!({ "model": model(&emulator), "input": input })).await.json())
    };
    let hello = of(json!("hello")).await;
    assert_eq!(of(json!(["hello"])).await, hello);
    assert_ne!(of(json!("goodbye")).await, hello);
}

#[tokio::test]
async fn a_vector_has_the_requested_dimensions() {
    let emulator = Emulator::start().await.unwrap();
    let key = api_key(emulator.api_key());
    for (dimensions, status) in [
        (json!(1), StatusCode::OK),
        (json!(4096), StatusCode::OK),
        (json!(null), StatusCode::OK),
        (json!(0), StatusCode::BAD_REQUEST),
        (json!(-1), StatusCode::BAD_REQUEST),
        (json!(4097), StatusCode::BAD_REQUEST),
    ] {
        let body = json!({ "model": model(&emulator), "input": "hello", "dimensions": dimensions });
        let reply = embed(&emulator, &key, &body).await;
        assert_eq!(reply.status, status, "{dimensions}");
        if status == StatusCode::OK {
            let expected = dimensions.as_u64().unwrap_or(256);
            assert_eq!(vector(&reply.json()).len() as u64, expected);
        }
    }
}

#[tokio::test]
async fn refuses_requests_that_the_real_service_refuses() {
    let emulator = Emulator::start().await.unwrap();
    let key = api_key(emulator.api_key());
    let good = model(&emulator);
    for (body, status) in [
        (json!({ "model": good, "input": ["one", "two"] }), StatusCode::BAD_REQUEST),
        (json!({ "model": good, "input": [] }), StatusCode::BAD_REQUEST),
        (json!({ "model": good, "input": [1, 2] }), StatusCode::BAD_REQUEST),
        (json!({ "model": good }), StatusCode::BAD_REQUEST),
        (json!({ "model": good, "input": "hi", "encoding_format": "base64" }), StatusCode::BAD_REQUEST),
        (json!({ "model": "text-search-doc", "input": "hi" }), StatusCode::BAD_REQUEST),
        (json!({ "model": "gpt://x/yandexgpt/latest", "input": "hi" }), StatusCode::BAD_REQUEST),
        (json!({ "model": "emb://b1gother/text-search-doc/latest", "input": "hi" }), StatusCode::FORBIDDEN),
    ] {
        assert_eq!(embed(&emulator, &key, &body).await.status, status, "{body}");
    }
    let body = json!({ "model": good, "input": "hi", "encoding_format": "base64" });
    let refused = embed(&emulator, &key, &body).await.json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("set it to \"float\""), "{refused}");
    let body = json!({ "model": good, "input": "hi", "encoding_format": "float" });
    assert_eq!(embed(&emulator, &key, &body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn refuses_the_wrong_credentials() {
    let emulator = Emulator::start().await.unwrap();
    let body = json!({ "model": model(&emulator), "input": "hi" });
    let unscoped = emulator.api_key_with_scopes(&["yc.monitoring.read"]).unwrap();
    for (authorization, status) in [
        (bearer("t1.unknown"), StatusCode::UNAUTHORIZED),
        (api_key("AQVNunknown"), StatusCode::UNAUTHORIZED),
        (format!("OAuth {}", emulator.oauth_token()), StatusCode::UNAUTHORIZED),
        (api_key(&unscoped), StatusCode::FORBIDDEN),
        (bearer(&emulator.iam_token().unwrap()), StatusCode::OK),
    ] {
        assert_eq!(embed(&emulator, &authorization, &body).await.status, status);
    }
    let reply = post(&format!("{}/v1/embeddings", emulator.api_url()), &[], &body).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}
