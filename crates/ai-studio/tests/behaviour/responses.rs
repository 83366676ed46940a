//! The `async-openai` client over the SDK's transport.
#![cfg(feature = "responses")]

use crate::fixture::{API_KEY, FOLDER, InstantClock, model_list, sdk_at, sdk_mapped, test_system};
use async_openai::error::OpenAIError;
use async_openai::types::responses::CreateResponseArgs;
use test_support::http_server::{Reply, Server};
use test_support::token_source::Source;
use test_support::wait::soon;
use yandex_ai_studio_sdk::RetryPolicy;
use yandex_ai_studio_sdk::auth::{self, Credentials};
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
async fn a_call_has_the_headers_and_the_retries_of_the_sdk() {
    let server = Server::start(|_, before| match before {
        0 => Reply::status(503).with("retry-after", "3"),
        1 => Reply::close(),
        _ => model_list(),
    });
    let clock = InstantClock::default();
    let sdk = sdk_mapped(&server.url())
        .system(test_system([]).with_clock(clock.clone()))
        .enable_server_data_logging(false)
        .build()
        .unwrap();
    sdk.responses().await.unwrap().models().list().await.unwrap();
    assert_eq!(clock.slept(), [3000, 1500]);
    let seen = server.requests();
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
async fn all_requests_of_a_call_have_one_idempotency_key() {
    let server = Server::start(|request, before| match (request.header("authorization"), before) {
        (Some("Bearer t1.fake.0"), _) => Reply::status(401),
        (_, 1) => Reply::status(503),
        _ => Reply::body(400, r#"{"error":{"message":"enough"}}"#),
    });
    let system = test_system([]).with_clock(InstantClock::default());
    let credentials = Credentials::from_source(Source::counting()).with_system(system.clone());
    let sdk = sdk_mapped(&server.url()).system(system).auth(credentials).build().unwrap();
    let client = sdk.responses().await.unwrap();
    let request = CreateResponseArgs::default().model("gpt://b1g/yandexgpt").input("hello").build().unwrap();
    for _ in 0..2 {
        client.responses().create(request.clone()).await.unwrap_err();
    }
    let seen = server.requests();
    let keys: Vec<_> = seen.iter().map(|request| request.header("idempotency-key").unwrap()).collect();
    assert_eq!(
        (keys.len(), keys[0].len()),
        (4, 36),
        "refused, unavailable, successful; and another call: {keys:?}"
    );
    assert!(keys[0] == keys[1] && keys[1] == keys[2] && keys[2] != keys[3], "{keys:?}");
}

#[tokio::test]
async fn a_retry_after_beyond_the_time_of_a_call_ends_the_call() {
    let server = Server::always(Reply::status(429).with("retry-after", "18446744073709551615"));
    let clock = InstantClock::default();
    let sdk = sdk_mapped(&server.url())
        .system(test_system([]).with_clock(clock.clone()))
        .retry_policy(RetryPolicy::new().unlimited_attempts())
        .build()
        .unwrap();
    let client = sdk.responses().await.unwrap();
    soon(client.models().list()).await.unwrap_err();
    assert_eq!((server.requests().len(), clock.slept().len()), (1, 0));

    let server = Server::always(Reply::status(503));
    let clock = InstantClock::default();
    let sdk = sdk_mapped(&server.url())
        .system(test_system([]).with_clock(clock.clone()))
        .retry_policy(RetryPolicy::new().unlimited_attempts())
        .build()
        .unwrap();
    let client = sdk.responses().await.unwrap();
    soon(client.models().list()).await.unwrap_err();
    let waited: u128 = clock.slept().iter().sum();
    assert!((170_000..180_000).contains(&waited), "{waited} ms");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::always(model_list());
    let server = Server::always(Reply::status(307).with("location", elsewhere.url()));
    let sdk = sdk_mapped(&server.url()).build().unwrap();
    sdk.responses().await.unwrap().models().list().await.unwrap_err();
    let http = sdk.http().await.unwrap();
    assert_eq!(http.send(http.get_ref().get(server.url())).await.unwrap().status(), 307);
    assert_eq!((server.requests().len(), elsewhere.connections()), (2, 0));
}

#[tokio::test]
async fn a_missing_header_is_the_error_of_the_auth_crate() {
    let emulator = Emulator::start().await.unwrap();
    let sdk = sdk_at(&emulator.api_url()).auth(emulator.new_oauth_token()).build().unwrap();
    let error = sdk.responses().await.unwrap().models().list().await.unwrap_err();
    let OpenAIError::Boxed(error) = error else { panic!("{error}") };
    assert_eq!(error.downcast_ref::<auth::Error>().unwrap().kind(), auth::ErrorKind::Refused);
}
