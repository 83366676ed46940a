//! The form of an error, by the service that a client asked.

use crate::common::{FLAVOR, api_key, bearer, grpc, token_url};
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::{Response, call, get, post};
use yandex_cloud_emulator::{Emulator, Fault};

async fn ask(emulator: &Emulator, path: &str, authorization: &str, body: &Value) -> Response {
    post(&format!("{}{path}", emulator.api_url()), &[("authorization", authorization)], body).await
}

/// A request to any path that takes a model.
fn request(model: &str) -> Value {
    json!({
        "model": model, "modelUri": model, "input": "hi", "text": "hi",
        "messages": [{ "role": "user", "content": "hi", "text": "hi" }],
    })
}

#[tokio::test]
async fn the_openai_paths_have_the_form_of_openai() {
    let emulator = Emulator::builder().api_key_scopes(["yc.monitoring.read"]).start().await.unwrap();
    let (folder, token) = (emulator.folder_id(), bearer(&emulator.iam_token().unwrap()));
    let without_scope = api_key(emulator.api_key());
    let known = format!("gpt://{folder}/yandexgpt/latest");
    let unknown = format!("gpt://{folder}/gpt-of-no-cloud/latest");
    for (authorization, model, status, kind, message) in [
        (
            "Bearer AQVNFAKE-OF-NO-CLOUD",
            known.as_str(),
            StatusCode::UNAUTHORIZED,
            "authentication_error",
            "rpc error: code = Unauthenticated desc = Unknown api key",
        ),
        (
            &without_scope,
            &known,
            StatusCode::FORBIDDEN,
            "permission_error",
            "rpc error: code = PermissionDenied desc = the API key has none of the scopes",
        ),
        (&token, "yandexgpt", StatusCode::BAD_REQUEST, "invalid_request_error", "Failed to parse model URI"),
        (&token, &unknown, StatusCode::BAD_REQUEST, "server_error", "Failed to get model"),
    ] {
        for path in ["/v1/chat/completions", "/v1/responses"] {
            let reply = ask(&emulator, path, authorization, &request(model)).await;
            assert_eq!(reply.status, status, "{path} {model}");
            let error = reply.json()["error"].clone();
            assert!(error["message"].as_str().unwrap().starts_with(message), "{path} {error}");
            assert_eq!(
                reply.json(),
                json!({ "error": { "message": error["message"], "type": kind } }),
                "{path}"
            );
        }
    }
    let reply = call("GET", &format!("{}/v1/nothing", emulator.api_url()), &[], "").await;
    assert_eq!(
        (reply.status, &reply.json()["error"]["type"]),
        (StatusCode::NOT_FOUND, &json!("invalid_request_error"))
    );
}

#[tokio::test]
async fn the_native_paths_have_the_form_of_the_models() {
    let emulator = Emulator::start().await.unwrap();
    let key = api_key(emulator.api_key());
    for (authorization, model, grpc_code, http_code, reason) in [
        ("Api-Key AQVNFAKE-OF-NO-CLOUD", "gpt://x/y/z", 16, 401, "Unauthorized"),
        (&key, "gpt://b1gother/yandexgpt/latest", 7, 403, "Forbidden"),
        (&key, "yandexgpt", 3, 400, "Bad Request"),
    ] {
        for path in ["completion", "completionAsync", "tokenize", "tokenizeCompletion"] {
            let reply =
                ask(&emulator, &format!("/foundationModels/v1/{path}"), authorization, &request(model)).await;
            let message = reply.json()["error"]["message"].clone();
            assert_eq!(
                (reply.status.as_u16(), reply.json()),
                (
                    http_code,
                    json!({ "error": {
                    "grpcCode": grpc_code, "httpCode": http_code, "message": message, "httpStatus": reason,
                    "details": [],
                } })
                ),
                "{path}"
            );
            assert!(message.is_string(), "{path}");
        }
    }
}

