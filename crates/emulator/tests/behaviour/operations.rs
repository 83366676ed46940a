//! Operations over REST and gRPC: start, completion, polling and cancellation.

use std::time::Duration;

use crate::common::{api_key, grpc};
use http::StatusCode;
use prost::Message;
use serde_json::{Value, json};
use test_support::http_client::{Response, call, get, post};
use tonic::Code;
use tonic::transport::Channel;
use yandex_cloud_emulator::{Emulator, Service};

async fn start(emulator: &Emulator) -> Value {
    let url = format!("{}/foundationModels/v1/completionAsync", emulator.api_url());
    let body = json!({
        "modelUri": format!("gpt://{}/yandexgpt/latest", emulator.folder_id()),
        "messages": [{ "role": "user", "text": "ping" }],
    });
    post(&url, &[("authorization", &api_key(emulator.api_key()))], &body).await.json()
}

async fn at(emulator: &Emulator, method: &str, rest: &str) -> Response {
    let url = format!("{}/operations/{rest}", emulator.api_url());
    call(method, &url, &[("authorization", &api_key(emulator.api_key()))], "").await
}

fn id(operation: &Value) -> &str {
    operation["id"].as_str().unwrap()
}

async fn over_grpc(
    emulator: &Emulator,
    channel: &Channel,
    path: &'static str,
    id: &str,
) -> Result<grpc::Operation, tonic::Status> {
    let request = grpc::with(&api_key(emulator.api_key()), grpc::text(id));
    grpc::unary::<_, grpc::Operation>(channel, path, request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn an_operation_completes_after_its_delay() {
    let emulator = Emulator::start().await.unwrap();
    emulator.clock().freeze();
    let begun = start(&emulator).await;
    assert_eq!((&begun["done"], &begun["description"]), (&json!(false), &json!("Async GPT Completion")));
    assert_eq!(begun["createdBy"], emulator.service_account_id());
    assert!(begun.get("response").is_none());
    for _ in 0..10 {
        assert_eq!(at(&emulator, "GET", id(&begun)).await.json(), begun);
    }

    emulator.clock().advance(Duration::from_secs(2));
    let done = at(&emulator, "GET", id(&begun)).await.json();
    assert_eq!((&done["done"], &done["id"]), (&json!(true), &begun["id"]));
    assert_ne!(done["modifiedAt"], begun["modifiedAt"]);
    let response = &done["response"];
    assert_eq!(
        response["@type"],
        "type.googleapis.com/yandex.cloud.ai.foundation_models.v1.CompletionResponse"
    );
    let text = response["alternatives"][0]["message"]["text"].as_str().unwrap();
    assert!(text.ends_with("you said: ping"));
    assert_eq!(emulator.counters().route("GET /operations/{id}"), 11);
    assert_eq!(emulator.counters().requests(Service::Operation), 11);
}

#[tokio::test]
async fn an_operation_can_complete_at_a_poll_while_the_clock_is_frozen() {
    let emulator = Emulator::builder()
        .operation_delay(Duration::from_secs(3600))
        .operation_polls(2)
        .start()
        .await
        .unwrap();
    let begun = start(&emulator).await;
    assert_eq!(at(&emulator, "GET", id(&begun)).await.json()["done"], false);
    assert_eq!(at(&emulator, "GET", id(&begun)).await.json()["done"], true);
}

#[tokio::test]
async fn a_cancelled_operation_ends_in_an_error() {
    let emulator = Emulator::start().await.unwrap();
    emulator.clock().freeze();
    // The service's definition has GET, its guide has POST.
    for method in ["GET", "POST"] {
        let begun = start(&emulator).await;
        let cancelled = at(&emulator, method, &format!("{}:cancel", id(&begun))).await.json();
        assert_eq!((&cancelled["done"], &cancelled["error"]["code"]), (&json!(true), &json!(1)));
        emulator.clock().advance(Duration::from_secs(60));
        assert_eq!(at(&emulator, "GET", id(&begun)).await.json(), cancelled);
    }
    let done = start(&emulator).await;
    emulator.clock().advance(Duration::from_secs(60));
    let reply = at(&emulator, "POST", &format!("{}:cancel", id(&done))).await;
    assert!(reply.json().get("error").is_none(), "what is done is not cancelled");
}

#[tokio::test]
async fn rest_and_grpc_share_the_operations() {
    let emulator = Emulator::start().await.unwrap();
    emulator.clock().freeze();
    let channel = grpc::connect(emulator.api_addr()).await;
    let message = grpc::Completion {
        model_uri: format!("gpt://{}/yandexgpt/latest", emulator.folder_id()),
        options: None,
        messages: vec![grpc::ChatMessage::user("ping")],
        ..grpc::Completion::default()
    };
    let request = grpc::with(&api_key(emulator.api_key()), message.clone());
    let begun = grpc::unary::<_, grpc::Operation>(&channel, grpc::COMPLETION_ASYNC, request).await.unwrap();
    let begun = begun.into_inner();
    assert_eq!((begun.done, begun.outcome.as_ref()), (false, None));
    assert_eq!(begun.created_by, emulator.service_account_id());
    assert_eq!(at(&emulator, "GET", &begun.id).await.json()["done"], false);

    emulator.clock().advance(Duration::from_secs(2));
    let done = over_grpc(&emulator, &channel, grpc::OPERATION_GET, &begun.id).await.unwrap();
    let Some(grpc::Outcome::Response(response)) = done.outcome else { panic!("{done:?}") };
    let completed = grpc::Completed::decode(response.value.as_slice()).unwrap();
    let text = &completed.alternatives[0].message.as_ref().unwrap().text();
    assert!(text.ends_with("you said: ping"));
    let over_rest = at(&emulator, "GET", &begun.id).await.json()["response"].clone();
    assert_eq!(over_rest["@type"], response.type_url);
    assert_eq!(over_rest["alternatives"][0]["message"]["text"], *text);

    let begun = start(&emulator).await;
    let cancelled = over_grpc(&emulator, &channel, grpc::OPERATION_CANCEL, id(&begun)).await.unwrap();
    assert_eq!(cancelled.outcome, Some(grpc::Outcome::Error(grpc::Failure { code: 1 })));
    assert!(cancelled.done);

    let error =
        grpc::unary::<_, grpc::Operation>(&channel, grpc::COMPLETION_ASYNC, grpc::bare(message)).await;
    assert_eq!(error.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn an_unknown_operation_is_not_found() {
    let emulator = Emulator::start().await.unwrap();
    let begun = start(&emulator).await;
    emulator.reset();
    for (method, rest) in [("GET", ""), ("GET", ":cancel"), ("POST", ":cancel")] {
        let reply = at(&emulator, method, &format!("{}{rest}", id(&begun))).await;
        assert_eq!((reply.status, reply.code()), (StatusCode::NOT_FOUND, 5), "{method} {rest}");
    }
    let channel = grpc::connect(emulator.api_addr()).await;
    for path in [grpc::OPERATION_GET, grpc::OPERATION_CANCEL] {
        let error = over_grpc(&emulator, &channel, path, id(&begun)).await.unwrap_err();
        assert_eq!(error.code(), Code::NotFound);
    }
}

#[tokio::test]
async fn refuses_the_wrong_credentials() {
    let emulator = Emulator::start().await.unwrap();
    let begun = start(&emulator).await;
    let channel = grpc::connect(emulator.api_addr()).await;
    for rest in ["", ":cancel"] {
        let url = format!("{}/operations/{}{rest}", emulator.api_url(), id(&begun));
        assert_eq!(get(&url, &[]).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(get(&url, &[("authorization", "Api-Key AQVNx")]).await.status, StatusCode::UNAUTHORIZED);
        let unscoped = api_key(&emulator.api_key_with_scopes(&["yc.monitoring.read"]).unwrap());
        assert_eq!(get(&url, &[("authorization", &unscoped)]).await.status, StatusCode::FORBIDDEN);
    }
    for path in [grpc::OPERATION_GET, grpc::OPERATION_CANCEL] {
        let request = grpc::bare(grpc::text(id(&begun)));
        let error = grpc::unary::<_, grpc::Operation>(&channel, path, request).await.unwrap_err();
        assert_eq!(error.code(), Code::Unauthenticated);
    }
}
