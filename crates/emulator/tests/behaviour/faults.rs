//! Every kind of fault, over REST and gRPC.

use std::time::{Duration, Instant};

use crate::common::{FLAVOR, accepted, bearer, grpc, token_url};
use http::StatusCode;
use serde_json::json;
use test_support::http_client::{get, post, raw, try_call};
use tokio::time::timeout;
use tonic::Code;
use yandex_cloud_emulator::{Emulator, Fault, Service};

/// How long a test waits to see that no response comes.
const SOON: Duration = Duration::from_millis(150);

async fn discover(
    emulator: &Emulator,
) -> Result<test_support::http_client::Response, test_support::http_client::BoxError> {
    try_call("GET", &format!("{}/endpoints", emulator.api_url()), &[], "").await
}

async fn discover_grpc(emulator: &Emulator) -> Result<grpc::Endpoints, tonic::Status> {
    let channel = grpc::connect(emulator.api_addr()).await;
    let response = grpc::unary(&channel, grpc::LIST, grpc::bare(grpc::Nothing {})).await?;
    Ok(response.into_inner())
}

#[tokio::test]
async fn latency_delays_the_response() {
    let emulator = Emulator::start().await.unwrap();
    emulator.faults().add(Fault::latency(Duration::from_millis(80)));
    let started = Instant::now();
    assert_eq!(discover(&emulator).await.unwrap().status, StatusCode::OK);
    assert!(started.elapsed() >= Duration::from_millis(80));
    let started = Instant::now();
    discover_grpc(&emulator).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn status_responds_with_the_status() {
    let emulator = Emulator::start().await.unwrap();
    emulator.faults().add(Fault::status(503).retry_after(Duration::from_secs(7)).times(1));
    let reply = discover(&emulator).await.unwrap();
    assert_eq!((reply.status, reply.code()), (StatusCode::SERVICE_UNAVAILABLE, 14));
    assert_eq!(reply.header("retry-after"), "7");
    assert_eq!(discover(&emulator).await.unwrap().status, StatusCode::OK);

    emulator.faults().add(Fault::status(401).body("go away").times(1));
    let reply = discover(&emulator).await.unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (StatusCode::UNAUTHORIZED, "go away"));

    emulator.faults().add(Fault::status(302).times(1));
    assert_eq!(discover(&emulator).await.unwrap().status, StatusCode::FOUND);
}

#[tokio::test]
async fn status_becomes_a_code_over_grpc() {
    let emulator = Emulator::start().await.unwrap();
    for (status, code) in [
        (400, Code::InvalidArgument),
        (401, Code::Unauthenticated),
        (403, Code::PermissionDenied),
        (404, Code::NotFound),
        (429, Code::ResourceExhausted),
        (500, Code::Internal),
        (503, Code::Unavailable),
        (504, Code::DeadlineExceeded),
    ] {
        emulator.faults().add(Fault::status(status).retry_after(Duration::from_secs(3)).times(1));
        let error = discover_grpc(&emulator).await.unwrap_err();
        assert_eq!(error.code(), code, "{status}");
        assert_eq!(error.metadata().get("retry-after").unwrap(), "3");
    }
    emulator.faults().add(Fault::status(503).body("come back later").times(1));
    assert_eq!(discover_grpc(&emulator).await.unwrap_err().message(), "come back later");
    let message = "100 % занято\r\n%41";
    emulator.faults().add(Fault::status(503).body(message).times(1));
    assert_eq!(discover_grpc(&emulator).await.unwrap_err().message(), message);
}

#[tokio::test]
async fn hang_never_responds() {
    let emulator = Emulator::start().await.unwrap();
    emulator.faults().add(Fault::hang().times(2));
    assert!(timeout(SOON, discover(&emulator)).await.is_err());
    assert!(timeout(SOON, discover_grpc(&emulator)).await.is_err());
    assert_eq!(discover(&emulator).await.unwrap().status, StatusCode::OK);
    assert_eq!(emulator.counters().requests(Service::Endpoints), 3);
}

#[tokio::test]
async fn drip_sends_a_byte_at_a_time() {
    let emulator = Emulator::start().await.unwrap();
    let url = format!("{}/endpoints/iam", emulator.api_url());
    let whole = get(&url, &[]).await.body;
    emulator.faults().add(Fault::drip(Duration::from_millis(1)));

    let started = Instant::now();
    assert_eq!(get(&url, &[]).await.body, whole);
    assert!(started.elapsed() >= Duration::from_millis(whole.len() as u64));

    let started = Instant::now();
    let channel = grpc::connect(emulator.api_addr()).await;
    let response = grpc::unary::<_, grpc::ApiEndpoint>(&channel, grpc::GET, grpc::bare(grpc::text("iam")));
    assert_eq!(response.await.unwrap().into_inner().address, emulator.api_addr().to_string());
    assert!(started.elapsed() >= Duration::from_millis(20));
}

