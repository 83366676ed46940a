//! The authorised gRPC channel, over sockets, in plain text and over TLS.
#![cfg(feature = "grpc")]

use crate::fixture::{sdk_at, sdk_mapped, test_system};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use tonic::client::Grpc;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;
use yandex_ai_studio_sdk::auth::system::HyperTransport;
use yandex_ai_studio_sdk::auth::testing::TestEnvironment;
use yandex_ai_studio_sdk::{AiStudioBuilder, ErrorKind, Verify};
use yandex_cloud_emulator::{Emulator, Service};

const METHOD: &str = "/yandex.cloud.ai.foundation_models.v1.TextGenerationService/Completion";

#[derive(prost::Message)]
struct CompletionRequest(
    #[prost(string, tag = 1)] String,
    #[prost(message, optional, tag = 2)] Option<Options>,
    #[prost(message, repeated, tag = 3)] Vec<TextMessage>,
);
#[derive(prost::Message)]
struct Options(#[prost(bool, tag = 1)] bool);
#[derive(prost::Message)]
struct TextMessage(#[prost(string, tag = 1)] String, #[prost(string, tag = 2)] String);
#[derive(prost::Message)]
struct CompletionResponse(#[prost(message, repeated, tag = 1)] Vec<Alternative>);
#[derive(prost::Message)]
struct Alternative(#[prost(message, optional, tag = 1)] Option<TextMessage>);

async fn complete(sdk: AiStudioBuilder, folder: &str) -> Result<String, tonic::Status> {
    let channel = sdk.build().unwrap().channel("ai-foundation-models").await.unwrap();
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let messages = vec![TextMessage("user".into(), "hello".into())];
    let request =
        Request::new(CompletionRequest(format!("gpt://{folder}/yandexgpt"), Some(Options(false)), messages));
    let codec = ProstCodec::<CompletionRequest, CompletionResponse>::default();
    let mut responses = client.server_streaming(request, METHOD.parse().unwrap(), codec).await?.into_inner();
    let mut text = String::new();
    while let Some(CompletionResponse(alternatives)) = responses.message().await? {
        text = alternatives[0].0.as_ref().unwrap().1.clone();
    }
    Ok(text)
}

#[tokio::test]
async fn calls_are_authorised_in_plain_text_on_loopback_and_over_tls() {
    for tls in [false, true] {
        let emulator = Emulator::builder().tls(tls).start().await.unwrap();
        let mut sdk = sdk_at(&emulator.api_url()).auth(emulator.api_key());
        if let Some(pem) = emulator.ca_pem() {
            sdk = sdk.verify(Verify::pem(pem));
        }
        let text = complete(sdk, emulator.folder_id()).await.unwrap();
        assert!(text.contains("hello"), "{text}");
    }
}

#[tokio::test]
async fn refused_credentials_give_a_grpc_status() {
    let emulator = Emulator::start().await.unwrap();
    let sdk = sdk_at(&emulator.api_url()).auth("t1.FAKE-unknown.FAKE-signature");
    assert_eq!(complete(sdk, emulator.folder_id()).await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn sends_nothing_to_a_loopback_name_that_a_hosts_file_sends_elsewhere() {
    let emulator = Emulator::start().await.unwrap();
    let url = format!("http://localhost:{}", emulator.api_addr().port());
    // No loopback address. It leads to this computer all the same, so that the emulator sees what is sent there.
    for (addresses, arrives) in [(vec![Ipv4Addr::UNSPECIFIED], false), (vec![Ipv4Addr::LOCALHOST], true)] {
        let hosts = addresses.into_iter().map(|ip| ("localhost", IpAddr::from(ip)));
        let http = HyperTransport::new(Arc::new(TestEnvironment::empty())).with_hosts(hosts);
        let sdk = sdk_mapped(&url).system(test_system([]).with_http(http)).auth(emulator.api_key());
        let outcome = complete(sdk, emulator.folder_id()).await;
        assert_eq!(outcome.is_ok(), arrives, "{outcome:?}");
        assert_eq!(emulator.counters().requests(Service::Ai) > 0, arrives);
    }
}

#[tokio::test]
async fn sends_nothing_to_a_server_of_an_unknown_authority() {
    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    let url = emulator.api_url();
    let sdk = sdk_at(&url).without_endpoint().service_map([("ai-foundation-models", &url)]);
    assert_eq!(complete(sdk, emulator.folder_id()).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(emulator.counters().requests(Service::Ai), 0);
}

/// Runs on the paused clock of the runtime, which advances when all tasks wait.
#[tokio::test]
async fn a_silent_server_is_given_up_after_ten_seconds() {
    // The kernel accepts the connection; no process responds to the handshake.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let sdk = sdk_at("127.0.0.1:1").service_map([("ai-foundation-models", &url)]);
    let mut client = Grpc::new(sdk.build().unwrap().channel("ai-foundation-models").await.unwrap());
    // The header is cached: the paused clock would not wait for a fetch on another thread.
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let call = async {
        client.ready().await.map_err(|error| tonic::Status::from_error(error.into()))?;
        let codec = ProstCodec::<CompletionRequest, CompletionResponse>::default();
        client.unary(Request::new(CompletionRequest::default()), METHOD.parse().unwrap(), codec).await
    };
    let refused = tokio::time::timeout(Duration::from_secs(60), call).await.expect("the call gives up");
    assert_eq!(refused.unwrap_err().code(), Code::Unavailable);
    let passed = start.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(11)).contains(&passed), "{passed:?}");
}

#[tokio::test]
async fn an_unknown_service_is_an_error_that_names_the_service() {
    let emulator = Emulator::start().await.unwrap();
    let sdk = sdk_at(&emulator.api_url()).build().unwrap();
    let error = sdk.channel("ai-tea").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownEndpoint);
    assert!(
        error.to_string().contains("`ai-tea`") && error.help().unwrap().contains("service_map"),
        "{error}"
    );
    let error = sdk_at("127.0.0.1:1").without_endpoint().build().unwrap().channel("iam").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownEndpoint);
    let below = sdk_at("127.0.0.1:1").service_map([("iam", "https://127.0.0.1:1/path")]).build().unwrap();
    assert_eq!(below.channel("iam").await.unwrap_err().kind(), ErrorKind::Invalid);
}
