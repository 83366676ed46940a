//! Every feature once, end to end, against the emulator, which checks the requests.

#[allow(dead_code, reason = "its `main` is not run here")]
#[path = "../../examples/chat.rs"]
mod example;

use futures_util::StreamExt;
use serde_json::json;
use yandex_ai_studio_sdk::auth::System;
use yandex_ai_studio_sdk::auth::testing::TestEnvironment;
use yandex_ai_studio_sdk::models::AlternativeStatus;
use yandex_ai_studio_sdk::{AiStudio, ErrorKind, Message, ResponseFormat, Tool};
use yandex_cloud_emulator::Emulator;

async fn cloud() -> (Emulator, AiStudio) {
    let cloud = Emulator::builder().operation_polls(1).start().await.unwrap();
    let sdk = AiStudio::builder()
        .endpoint(cloud.api_url())
        .folder_id(cloud.folder_id())
        .auth(cloud.api_key())
        .system(System::real().with_environment(TestEnvironment::empty()))
        .build()
        .unwrap();
    (cloud, sdk)
}

fn calculator() -> Tool {
    let schema = json!({ "type": "object", "properties": { "expression": { "type": "string" } } });
    Tool::function("calculator").description("computes").parameters(schema)
}

#[derive(serde::Deserialize)]
struct Expression {
    expression: String,
}

#[tokio::test]
async fn the_chat_example_runs() {
    let streamed = example::run().await.unwrap();
    assert!(streamed.ends_with("you said: In a word?"), "{streamed}");
}

#[tokio::test]
async fn chats_calls_tools_and_returns_json() {
    let (_cloud, sdk) = cloud().await;
    let model = sdk.chat().completions("yandexgpt");
    assert!(model.run("hello").await.unwrap().text().ends_with("you said: hello"));

    let with_tools = model.clone().tools([calculator()]).tool_choice("required");
    for response in [
        with_tools.run("7@8").await.unwrap(),
        with_tools.run_stream("7@8").await.unwrap().finish().await.unwrap(),
    ] {
        assert_eq!(response.tool_calls()[0].parse::<Expression>().unwrap().expression, "7@8");
        let conversation =
            [Message::user("7@8"), Message::from(&response), Message::function_result("calculator", "-5")];
        let response = model.clone().tools([calculator()]).run(conversation).await.unwrap();
        assert!(response.text().ends_with("the tool said: -5"), "{}", response.text());
    }

    let schema = json!({ "type": "object", "properties": { "expression": { "type": "string" } } });
    let model = model.response_format(ResponseFormat::json_schema("expression", schema).strict(true));
    let response = model.run("7@8").await.unwrap();
    assert!(response.parse::<Expression>().unwrap().expression.contains("7@8"), "{}", response.text());
}

#[tokio::test]
async fn embeds_texts_and_lists_models() {
    let (_cloud, sdk) = cloud().await;
    let chat = sdk.chat();
    let hello = chat.text_embeddings("doc").run("hello").await.unwrap();
    assert_eq!(hello.vector().len(), 256);
    assert_eq!(sdk.models().text_embeddings("doc").run("hello").await.unwrap().embedding.len(), 256);
    let models = chat.completions_models().await.unwrap();
    assert!(models.iter().any(|model| model.name() == "yandexgpt"), "{models:?}");
}

#[tokio::test]
async fn native_models_respond_at_once_in_a_stream_and_by_an_operation() {
    let (cloud, sdk) = cloud().await;
    let model = sdk.models().completions("yandexgpt");
    let response = model.run("hello").await.unwrap();
    assert!(response.text().ends_with("you said: hello"), "{}", response.text());
    assert_eq!(response.status(), Some(&AlternativeStatus::Final));

    let grown: Vec<_> = model.run_stream("hello").await.unwrap().map(Result::unwrap).collect().await;
    assert!(grown.len() > 1);
    for pair in grown.windows(2) {
        assert!(pair[1].text().starts_with(pair[0].text()));
    }
    assert!(!model.tokenize("hello").await.unwrap().is_empty());

    let operation = model.run_deferred("hello").await.unwrap();
    let attached = model.attach_deferred(operation.id());
    drop(operation);
    assert!(attached.await.unwrap().text().ends_with("you said: hello"));

    cloud.clock().freeze();
    let operation = model.run_deferred("hello").await.unwrap();
    assert!(operation.cancel().await.unwrap().is_failed());
    assert_eq!(operation.await.unwrap_err().kind(), ErrorKind::Operation);
}

#[tokio::test]
async fn calls_tools_of_native_models() {
    let (_cloud, sdk) = cloud().await;
    let model = sdk.models().completions("yandexgpt").tools([calculator()]);
    let called = model.clone().tool_choice(&calculator()).run("7@8").await.unwrap();
    assert_eq!(called.status(), Some(&AlternativeStatus::ToolCalls));
    assert_eq!(called.tool_calls()[0].parse::<Expression>().unwrap().expression, "7@8");
    let conversation =
        [Message::user("7@8"), Message::from(&called), Message::function_result("calculator", "-5")];
    let response = model.run(conversation).await.unwrap();
    assert!(response.text().ends_with("the tool said: -5"), "{}", response.text());
}

#[tokio::test]
async fn a_foreign_folder_is_refused_with_the_message_of_the_server() {
    let (_cloud, sdk) = cloud().await;
    let error = sdk.chat().completions("gpt://b1gother/yandexgpt/latest").run("hello").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.status().unwrap(), 403);
}
