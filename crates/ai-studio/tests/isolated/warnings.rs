//! Warnings about an endpoint in the environment that the SDK does not use.

use crate::fixture::{API_KEY, FOLDER, model_list, test_system};
use test_support::http_server::Server;
use test_support::log::Log;
use yandex_ai_studio_sdk::{AiStudio, AiStudioBuilder, RetryPolicy};

/// One test, because the log belongs to the process.
#[tokio::test]
async fn warns_once_about_a_foreign_endpoint_in_the_environment_and_not_about_one_in_code() {
    let log = Log::of_target("yandex_");
    log.set_global();
    let take_warnings = || {
        let warnings = log.warnings();
        log.clear();
        warnings
    };
    let server = Server::always(model_list());
    let sdk = |endpoint: &str| -> AiStudioBuilder {
        let system = test_system([("YC_API_ENDPOINT", endpoint)]);
        AiStudio::builder().system(system).folder_id(FOLDER).auth(API_KEY).retry_policy(RetryPolicy::none())
    };

    // An address in code works despite the foreign endpoint.
    let foreign = sdk("api.evil.example").service_map([("http_completions", server.url())]).build().unwrap();
    assert_eq!(take_warnings(), [""; 0], "building the SDK reads no variable");
    for _ in 0..3 {
        foreign.chat().models().await.unwrap();
        foreign.models().completions("yandexgpt").run("hello").await.unwrap_err();
    }
    let lines = take_warnings();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for word in ["YC_API_ENDPOINT", "https://api.evil.example", "the SDK sends nothing to it"] {
        assert!(lines[0].contains(word), "{word}: {lines:?}");
    }

    let in_code = sdk("api.evil.example").endpoint(server.url()).build().unwrap();
    in_code.chat().models().await.unwrap_err();
    let loopback = sdk(&server.url()).build().unwrap();
    loopback.http().await.unwrap();
    for ours in ["api.yandexcloud.kz:443", ""] {
        sdk(ours).build().unwrap().http().await.unwrap();
    }
    assert_eq!(take_warnings(), [""; 0]);
}
