//! The chat: the requests for each input, and the responses.

use crate::fixture::{FOLDER, sdk_without_retries};
use serde_json::{Value, json};
use test_support::http_server::{Reply, Server};
use test_support::system::isolated_system;
use yandex_ai_studio_sdk::chat::{ChatMessage, ChatResponse, ContentPart, FinishReason, ToolCall};
use yandex_ai_studio_sdk::models::CompletionResponse;
use yandex_ai_studio_sdk::{Error, ErrorKind, IntoMessages, Message, ResponseFormat, Tool, ToolChoice};

fn hello() -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_758_047_016, "model": "gpt://yandexgpt/latest",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hello!" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 9, "total_tokens": 21, "completion_tokens": 12 },
    })
}

fn chat_response(value: Value) -> ChatResponse {
    serde_json::from_value(value).unwrap()
}

/// A response that calls functions, by ids and names.
fn calling(calls: &[(&str, &str)]) -> ChatResponse {
    let calls: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(index, (id, name))| {
            json!({ "index": index, "id": id, "type": "function", "function": { "name": name, "arguments": "{}" } })
        })
        .collect();
    chat_response(json!({ "choices": [{
        "message": { "role": "assistant", "content": "", "tool_calls": calls }, "finish_reason": "tool_calls",
    }] }))
}

/// The sent messages of an input.
async fn sent(messages: impl IntoMessages) -> Result<Value, Error> {
    let server = Server::always(Reply::json(&hello()));
    sdk_without_retries(&server, isolated_system()).chat().completions("yandexgpt").run(messages).await?;
    Ok(server.last_json()["messages"].clone())
}

#[tokio::test]
async fn sends_the_same_request_as_the_python_sdk() {
    let server = Server::always(Reply::json(&hello()));
    let model = sdk_without_retries(&server, isolated_system()).chat().completions("yandexgpt");
    let response = model.run("hello").await.unwrap();
    assert_eq!((response.text(), response.role()), ("Hello!", "assistant"));
    assert_eq!(response.finish_reason(), Some(&FinishReason::Stop));
    assert_eq!(response.usage.as_ref().unwrap().total_tokens, Some(21));
    assert_eq!(json!(response), hello());
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].line(), "POST /v1/chat/completions");
    assert_eq!(
        requests[0].json(),
        json!({
            "model": format!("gpt://{FOLDER}/yandexgpt/latest"), "stream": false,
            "messages": [{ "role": "user", "content": "hello" }],
        })
    );
}

#[tokio::test]
async fn sends_every_option_under_its_name() {
    let server = Server::always(Reply::json(&hello()));
    let schema = json!({ "type": "object", "properties": { "numbers": { "type": "array" } } });
    let tool = Tool::function("something").description("does").parameters(schema.clone());
    let model = sdk_without_retries(&server, isolated_system())
        .chat()
        .completions("yandexgpt/rc")
        .temperature(0.5)
        .max_tokens(100)
        .reasoning_mode("high")
        .response_format(ResponseFormat::json_schema("Numbers", schema.clone()).strict(true))
        .tools([tool.clone()])
        .parallel_tool_calls(false)
        .tool_choice(&tool)
        .extra_query(json!({ "top_k": 3, "max_tokens": 7 }));
    model.run("hello").await.unwrap();
    assert_eq!(
        server.last_json(),
        json!({
            "model": format!("gpt://{FOLDER}/yandexgpt/rc"), "stream": false,
            "messages": [{ "role": "user", "content": "hello" }],
            "temperature": 0.5, "max_tokens": 7, "reasoning_effort": "high", "top_k": 3,
            "response_format": { "type": "json_schema", "json_schema": {
                "name": "Numbers", "schema": schema, "strict": true } },
            "tools": [{ "type": "function", "function": {
                "name": "something", "description": "does", "parameters": schema } }],
            "parallel_tool_calls": false,
            "tool_choice": { "type": "function", "function": { "name": "something" } },
        })
    );
    model.response_format(ResponseFormat::json()).tool_choice("required").run("hello").await.unwrap();
    assert_eq!(server.last_json()["response_format"], json!({ "type": "json_object" }));
    assert_eq!(server.last_json()["tool_choice"], "required");
    assert_eq!(json!(ToolChoice::none()), "none");
}

