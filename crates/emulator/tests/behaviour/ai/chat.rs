//! The OpenAI-compatible API: chats, streams, functions and JSON.

use super::{chat, content, model};
use crate::common::{FLAVOR, api_key, bearer, token_url};
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::{get, post};
use yandex_cloud_emulator::Emulator;

#[tokio::test]
async fn chat_names_the_caller_and_the_credential() {
    let emulator = Emulator::start().await.unwrap();
    let account = emulator.service_account_id();
    let iam = emulator.iam_token().unwrap();
    let metadata = get(&token_url(&emulator), &[FLAVOR]).await.json()["access_token"].clone();
    let url = format!("{}/iam/v1/tokens", emulator.api_url());
    let exchanged = post(&url, &[], &json!({ "yandexPassportOauthToken": emulator.oauth_token() })).await;
    let exchanged = exchanged.json()["iamToken"].clone();
    let issued = post(&format!("{}/_emulator/tokens/issue", emulator.api_url()), &[], &json!({})).await;
    let issued = issued.json()["iamToken"].clone();

    for (authorization, who) in [
        (api_key(emulator.api_key()), format!("service account {account} by api-key")),
        (bearer(emulator.api_key()), format!("service account {account} by api-key")),
        (bearer(&iam), format!("service account {account} by iam-token")),
        (bearer(issued.as_str().unwrap()), format!("service account {account} by iam-token from control")),
        (bearer(metadata.as_str().unwrap()), format!("service account {account} by iam-token from metadata")),
        (
            bearer(exchanged.as_str().unwrap()),
            "user account ajefake0emulator0usr by iam-token from oauth-token".to_owned(),
        ),
    ] {
        let reply = chat(&emulator, &authorization, false).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(content(&reply), format!("authenticated as {who}; you said: hello there"));
    }
}

#[tokio::test]
async fn chat_has_the_format_of_the_real_service() {
    let emulator = Emulator::start().await.unwrap();
    let reply = chat(&emulator, &api_key(emulator.api_key()), false).await;
    assert_eq!(reply.header("content-type"), "application/json");
    let response = reply.json();
    assert_eq!(response["object"], "chat.completion");
    assert_eq!(response["model"], "gpt://yandexgpt/latest");
    assert!(response["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(response["created"].is_u64());
    let choice = &response["choices"][0];
    assert_eq!(choice["index"], 0);
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["finish_reason"], "stop");
    assert_eq!(response["usage"], json!({ "prompt_tokens": 4, "completion_tokens": 11, "total_tokens": 15 }));
}

#[tokio::test]
async fn chat_streams_events_that_add_up() {
    let emulator = Emulator::start().await.unwrap();
    let key = api_key(emulator.api_key());
    let whole = content(&chat(&emulator, &key, false).await);
    let reply = chat(&emulator, &key, true).await;

    assert_eq!(reply.header("content-type"), "text/event-stream");
    let text = reply.text();
    let mut events: Vec<&str> =
        text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect();
    assert_eq!(events.pop(), Some("[DONE]"));
    let chunks: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();

    let (first, last) = (&chunks[0], &chunks[chunks.len() - 1]);
    assert_eq!(first["choices"][0]["delta"], json!({ "role": "assistant" }));
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"]["total_tokens"].is_u64());
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "stop");
    let deltas = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    assert_eq!(deltas.collect::<String>(), whole);
    // The Python SDK calls a method of the field if the field is present.
    assert!(chunks.iter().all(|chunk| !chunk["choices"][0]["finish_reason"].is_null()
        || chunk["choices"][0].get("finish_reason").is_none()));
}

#[tokio::test]
async fn chat_reads_the_text_of_parts() {
    let emulator = Emulator::start().await.unwrap();
    let body = json!({
        "model": model(&emulator),
        "messages": [{ "role": "user", "content": [
            { "type": "text", "text": "what is this?" },
            { "type": "image_url", "image_url": { "url": "data:," } },
        ] }],
    });
    let url = format!("{}/v1/chat/completions", emulator.api_url());
    let reply = post(&url, &[("authorization", &api_key(emulator.api_key()))], &body).await;
    assert!(content(&reply).ends_with("you said: what is this?"));
}

