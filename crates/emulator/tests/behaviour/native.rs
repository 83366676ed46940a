//! The native API over REST and gRPC: completions, tokens and vectors.

use std::time::Duration;

use crate::common::{api_key, bearer, grpc};
use http::StatusCode;
use prost::Message;
use serde_json::{Value, json};
use test_support::http_client::{Response, post};
use tonic::Code;
use yandex_cloud_emulator::{Emulator, Service};

fn model(emulator: &Emulator) -> String {
    format!("gpt://{}/yandexgpt/latest", emulator.folder_id())
}

fn embedding_model(emulator: &Emulator) -> String {
    format!("emb://{}/text-search-doc/latest", emulator.folder_id())
}

async fn ask(emulator: &Emulator, method: &str, body: &Value) -> Response {
    let url = format!("{}/foundationModels/v1/{method}", emulator.api_url());
    post(&url, &[("authorization", &api_key(emulator.api_key()))], body).await
}

fn completion(emulator: &Emulator, more: &Value) -> Value {
    let mut body = json!({
        "modelUri": model(emulator),
        "completionOptions": { "temperature": 0.3, "maxTokens": "100" },
        "messages": [{ "role": "user", "text": "hello there" }],
    });
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

fn alternative(reply: &Response) -> Value {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    reply.json()["result"]["alternatives"][0].clone()
}

#[tokio::test]
async fn a_completion_has_the_format_of_the_real_service() {
    let emulator = Emulator::start().await.unwrap();
    let reply = ask(&emulator, "completion", &completion(&emulator, &json!({}))).await;
    let account = emulator.service_account_id();
    let text = format!("authenticated as service account {account} by api-key; you said: hello there");
    assert_eq!(
        reply.json(),
        json!({ "result": {
            "alternatives": [{
                "message": { "role": "assistant", "text": text },
                "status": "ALTERNATIVE_STATUS_FINAL",
            }],
            "usage": { "inputTextTokens": "2", "completionTokens": "11", "totalTokens": "13" },
            "modelVersion": "emulator",
        } })
    );
    assert_eq!(emulator.counters().route("POST /foundationModels/v1/completion"), 1);
}

#[tokio::test]
async fn a_stream_is_growing_prefixes_one_per_line() {
    let emulator = Emulator::start().await.unwrap();
    let whole = alternative(&ask(&emulator, "completion", &completion(&emulator, &json!({}))).await);
    let body = completion(&emulator, &json!({ "completionOptions": { "stream": true } }));
    let reply = ask(&emulator, "completion", &body).await;

    assert_eq!(reply.header("content-type"), "application/json");
    let text = reply.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let alternatives: Vec<&Value> = lines.iter().map(|line| &line["result"]["alternatives"][0]).collect();
    let (last, partial) = alternatives.split_last().unwrap();
    assert_eq!(**last, whole);
    assert!(partial.len() > 2, "{text}");
    assert!(partial.iter().all(|alternative| alternative["status"] == "ALTERNATIVE_STATUS_PARTIAL"));
    let texts = alternatives.iter().map(|alternative| alternative["message"]["text"].as_str().unwrap());
    let texts: Vec<&str> = texts.collect();
    assert!(texts.windows(2).all(|pair| pair[1].len() > pair[0].len() && pair[1].starts_with(pair[0])));
    assert!(lines.iter().all(|line| line["result"]["usage"]["totalTokens"].is_string()));
}

#[tokio::test]
async fn calls_a_function_and_responds_to_its_result() {
    let emulator = Emulator::start().await.unwrap();
    let tools = json!([{ "function": { "name": "something", "description": "", "parameters": {
        "type": "object", "properties": { "numbers": { "type": "array", "items": { "type": "integer" } } },
    } } }]);
    let message = json!({ "role": "user", "text": "do something with 5 and 4" });
    let body = completion(&emulator, &json!({ "tools": tools, "messages": [message] }));
    let called = alternative(&ask(&emulator, "completion", &body).await);
    assert_eq!(called["status"], "ALTERNATIVE_STATUS_TOOL_CALLS");
    let call = json!({ "functionCall": { "name": "something", "arguments": { "numbers": [5, 4] } } });
    assert_eq!(called["message"], json!({ "role": "assistant", "toolCallList": { "toolCalls": [call] } }));

    let result = json!({ "role": "user", "toolResultList": { "toolResults": [
        { "functionResult": { "name": "something", "content": "20" } },
    ] } });
    let messages = json!([message, called["message"], result]);
    let body = completion(&emulator, &json!({ "tools": tools, "messages": messages }));
    let response = alternative(&ask(&emulator, "completion", &body).await);
    assert!(response["message"]["text"].as_str().unwrap().ends_with("; the tool said: 20"));

    for (choice, called) in [
        (json!({ "mode": "NONE" }), false),
        (json!({ "mode": "REQUIRED" }), true),
        (json!({ "functionName": "something" }), true),
    ] {
        let body = completion(&emulator, &json!({ "tools": tools, "toolChoice": choice }));
        let response = alternative(&ask(&emulator, "completion", &body).await);
        assert_eq!(response["message"].get("toolCallList").is_some(), called, "{choice}");
    }
}

#[tokio::test]
async fn responds_in_json_on_request() {
    let emulator = Emulator::start().await.unwrap();
    let text = |reply: &Response| {
        let alternative = alternative(reply);
        serde_json::from_str::<Value>(alternative["message"]["text"].as_str().unwrap()).unwrap()
    };
    let reply = ask(&emulator, "completion", &completion(&emulator, &json!({ "jsonObject": true }))).await;
    assert!(text(&reply)["answer"].is_string());
    let schema = json!({ "properties": { "name": { "type": "string" } } });
    let body = completion(&emulator, &json!({ "jsonSchema": { "schema": schema } }));
    assert!(text(&ask(&emulator, "completion", &body).await)["name"].is_string());
}

/// Calls a completion over gRPC without streaming.
async fn over_grpc(
    emulator: &Emulator,
    message: grpc::Completion,
) -> Result<grpc::Alternative, tonic::Status> {
    let channel = grpc::connect(emulator.api_addr()).await;
    let message = grpc::Completion { model_uri: model(emulator), ..message };
    let request = grpc::with(&api_key(emulator.api_key()), message);
    let mut responses = grpc::stream::<_, grpc::Completed>(&channel, grpc::COMPLETION, request).await?;
    assert_eq!(responses.len(), 1);
    Ok(responses.remove(0).alternatives.remove(0))
}

/// `{"type": "object", "properties": {name: schema}}`
fn schema_of(name: &str, schema: grpc::Struct) -> grpc::Struct {
    let properties = grpc::object([(name, grpc::Json::Object(schema))]);
    grpc::object([
        ("type", grpc::Json::Text("object".to_owned())),
        ("properties", grpc::Json::Object(properties)),
    ])
}

fn of_type(name: &str) -> grpc::Struct {
    grpc::object([("type", grpc::Json::Text(name.to_owned()))])
}

#[tokio::test]
async fn over_grpc_calls_a_function_and_responds_to_its_result() {
    let emulator = Emulator::start().await.unwrap();
    let items = grpc::Json::Object(of_type("integer"));
    let numbers = grpc::object([("type", grpc::Json::Text("array".to_owned())), ("items", items)]);
    let function = |name: &str, parameters| {
        let function = grpc::FunctionTool { name: name.to_owned(), parameters, ..Default::default() };
        grpc::Tool { function: Some(function) }
    };
    let tools = vec![function("something", Some(schema_of("numbers", numbers))), function("nothing", None)];
    let message = grpc::ChatMessage::user("do something with 5 and 4, then nothing");
    let completion = |messages: &[grpc::ChatMessage]| grpc::Completion {
        messages: messages.to_vec(),
        tools: tools.clone(),
        ..Default::default()
    };
    let called = over_grpc(&emulator, completion(std::slice::from_ref(&message))).await.unwrap();
    let calls = called.message.unwrap();
    assert_eq!(called.status, 5, "ALTERNATIVE_STATUS_TOOL_CALLS");
    let list = [5.0, 4.0].map(|number| grpc::JsonValue { kind: Some(grpc::Json::Number(number)) });
    let list = grpc::JsonList { values: list.to_vec() };
    let call = |name: &str, arguments| grpc::ToolCall {
        function_call: Some(grpc::FunctionCall { name: name.to_owned(), arguments: Some(arguments) }),
    };
    let expected = vec![
        call("something", grpc::object([("numbers", grpc::Json::List(list))])),
        call("nothing", grpc::object([])),
    ];
    assert_eq!(
        calls.content,
        Some(grpc::Content::ToolCallList(grpc::ToolCallList { tool_calls: expected.clone() }))
    );

    let one = grpc::Completion {
        parallel_tool_calls: Some(grpc::BoolValue { value: false }),
        ..completion(std::slice::from_ref(&message))
    };
    let one = over_grpc(&emulator, one).await.unwrap().message.unwrap();
    let first = grpc::ToolCallList { tool_calls: expected[..1].to_vec() };
    assert_eq!(one.content, Some(grpc::Content::ToolCallList(first)));

    let result = grpc::FunctionResult { name: "something".to_owned(), content: "20".to_owned() };
    let results =
        grpc::ToolResultList { tool_results: vec![grpc::ToolResult { function_result: Some(result) }] };
    let results =
        grpc::ChatMessage { role: "user".to_owned(), content: Some(grpc::Content::ToolResultList(results)) };
    let response = over_grpc(&emulator, completion(&[message, calls, results])).await.unwrap();
    assert!(response.message.unwrap().text().ends_with("; the tool said: 20"));

    for (choice, called) in [
        (grpc::Choice::Mode(1), Some(false)),
        (grpc::Choice::Mode(2), Some(false)),
        (grpc::Choice::Mode(3), Some(true)),
        (grpc::Choice::FunctionName("something".to_owned()), Some(true)),
        (grpc::Choice::FunctionName("other".to_owned()), None),
        (grpc::Choice::Mode(0), None),
    ] {
        let tool_choice = Some(grpc::ToolChoice { choice: Some(choice.clone()) });
        let message = grpc::Completion { tool_choice, ..completion(&[grpc::ChatMessage::user("hello")]) };
        let response = over_grpc(&emulator, message).await.map_err(|error| error.code());
        let is_call = response.map(|response| response.message.unwrap().content);
        let is_call = is_call.map(|content| matches!(content, Some(grpc::Content::ToolCallList(_))));
        assert_eq!(is_call, called.ok_or(Code::InvalidArgument), "{choice:?}");
    }
}

#[tokio::test]
async fn over_grpc_an_operation_completes_with_a_function_call() {
    let emulator = Emulator::start().await.unwrap();
    emulator.clock().freeze();
    let channel = grpc::connect(emulator.api_addr()).await;
    let function = grpc::FunctionTool { name: "something".to_owned(), ..Default::default() };
    let message = grpc::Completion {
        model_uri: model(&emulator),
        messages: vec![grpc::ChatMessage::user("do something")],
        tools: vec![grpc::Tool { function: Some(function) }],
        ..Default::default()
    };
    let key = api_key(emulator.api_key());
    let request = grpc::with(&key, message);
    let begun = grpc::unary::<_, grpc::Operation>(&channel, grpc::COMPLETION_ASYNC, request).await.unwrap();
    emulator.clock().advance(Duration::from_secs(2));
    let request = grpc::with(&key, grpc::text(&begun.into_inner().id));
    let done = grpc::unary::<_, grpc::Operation>(&channel, grpc::OPERATION_GET, request).await.unwrap();
    let Some(grpc::Outcome::Response(response)) = done.into_inner().outcome else { panic!("no response") };
    let completed = grpc::Completed::decode(response.value.as_slice()).unwrap();
    let content = completed.alternatives[0].message.as_ref().unwrap().content.as_ref();
    let Some(grpc::Content::ToolCallList(calls)) = content else { panic!("{content:?}") };
    assert_eq!(calls.tool_calls[0].function_call.as_ref().unwrap().name, "something");
}

#[tokio::test]
async fn over_grpc_responds_in_json_on_request() {
    let emulator = Emulator::start().await.unwrap();
    let message = |format| grpc::Completion {
        messages: vec![grpc::ChatMessage::user("hello")],
        format: Some(format),
        ..Default::default()
    };
    let schema = Some(schema_of("name", of_type("string")));
    for (format, field) in [
        (grpc::Format::JsonObject(true), "answer"),
        (grpc::Format::JsonSchema(grpc::JsonSchema { schema }), "name"),
    ] {
        let response = over_grpc(&emulator, message(format)).await.unwrap().message.unwrap();
        let response: Value = serde_json::from_str(response.text()).unwrap();
        assert!(response[field].is_string(), "{response}");
    }
    let plain =
        over_grpc(&emulator, message(grpc::Format::JsonObject(false))).await.unwrap().message.unwrap();
    assert!(plain.text().ends_with("you said: hello"));
    let none = grpc::Format::JsonSchema(grpc::JsonSchema { schema: None });
    assert_eq!(over_grpc(&emulator, message(none)).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn tokenizes_the_same_over_rest_and_grpc() {
    let emulator = Emulator::start().await.unwrap();
    let channel = grpc::connect(emulator.api_addr()).await;
    let message = grpc::Tokenize { model_uri: model(&emulator), text: "hello there".to_owned() };
    let request = grpc::with(&api_key(emulator.api_key()), message);
    let twin = grpc::unary::<_, grpc::Tokenized>(&channel, grpc::TOKENIZE, request).await.unwrap();
    let expected: Vec<Value> = twin
        .into_inner()
        .tokens
        .iter()
        .map(|token| json!({ "id": token.id.to_string(), "text": token.text, "special": token.special }))
        .collect();
    let expected = json!({ "tokens": expected, "modelVersion": "emulator" });

    let plain = json!({ "modelUri": model(&emulator), "text": "hello there" });
    assert_eq!(ask(&emulator, "tokenize", &plain).await.json(), expected);
    let of_completion = ask(&emulator, "tokenizeCompletion", &completion(&emulator, &json!({}))).await;
    assert_eq!(of_completion.json(), expected);
}

#[tokio::test]
async fn a_text_has_the_same_vector_in_every_api() {
    let emulator = Emulator::start().await.unwrap();
    let key = api_key(emulator.api_key());
    let native = json!({ "modelUri": embedding_model(&emulator), "text": "hello there" });
    let native = ask(&emulator, "textEmbedding", &native).await.json();
    assert_eq!((&native["numTokens"], &native["modelVersion"]), (&json!("2"), &json!("emulator")));

    let compatible = json!({ "model": embedding_model(&emulator), "input": "hello there" });
    let url = format!("{}/v1/embeddings", emulator.api_url());
    let compatible = post(&url, &[("authorization", &key)], &compatible).await.json();
    assert_eq!(native["embedding"], compatible["data"][0]["embedding"]);

    let channel = grpc::connect(emulator.api_addr()).await;
    let message =
        |dim| grpc::Embed { model_uri: embedding_model(&emulator), text: "hello there".to_owned(), dim };
    let request = grpc::with(&key, message(None));
    let twin = grpc::unary::<_, grpc::Embedded>(&channel, grpc::TEXT_EMBEDDING, request).await.unwrap();
    assert_eq!(json!(twin.into_inner().embedding), native["embedding"]);

    for dim in [json!(3), json!("3")] {
        let body = json!({ "modelUri": embedding_model(&emulator), "text": "hello", "dim": dim });
        let response = ask(&emulator, "textEmbedding", &body).await.json();
        assert_eq!(response["embedding"].as_array().unwrap().len(), 3);
    }
    let request = grpc::with(&key, message(Some(grpc::Int64Value { value: 3 })));
    let twin = grpc::unary::<_, grpc::Embedded>(&channel, grpc::TEXT_EMBEDDING, request).await.unwrap();
    assert_eq!(twin.into_inner().embedding.len(), 3);
}

#[tokio::test]
async fn refuses_invalid_requests() {
    let emulator = Emulator::start().await.unwrap();
    let other = "gpt://b1gother/yandexgpt/latest";
    let (good, vectors) = (model(&emulator), embedding_model(&emulator));
    for (method, body, status) in [
        ("completion", completion(&emulator, &json!({ "modelUri": other })), StatusCode::FORBIDDEN),
        ("completion", completion(&emulator, &json!({ "modelUri": vectors })), StatusCode::BAD_REQUEST),
        ("completion", completion(&emulator, &json!({ "messages": [] })), StatusCode::BAD_REQUEST),
        ("completionAsync", completion(&emulator, &json!({ "modelUri": other })), StatusCode::FORBIDDEN),
        ("completionAsync", json!({}), StatusCode::BAD_REQUEST),
        ("tokenize", json!({ "modelUri": other, "text": "hi" }), StatusCode::FORBIDDEN),
        ("tokenizeCompletion", completion(&emulator, &json!({ "modelUri": other })), StatusCode::FORBIDDEN),
        ("textEmbedding", json!({ "modelUri": good, "text": "hi" }), StatusCode::BAD_REQUEST),
        ("textEmbedding", json!({ "modelUri": vectors, "text": "hi", "dim": "x" }), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(ask(&emulator, method, &body).await.status, status, "{method} {body}");
    }
}

#[tokio::test]
async fn refuses_the_wrong_credentials_on_every_path() {
    let emulator = Emulator::start().await.unwrap();
    let unscoped = api_key(&emulator.api_key_with_scopes(&["yc.monitoring.read"]).unwrap());
    let as_bearer = bearer(emulator.api_key());
    for method in ["completion", "completionAsync", "tokenize", "tokenizeCompletion", "textEmbedding"] {
        let url = format!("{}/foundationModels/v1/{method}", emulator.api_url());
        for (authorization, status) in [
            (None, StatusCode::UNAUTHORIZED),
            (Some("Bearer t1.unknown"), StatusCode::UNAUTHORIZED),
            // Only the OpenAI-compatible paths accept an API key as Bearer.
            (Some(as_bearer.as_str()), StatusCode::UNAUTHORIZED),
            (Some(unscoped.as_str()), StatusCode::FORBIDDEN),
        ] {
            let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
            assert_eq!(post(&url, &headers, &json!({})).await.status, status, "{method}");
        }
    }
    let channel = grpc::connect(emulator.api_addr()).await;
    let message = grpc::Embed { model_uri: embedding_model(&emulator), text: String::new(), dim: None };
    let error = grpc::unary::<_, grpc::Embedded>(&channel, grpc::TEXT_EMBEDDING, grpc::bare(message))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Unauthenticated);
    assert_eq!(emulator.counters().requests(Service::Ai), 21);
}