#[tokio::test]
async fn accepts_texts_roles_messages_responses_and_lists() {
    let user = json!([{ "role": "user", "content": "hello" }]);
    assert_eq!(sent("hello").await.unwrap(), user);
    assert_eq!(sent("hello".to_owned()).await.unwrap(), user);
    assert_eq!(sent(("user", "hello")).await.unwrap(), user);
    assert_eq!(sent(ChatMessage::text("user", "hello")).await.unwrap(), user);
    assert_eq!(sent(["hello"]).await.unwrap(), user);
    assert_eq!(sent(vec![("user".to_owned(), "hello")]).await.unwrap(), user);

    let parts =
        [ContentPart::text("what is this?"), ContentPart::image("data:image/png;base64,AA==")].to_vec();
    let conversation = vec![
        Message::system("Your name is Arkadiy"),
        Message::user("Hello!"),
        Message::from(&chat_response(hello())),
        Message::user(parts),
    ];
    let awaited = json!([
        { "role": "system", "content": "Your name is Arkadiy" },
        { "role": "user", "content": "Hello!" },
        { "role": "assistant", "content": "Hello!" },
        { "role": "user", "content": [
            { "type": "text", "text": "what is this?" },
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } },
        ] },
    ]);
    assert_eq!(sent(&conversation).await.unwrap(), awaited);
    assert_eq!(sent(conversation).await.unwrap(), awaited);
}

#[tokio::test]
async fn sends_the_calls_of_a_response_and_the_results_by_id_or_by_name() {
    let call = |index: u64, id: &str, name: &str| json!({ "index": index, "id": id, "type": "function", "function": { "name": name, "arguments": "{}" } });
    let two = calling(&[("1", "something"), ("2", "spooning")]);
    let messages = [
        Message::user("do"),
        (&two).into(),
        Message::function_result("spooning", "-10"),
        Message::tool_result("1", "+20"),
    ];
    let awaited = json!([
        { "role": "user", "content": "do" },
        { "role": "assistant", "tool_calls": [call(0, "1", "something"), call(1, "2", "spooning")] },
        { "role": "tool", "content": "-10", "tool_call_id": "2" },
        { "role": "tool", "content": "+20", "tool_call_id": "1" },
    ]);
    assert_eq!(sent(messages).await.unwrap(), awaited);

    let twice = calling(&[("1", "something"), ("2", "something")]);
    for (messages, words) in [
        ([Message::from(&twice), Message::function_result("something", "")], "more than once"),
        ([Message::from(&two), Message::function_result("else", "")], "no such call"),
        ([Message::user("do"), Message::function_result("something", "")], "no such call"),
    ] {
        let error = sent(messages).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.help().is_some());
    }
}

#[tokio::test]
async fn fills_in_the_missing_type_of_a_call() {
    let received = chat_response(json!({ "choices": [{ "message": { "role": "assistant", "tool_calls": [
        { "index": 0, "id": "1", "type": "", "function": { "name": "sum", "arguments": "{}" } },
    ] } }] }));
    let sent = sent([Message::from(&received), Message::tool_result("1", "")]).await.unwrap();
    assert_eq!(sent[0]["tool_calls"][0]["type"], "function");
    assert_eq!(sent[1], json!({ "role": "tool", "content": "", "tool_call_id": "1" }));
}

#[tokio::test]
async fn accepts_responses_of_native_models() {
    let native: CompletionResponse = serde_json::from_value(json!({ "alternatives": [{ "message": {
        "role": "assistant",
        "toolCallList": { "toolCalls": [{ "functionCall": { "name": "sum", "arguments": { "a": 1.5 } } }] },
    } }] }))
    .unwrap();
    let sent = sent([Message::from(native), Message::function_result("sum", "2")]).await.unwrap();
    let call = &sent[0]["tool_calls"][0];
    assert_eq!(call["function"], json!({ "name": "sum", "arguments": "{\"a\":1.5}" }));
    assert_eq!(sent[1]["tool_call_id"], call["id"]);
}