/// A chat with a function that collects numbers.
fn with_tools(emulator: &Emulator, more: &Value) -> Value {
    let function = |name: &str| {
        json!({ "type": "function", "function": { "name": name, "strict": null, "parameters": {
            "type": "object",
            "properties": { "numbers": { "type": "array", "items": { "type": "integer" } } },
            "required": ["numbers"],
        } } })
    };
    let mut body = json!({
        "model": model(emulator),
        "messages": [{ "role": "user", "content": "do something with 5, 4, a, 1" }],
        "tools": [function("something"), function("another")],
    });
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

async fn chat_with(emulator: &Emulator, body: &Value) -> test_support::http_client::Response {
    let url = format!("{}/v1/chat/completions", emulator.api_url());
    post(&url, &[("authorization", &api_key(emulator.api_key()))], body).await
}

#[tokio::test]
async fn chat_calls_a_function_that_the_user_names_and_repeats_its_result() {
    let emulator = Emulator::start().await.unwrap();
    let body = with_tools(&emulator, &json!({}));
    let choice = chat_with(&emulator, &body).await.json()["choices"][0].clone();
    assert_eq!(choice["finish_reason"], "tool_calls");
    let called = &choice["message"]["tool_calls"][0];
    let expected = json!({ "name": "something", "arguments": r#"{"numbers":[5,4,1]}"# });
    assert_eq!((&called["type"], &called["function"]), (&json!("function"), &expected));

    let result = json!({ "role": "tool", "tool_call_id": called["id"], "content": "+20.0" });
    let messages = json!([body["messages"][0], choice["message"], result]);
    let reply = chat_with(&emulator, &with_tools(&emulator, &json!({ "messages": messages }))).await;
    assert!(content(&reply).ends_with("; the tool said: +20.0"), "{}", reply.text());
    assert_eq!(reply.json()["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn chat_follows_the_tool_choice() {
    let emulator = Emulator::start().await.unwrap();
    let another = json!({ "type": "function", "function": { "name": "another" } });
    let both = json!([{ "role": "user", "content": "something and another" }]);
    for (more, called) in [
        (json!({ "tool_choice": "none" }), vec![]),
        (json!({ "tool_choice": "auto" }), vec!["something"]),
        (json!({ "tool_choice": null, "response_format": null, "tools": null }), vec![]),
        (json!({ "tool_choice": "required" }), vec!["something"]),
        (json!({ "tool_choice": another }), vec!["another"]),
        (json!({ "messages": both }), vec!["something", "another"]),
        (json!({ "messages": both, "parallel_tool_calls": false }), vec!["something"]),
    ] {
        let response = chat_with(&emulator, &with_tools(&emulator, &more)).await.json();
        let calls = response["choices"][0]["message"]["tool_calls"].as_array().cloned().unwrap_or_default();
        let names: Vec<&str> = calls.iter().map(|call| call["function"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, called, "{more}");
        let indexes: Vec<u64> = calls.iter().map(|call| call["index"].as_u64().unwrap()).collect();
        assert!(indexes.iter().copied().eq(0..calls.len() as u64));
    }
    for choice in [json!("sometimes"), json!({ "function": { "name": "absent" } }), json!({})] {
        let body = with_tools(&emulator, &json!({ "tool_choice": choice }));
        assert_eq!(chat_with(&emulator, &body).await.status, StatusCode::BAD_REQUEST, "{choice}");
    }
}

#[tokio::test]
async fn chat_streams_the_fragments_of_a_call() {
    let emulator = Emulator::start().await.unwrap();
    let reply = chat_with(&emulator, &with_tools(&emulator, &json!({ "stream": true }))).await;
    let text = reply.text();
    let events = text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
    let chunks: Vec<Value> = events.filter_map(|event| serde_json::from_str(event).ok()).collect();
    let calls: Vec<&Value> =
        chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0]).collect();
    let calls: Vec<&Value> = calls.into_iter().filter(|call| !call.is_null()).collect();

    assert!(calls.len() > 2, "{text}");
    assert_eq!((&calls[0]["type"], &calls[0]["function"]["name"]), (&json!("function"), &json!("something")));
    assert!(calls.iter().all(|call| call["index"] == 0));
    assert!(calls[1..].iter().all(|call| call.get("id").is_none()));
    let arguments = calls.iter().map(|call| call["function"]["arguments"].as_str().unwrap());
    assert_eq!(arguments.collect::<String>(), r#"{"numbers":[5,4,1]}"#);
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "tool_calls");
    assert!(text.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn chat_responds_in_json_on_request() {
    let emulator = Emulator::start().await.unwrap();
    let schema = json!({ "type": "object", "properties": {
        "text": { "type": "string" }, "count": { "type": "integer" },
    } });
    let body = |format: Value| {
        json!({
            "model": model(&emulator),
            "messages": [{ "role": "user", "content": "hello" }],
            "response_format": format,
        })
    };
    let response =
        |reply: &test_support::http_client::Response| serde_json::from_str::<Value>(&content(reply)).unwrap();

    let reply = chat_with(&emulator, &body(json!({ "type": "json_object" }))).await;
    assert!(response(&reply)["answer"].as_str().unwrap().ends_with("you said: hello"));
    let format = json!({ "type": "json_schema", "json_schema": { "name": "n", "schema": schema } });
    let reply = chat_with(&emulator, &body(format)).await;
    assert!(response(&reply)["text"].as_str().unwrap().ends_with("you said: hello"));
    assert!(response(&reply)["count"].is_i64());
    let reply = chat_with(&emulator, &body(json!({ "type": "text" }))).await;
    assert!(content(&reply).starts_with("authenticated as"));
    for format in [json!({ "type": "json_schema" }), json!({ "type": "xml" }), json!("json")] {
        let reply = chat_with(&emulator, &body(format)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    }
}
