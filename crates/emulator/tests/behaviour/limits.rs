//! The limit of the output: `max_tokens`, `max_output_tokens`, `maxTokens`. The model counts words.

use crate::common::{api_key, bearer, grpc};
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::{Response, post};
use yandex_cloud_emulator::Emulator;

async fn ask(emulator: &Emulator, path: &str, more: &Value) -> Response {
    let model = format!("gpt://{}/yandexgpt/latest", emulator.folder_id());
    let mut body = json!({
        "model": model, "modelUri": model, "input": "hello there",
        "messages": [{ "role": "user", "content": "hello there", "text": "hello there" }],
    });
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    let authorization = api_key(emulator.api_key());
    post(&format!("{}{path}", emulator.api_url()), &[("authorization", &authorization)], &body).await
}

/// The data of the events of a stream.
fn events(reply: &Response) -> Vec<Value> {
    assert_eq!(reply.header("content-type"), "text/event-stream");
    let text = reply.text();
    text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect()
}

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const NATIVE: &str = "/foundationModels/v1/completion";

#[tokio::test]
async fn chat_ends_with_length() {
    let emulator = Emulator::start().await.unwrap();
    for field in ["max_tokens", "max_completion_tokens"] {
        let response = ask(&emulator, CHAT, &json!({ (field): 3 })).await.json();
        let choice = &response["choices"][0];
        assert_eq!(choice["message"]["content"], "authenticated as service", "{field}");
        assert_eq!(
            (&choice["finish_reason"], &response["usage"]["completion_tokens"]),
            (&json!("length"), &json!(3))
        );

        let chunks = events(&ask(&emulator, CHAT, &json!({ (field): 3, "stream": true })).await);
        let deltas = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
        assert_eq!(deltas.collect::<String>(), "authenticated as service");
        assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "length");
    }
    // The output has 11 words.
    let whole = ask(&emulator, CHAT, &json!({ "max_tokens": 11 })).await.json();
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");

    let tools = json!([{ "type": "function", "function": { "name": "hello", "parameters": {} } }]);
    let cut = ask(&emulator, CHAT, &json!({ "tools": tools, "max_tokens": 1 })).await.json();
    assert_eq!(cut["choices"][0]["message"], json!({ "role": "assistant", "content": "" }));
    assert_eq!(cut["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn a_response_is_incomplete() {
    let emulator = Emulator::start().await.unwrap();
    let response = ask(&emulator, RESPONSES, &json!({ "max_output_tokens": 3 })).await.json();
    assert_eq!(response["status"], "incomplete");
    assert_eq!(response["incomplete_details"], json!({ "reason": "max_output_tokens" }));
    let item = &response["output"][0];
    assert_eq!(
        (&item["status"], &item["content"][0]["text"]),
        (&json!("incomplete"), &json!("authenticated as service"))
    );
    assert_eq!((&response["max_output_tokens"], &response["usage"]["output_tokens"]), (&json!(3), &json!(3)));

    let events = events(&ask(&emulator, RESPONSES, &json!({ "max_output_tokens": 3, "stream": true })).await);
    let last = events.last().unwrap();
    assert_eq!(
        (&last["type"], &last["response"]["status"]),
        (&json!("response.incomplete"), &json!("incomplete"))
    );
    assert_eq!(events[0]["response"]["incomplete_details"], json!(null));
    let deltas = events.iter().filter(|event| event["type"] == "response.output_text.delta");
    assert_eq!(
        deltas.map(|event| event["delta"].as_str().unwrap()).collect::<String>(),
        "authenticated as service"
    );

    let whole = ask(&emulator, RESPONSES, &json!({ "max_output_tokens": 11 })).await.json();
    assert_eq!((&whole["status"], &whole["incomplete_details"]), (&json!("completed"), &json!(null)));

    // A response in the background is incomplete at its end.
    let begun =
        ask(&emulator, RESPONSES, &json!({ "max_output_tokens": 3, "background": true })).await.json();
    assert_eq!((&begun["status"], &begun["incomplete_details"]), (&json!("in_progress"), &json!(null)));
    emulator.clock().advance(std::time::Duration::from_secs(5));
    let url = format!("{}{RESPONSES}/{}", emulator.api_url(), begun["id"].as_str().unwrap());
    let authorization = bearer(emulator.api_key());
    let ended = test_support::http_client::get(&url, &[("authorization", &authorization)]).await.json();
    assert_eq!(ended["status"], "incomplete");
}

#[tokio::test]
async fn native_generation_is_truncated() {
    let emulator = Emulator::start().await.unwrap();
    for tokens in [json!(4), json!("4")] {
        let options = json!({ "completionOptions": { "maxTokens": tokens } });
        let result = ask(&emulator, NATIVE, &options).await.json()["result"].clone();
        let alternative = &result["alternatives"][0];
        assert_eq!(alternative["status"], "ALTERNATIVE_STATUS_TRUNCATED_FINAL");
        assert_eq!(alternative["message"]["text"], "authenticated as service account");
        assert_eq!(result["usage"]["completionTokens"], "4");
    }
    let channel = grpc::connect(emulator.api_addr()).await;
    let completion = |stream| grpc::Completion {
        model_uri: format!("gpt://{}/yandexgpt/latest", emulator.folder_id()),
        options: Some(grpc::Options { stream, max_tokens: Some(4), ..grpc::Options::default() }),
        messages: vec![grpc::ChatMessage::user("hello there")],
        ..grpc::Completion::default()
    };
    for stream in [false, true] {
        let request = grpc::with(&api_key(emulator.api_key()), completion(stream));
        let responses =
            grpc::stream::<_, grpc::Completed>(&channel, grpc::COMPLETION, request).await.unwrap();
        let last = &responses.last().unwrap().alternatives[0];
        assert_eq!(
            (last.status, last.message.as_ref().unwrap().text()),
            (2, "authenticated as service account")
        );
    }
}

#[tokio::test]
async fn a_limit_that_is_not_positive_is_refused() {
    let emulator = Emulator::start().await.unwrap();
    for (path, more) in [
        (CHAT, json!({ "max_tokens": 0 })),
        (CHAT, json!({ "max_completion_tokens": -1 })),
        (CHAT, json!({ "max_tokens": "3" })),
        (RESPONSES, json!({ "max_output_tokens": 0 })),
        (RESPONSES, json!({ "max_output_tokens": 1.5 })),
        (NATIVE, json!({ "completionOptions": { "maxTokens": "0" } })),
        (NATIVE, json!({ "completionOptions": { "maxTokens": "three" } })),
    ] {
        assert_eq!(ask(&emulator, path, &more).await.status, StatusCode::BAD_REQUEST, "{path} {more}");
    }
}