#[tokio::test]
async fn rejects_invalid_requests_before_they_are_sent() {
    let server = Server::always(Reply::json(&hello()));
    let format = ResponseFormat::json_schema("", json!({}));
    let error = sdk_without_retries(&server, isolated_system())
        .chat()
        .completions("yandexgpt")
        .response_format(format)
        .run("x")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    for extra in [json!([1]), json!("top_k")] {
        let error = sdk_without_retries(&server, isolated_system())
            .chat()
            .completions("yandexgpt")
            .extra_query(extra)
            .run("x")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn reports_an_error_and_other_json_in_a_response_with_status_200() {
    for (reply, kind) in [
        (json!({ "error": { "message": "overloaded", "code": 503 } }), ErrorKind::Unavailable),
        (json!({ "error": { "message": "bad request", "code": 400 } }), ErrorKind::Refused),
        (json!(["hello"]), ErrorKind::Unreadable),
    ] {
        let server = Server::always(Reply::json(&reply));
        let error = sdk_without_retries(&server, isolated_system())
            .chat()
            .completions("yandexgpt")
            .run("hello")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn parses_arguments_and_texts_as_types() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Numbers {
        numbers: Vec<i64>,
    }
    let call = ToolCall::function("1", "something", r#"{"numbers":[5,4,1]}"#);
    assert_eq!(call.parse::<Numbers>().unwrap(), Numbers { numbers: vec![5, 4, 1] });
    let broken = ToolCall::function("1", "something", r#"{"numbers":"#);
    assert_eq!(broken.parse::<Numbers>().unwrap_err().kind(), ErrorKind::Unreadable);

    let with_content = |text: &str| chat_response(json!({ "choices": [{ "message": { "content": text } }] }));
    assert_eq!(with_content(r#"{"numbers":[5]}"#).parse::<Numbers>().unwrap(), Numbers { numbers: vec![5] });
    assert_eq!(with_content("Sorry").parse::<Numbers>().unwrap_err().kind(), ErrorKind::Unreadable);
}

#[tokio::test]
async fn embeds_texts() {
    let received = json!({
        "object": "list", "model": "emb://b1g/text-search-doc/latest",
        "data": [{ "index": 0, "embedding": [0.0469970703125, 0, -1], "object": "embedding" }],
        "usage": { "prompt_tokens": 3, "total_tokens": 3 },
    });
    let server = Server::always(Reply::json(&received));
    let model = sdk_without_retries(&server, isolated_system())
        .chat()
        .text_embeddings("doc")
        .dimensions(3)
        .encoding_format("float");
    let response = model.run("hello").await.unwrap();
    assert_eq!(response.vector(), [0.046_997_070_312_5, 0.0, -1.0]);
    assert_eq!(json!(response), received);
    assert_eq!(
        server.last_json(),
        json!({
            "model": format!("emb://{FOLDER}/text-search-doc/latest"), "input": ["hello"],
            "dimensions": 3, "encoding_format": "float",
        })
    );
    assert_eq!(server.requests()[0].line(), "POST /v1/embeddings");

    let error = model.run(["one", "two"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreadable);
    let base64 = json!({ "data": [{ "index": 0, "embedding": "AAAA" }] });
    let server = Server::always(Reply::json(&base64));
    let error = sdk_without_retries(&server, isolated_system())
        .chat()
        .text_embeddings("doc")
        .run("hello")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreadable);
}

#[tokio::test]
async fn lists_models_by_their_scheme() {
    let received = json!({ "object": "list", "data": [
        { "id": "gpt://b1g/yandexgpt/latest", "object": "model", "created": 0, "owned_by": "yandex" },
        { "id": "emb://b1g/text-search-doc/latest", "object": "model", "owned_by": "yandex" },
        { "id": "gpt://b1g/yandexgpt/rc", "owned_by": null },
    ] });
    let server = Server::always(Reply::json(&received));
    let chat = sdk_without_retries(&server, isolated_system()).chat();
    assert_eq!(json!(chat.models().await.unwrap()), received);
    assert_eq!(server.requests()[0].line(), "GET /v1/models");
    let ids = |models: Vec<yandex_ai_studio_sdk::chat::ModelInfo>| -> Vec<String> {
        models.into_iter().map(|model| model.id).collect()
    };
    let completions = ids(chat.completions_models().await.unwrap());
    assert_eq!(completions, ["gpt://b1g/yandexgpt/latest", "gpt://b1g/yandexgpt/rc"]);
    assert_eq!(ids(chat.text_embeddings_models().await.unwrap()), ["emb://b1g/text-search-doc/latest"]);
}

#[test]
fn futures_of_calls_are_send() {
    fn on_any_thread<T: Send>(value: T) -> T {
        value
    }
    let server = Server::always(Reply::json(&hello()));
    let model = sdk_without_retries(&server, isolated_system()).chat().completions("yandexgpt");
    drop(on_any_thread(model.run("hello")));
    drop(on_any_thread(model.run(vec![Message::user("hello")])));
    let native = sdk_without_retries(&server, isolated_system()).models().completions("yandexgpt");
    drop(on_any_thread(native.run(("user", "hello"))));
    drop(on_any_thread(native.attach_deferred("id").wait()));
}
