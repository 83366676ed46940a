//! Warnings about an endpoint in the environment that the SDK does not use.

use crate::fixture::{API_KEY, FOLDER, machine, model_list};
use test_support::http_server::Server;
use test_support::log::Log;
use yandex_ai_studio_sdk::{AiStudio, AiStudioBuilder, RetryPolicy};

/// The only test of this process, because the log is global.
#[tokio::test]
async fn a_foreign_endpoint_in_the_environment_is_warned_about_once_and_one_named_in_code_is_not() {
    let log = Log::of_target("yandex_");
    log.set_global();
    let warnings = || {
        let warnings = log.warnings();
        log.clear();
        warnings
    };
    let server = Server::always(model_list());
    let sdk = |endpoint: &str| -> AiStudioBuilder {
        let system = machine([("YC_API_ENDPOINT", endpoint)]);
        AiStudio::builder().system(system).folder_id(FOLDER).auth(API_KEY).retry_policy(RetryPolicy::none())
    };

    // What is named in code works beside it.
    let foreign = sdk("api.evil.example").service_map([("http_completions", server.url())]).build().unwrap();
    assert_eq!(warnings(), [""; 0], "making it looks at nothing");
    for _ in 0..3 {
        foreign.chat().models().await.unwrap();
        foreign.models().completions("yandexgpt").run("hello").await.unwrap_err();
    }
    let lines = warnings();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for word in ["YC_API_ENDPOINT", "https://api.evil.example", "nothing is sent there"] {
        assert!(lines[0].contains(word), "{word}: {lines:?}");
    }

    let in_code = sdk("api.evil.example").endpoint(server.url()).build().unwrap();
    in_code.chat().models().await.unwrap_err();
    let near = sdk(&server.url()).build().unwrap();
    near.http().await.unwrap();
    for ours in ["api.yandexcloud.kz:443", ""] {
        sdk(ours).build().unwrap().http().await.unwrap();
    }
    assert_eq!(warnings(), [""; 0]);
}
