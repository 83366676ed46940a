//! Endpoint discovery over REST and gRPC.

use crate::common::grpc;
use http::StatusCode;
use serde_json::json;
use test_support::http_client::get;
use tonic::Code;
use yandex_cloud_emulator::{Emulator, Service};

#[tokio::test]
async fn lists_every_service_at_its_own_address() {
    let emulator = Emulator::start().await.unwrap();
    let address = emulator.api_addr().to_string();

    let reply = get(&format!("{}/endpoints", emulator.api_url()), &[]).await;
    assert_eq!(reply.status, StatusCode::OK);
    let rest: Vec<(String, String)> = reply.json()["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["id"].as_str().unwrap().to_owned(), e["address"].as_str().unwrap().to_owned()))
        .collect();

    let channel = grpc::connect(emulator.api_addr()).await;
    let response =
        grpc::unary::<_, grpc::Endpoints>(&channel, grpc::LIST, grpc::bare(grpc::Nothing {})).await.unwrap();
    let over_grpc: Vec<_> = response.into_inner().endpoints.into_iter().map(|e| (e.id, e.address)).collect();

    assert_eq!(rest, over_grpc);
    assert!(rest.iter().all(|(_, at)| *at == address), "{rest:?}");
    let has = |id: &str| rest.iter().any(|(known, _)| known == id);
    for id in [
        "iam",
        "endpoint",
        "operation",
        "ai-foundation-models",
        "ai-llm",
        "ai-assistants",
        "ai-files",
        "searchapi",
        "ai-stt-v3",
        "ai-vision-ocr",
    ] {
        assert!(has(id), "{id}");
    }
    assert!(!has("ai-tts-v3"));
    assert_eq!(emulator.counters().requests(Service::Endpoints), 2);
}

#[tokio::test]
async fn returns_one_service_by_its_id() {
    let emulator = Emulator::start().await.unwrap();
    let address = emulator.api_addr().to_string();
    let channel = grpc::connect(emulator.api_addr()).await;

    let reply = get(&format!("{}/endpoints/iam", emulator.api_url()), &[]).await;
    assert_eq!(reply.json(), json!({ "id": "iam", "address": address }));
    let response = grpc::unary::<_, grpc::ApiEndpoint>(&channel, grpc::GET, grpc::bare(grpc::text("iam")))
        .await
        .unwrap();
    assert_eq!(response.into_inner().address, address);

    let reply = get(&format!("{}/endpoints/ai-tts-v3", emulator.api_url()), &[]).await;
    assert_eq!((reply.status, reply.code()), (StatusCode::NOT_FOUND, 5));
    let error =
        grpc::unary::<_, grpc::ApiEndpoint>(&channel, grpc::GET, grpc::bare(grpc::text("ai-tts-v3"))).await;
    assert_eq!(error.unwrap_err().code(), Code::NotFound);
    assert_eq!(emulator.counters().route("GET /endpoints/{id}"), 2);
}

#[tokio::test]
async fn returns_the_host_that_the_client_used() {
    let emulator = Emulator::start().await.unwrap();
    let port = emulator.api_addr().port();
    let reply =
        get(&format!("{}/endpoints/iam", emulator.api_url()), &[("host", &format!("localhost:{port}"))])
            .await;
    assert_eq!(reply.json()["address"], format!("localhost:{port}"));
}