#[tokio::test]
async fn the_other_services_have_the_form_of_the_gateway_with_the_request_id() {
    let emulator = Emulator::start().await.unwrap();
    for (path, status, code) in [
        ("/iam/v1/tokens", StatusCode::BAD_REQUEST, 3),
        ("/iam/v1/tokens:revoke", StatusCode::UNAUTHORIZED, 16),
        ("/operations/nothing:cancel", StatusCode::UNAUTHORIZED, 16),
        ("/endpoints/nothing", StatusCode::NOT_FOUND, 5),
    ] {
        let reply = post(&format!("{}{path}", emulator.api_url()), &[], &json!({})).await;
        let info = json!({
            "@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": reply.header("x-request-id"),
        });
        let expected = json!({ "code": code, "message": reply.message(), "details": [info] });
        assert_eq!((reply.status, reply.json()), (status, expected), "{path}");
        assert_eq!(reply.header("x-request-id").len(), 36, "{path}");
    }
}

#[tokio::test]
async fn a_fault_has_the_form_of_its_service() {
    let emulator = Emulator::start().await.unwrap();
    emulator.faults().add(Fault::status(429));
    let at = |path: &str| format!("{}{path}", emulator.api_url());
    let message = "429 by a fault of the emulator";

    let reply = get(&at("/v1/models"), &[]).await;
    assert_eq!(reply.json(), json!({ "error": { "message": message, "type": "rate_limit_error" } }));
    let reply = call("POST", &at("/foundationModels/v1/completion"), &[], "").await;
    assert_eq!(reply.json()["error"]["grpcCode"], 8);
    assert_eq!(get(&at("/endpoints"), &[]).await.code(), 8);
    let reply = get(&token_url(&emulator), &[FLAVOR]).await;
    assert_eq!(reply.text(), format!("{message}\n"));
    // A web page's request is refused before the service is known.
    let reply = get(&at("/v1/models"), &[("origin", "https://page.example")]).await;
    assert_eq!(
        (reply.status, &reply.json()["error"]["type"]),
        (StatusCode::FORBIDDEN, &json!("permission_error"))
    );
}

#[tokio::test]
async fn an_unknown_model_is_refused_on_every_path() {
    let emulator =
        Emulator::builder().text_model("mine/7").embedding_model("my-vectors").start().await.unwrap();
    let (folder, key) = (emulator.folder_id(), api_key(emulator.api_key()));
    let text = [
        "/v1/chat/completions",
        "/v1/responses",
        "/foundationModels/v1/completion",
        "/foundationModels/v1/tokenize",
    ];
    let embedding = ["/v1/embeddings", "/foundationModels/v1/textEmbedding"];
    for (scheme, paths, name, status) in [
        ("gpt", &text[..], "yandexgpt", StatusCode::OK),
        ("gpt", &text, "yandexgpt/latest", StatusCode::OK),
        ("gpt", &text, "mine/7", StatusCode::OK),
        ("gpt", &text, "mine", StatusCode::BAD_REQUEST),
        ("gpt", &text, "yandexgpt/first", StatusCode::BAD_REQUEST),
        ("gpt", &text, "text-search-doc/latest", StatusCode::BAD_REQUEST),
        ("emb", &embedding, "text-search-doc", StatusCode::OK),
        ("emb", &embedding, "my-vectors/latest", StatusCode::OK),
        ("emb", &embedding, "yandexgpt/latest", StatusCode::BAD_REQUEST),
    ] {
        for path in paths {
            let reply = ask(&emulator, path, &key, &request(&format!("{scheme}://{folder}/{name}"))).await;
            assert_eq!(reply.status, status, "{path} {name}: {}", reply.text());
        }
    }
    let models = get(&format!("{}/v1/models", emulator.api_url()), &[("authorization", &key)]).await.text();
    assert!(models.contains(&format!("gpt://{folder}/mine/7")), "{models}");
    assert!(models.contains(&format!("emb://{folder}/my-vectors/latest")), "{models}");

    let channel = grpc::connect(emulator.api_addr()).await;
    let message =
        grpc::Tokenize { model_uri: format!("gpt://{folder}/nothing/latest"), text: "hi".to_owned() };
    let error = grpc::unary::<_, grpc::Tokenized>(&channel, grpc::TOKENIZE, grpc::with(&key, message)).await;
    assert_eq!(error.unwrap_err().code(), tonic::Code::InvalidArgument);
}