#[tokio::test]
async fn reset_closes_the_connection() {
    let emulator = Emulator::start().await.unwrap();
    emulator.faults().add(Fault::reset());
    let address = emulator.api_addr();
    let request = format!("GET /endpoints HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let response = timeout(Duration::from_secs(10), raw(address, request.as_bytes())).await;
    assert_eq!(response.expect("closed"), b"");
    assert!(discover(&emulator).await.is_err());
    let code = discover_grpc(&emulator).await.unwrap_err().code();
    assert!(matches!(code, Code::Unknown | Code::Unavailable), "{code:?}");
}

#[tokio::test]
async fn garbage_is_a_200_with_an_undecodable_body() {
    let emulator = Emulator::start().await.unwrap();
    emulator.faults().add(Fault::garbage());
    let reply = discover(&emulator).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK);
    assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_err());
    assert!(std::str::from_utf8(&reply.body).is_err());
    assert_eq!(discover_grpc(&emulator).await.unwrap_err().code(), Code::Internal);
}

#[tokio::test]
async fn not_found_is_a_404() {
    let emulator = Emulator::start().await.unwrap();
    emulator.faults().add(Fault::not_found());
    let reply = discover(&emulator).await.unwrap();
    assert_eq!((reply.status, reply.code()), (StatusCode::NOT_FOUND, 5));
    assert_eq!(get(&token_url(&emulator), &[FLAVOR]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(discover_grpc(&emulator).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn huge_body_has_the_requested_size() {
    let emulator = Emulator::start().await.unwrap();
    emulator.faults().add(Fault::huge_body(5_000_000));
    let reply = discover(&emulator).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (StatusCode::OK, 5_000_000));
    assert!(reply.json()["padding"].is_string());
    // More than the message limit of every gRPC client.
    assert_eq!(discover_grpc(&emulator).await.unwrap_err().code(), Code::OutOfRange);
}

#[tokio::test]
async fn truncated_body_closes_the_connection_in_the_middle() {
    let emulator = Emulator::start().await.unwrap();
    let whole = discover(&emulator).await.unwrap().body;
    emulator.faults().add(Fault::truncated_body());

    let address = emulator.api_addr();
    let request = format!("GET /endpoints HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let response = String::from_utf8(raw(address, request.as_bytes()).await).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("content-length: {}", whole.len())), "{head}");
    assert_eq!(body.as_bytes(), &whole[..whole.len() / 2]);
    assert!(discover(&emulator).await.is_err());
    assert!(discover_grpc(&emulator).await.is_err());
}

#[tokio::test]
async fn same_old_token_returns_an_expired_token() {
    let emulator = Emulator::builder().token_lifetime(Duration::from_secs(300)).start().await.unwrap();
    let clock = emulator.clock();
    clock.freeze();
    let metadata = async || get(&token_url(&emulator), &[FLAVOR]).await.json();
    let iam = async || {
        let body = json!({ "yandexPassportOauthToken": emulator.oauth_token() });
        post(&format!("{}/iam/v1/tokens", emulator.api_url()), &[], &body).await.json()
    };
    emulator.faults().add(Fault::same_old_token());
    let (first_metadata, first_iam) = (metadata().await, iam().await);

    clock.advance(Duration::from_secs(400));
    let (second_metadata, second_iam) = (metadata().await, iam().await);
    assert_eq!(second_metadata["access_token"], first_metadata["access_token"]);
    assert_eq!(second_metadata["expires_in"], 0);
    assert_eq!(second_iam, first_iam);
    let dead = bearer(second_iam["iamToken"].as_str().unwrap());
    assert_eq!(accepted(&emulator, &dead).await, StatusCode::UNAUTHORIZED);

    emulator.faults().clear();
    assert_ne!(metadata().await["access_token"], first_metadata["access_token"]);
    assert_ne!(iam().await["iamToken"], first_iam["iamToken"]);
}

#[tokio::test]
async fn a_fault_applies_only_to_its_target() {
    let emulator = Emulator::start().await.unwrap();
    let faults = emulator.faults();
    let models = format!("{}/v1/models", emulator.api_url());

    faults.add(Fault::status(500).on(Service::Metadata));
    assert_eq!(discover(&emulator).await.unwrap().status, StatusCode::OK);
    assert_eq!(get(&token_url(&emulator), &[FLAVOR]).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    faults.clear();
    assert_eq!(get(&token_url(&emulator), &[FLAVOR]).await.status, StatusCode::OK);

    faults.add(Fault::status(500).on(Service::Ai));
    assert_eq!(get(&models, &[]).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    faults.clear();

    faults.add(Fault::status(500).on_path("/yandex.cloud.endpoint."));
    assert_eq!(discover(&emulator).await.unwrap().status, StatusCode::OK);
    assert_eq!(discover_grpc(&emulator).await.unwrap_err().code(), Code::Internal);
}

#[tokio::test]
async fn faults_apply_one_after_another() {
    let emulator = Emulator::start().await.unwrap();
    emulator.faults().add(Fault::status(503).times(2));
    emulator.faults().add(Fault::not_found().times(1));
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(discover(&emulator).await.unwrap().status.as_u16());
    }
    assert_eq!(seen, [503, 503, 404, 200]);
    assert!(emulator.faults().active().is_empty());
}
