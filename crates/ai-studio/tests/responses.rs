//! The `async-openai` client over the SDK's transport.
#![cfg(feature = "responses")]
#![allow(clippy::unwrap_used, reason = "so a test fails")]

mod fixture;

use async_openai::error::OpenAIError;
use async_openai::types::responses::CreateResponseArgs;
use fixture::server::{Reply, Server};
use fixture::{API_KEY, FOLDER, Hasty, machine, sdk_at, sdk_mapped};
use yandex_ai_studio_sdk::auth;
use yandex_cloud_emulator::Emulator;

#[tokio::test]
async fn a_response_is_created_with_the_sdks_credentials() {
    let emulator = Emulator::start().await.unwrap();
    let sdk =
        sdk_at(&emulator.api_url()).auth(emulator.api_key()).folder_id(emulator.folder_id()).build().unwrap();
    let model = format!("gpt://{}/yandexgpt/latest", emulator.folder_id());
    let request = CreateResponseArgs::default().model(model).input("hello").build().unwrap();
    let response = sdk.responses().await.unwrap().responses().create(request).await.unwrap();
    assert!(response.output_text().unwrap().contains("hello"));
}

#[tokio::test]
async fn a_call_is_the_sdks_in_header_and_retries() {
    let server = Server::start(|_, before| match before {
        0 => Reply::status(503).with("retry-after", "3"),
        1 => Reply::Close,
        _ => Reply::models(),
    })
    .await;
    let clock = Hasty::default();
    let sdk = sdk_mapped(&server.url())
        .system(machine([]).with_clock(clock.clone()))
        .enable_server_data_logging(false)
        .build()
        .unwrap();
    sdk.responses().await.unwrap().models().list().await.unwrap();
    assert_eq!(clock.slept(), [3000, 1500]);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    for (before, request) in seen.iter().enumerate() {
        assert_eq!(request.line(), "GET /v1/models");
        assert_eq!(request.header("authorization").unwrap(), format!("Api-Key {API_KEY}"));
        assert_eq!(request.header("openai-project"), Some(FOLDER));
        assert_eq!(request.header("x-data-logging-enabled"), Some("false"));
        assert!(request.header("user-agent").unwrap().starts_with("yandex-ai-studio-sdk/"));
        assert_eq!(request.header("x-client-request-id"), seen[0].header("x-client-request-id"));
        let attempt = (before > 0).then(|| before.to_string());
        assert_eq!(request.header("x-retry-attempt"), attempt.as_deref());
    }
    assert_eq!(seen[0].header("x-client-request-id").unwrap().len(), 36);
}

#[tokio::test]
async fn what_is_wrong_with_the_header_is_the_auth_crates_error() {
    let emulator = Emulator::start().await.unwrap();
    let sdk = sdk_at(&emulator.api_url()).auth(emulator.new_oauth_token()).build().unwrap();
    let error = sdk.responses().await.unwrap().models().list().await.unwrap_err();
    let OpenAIError::Boxed(error) = error else { panic!("{error}") };
    assert_eq!(error.downcast_ref::<auth::Error>().unwrap().kind(), auth::ErrorKind::Refused);
}
