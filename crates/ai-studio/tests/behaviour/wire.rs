//! Messages: recorded shapes, defaults of fields, and changes of the program.

use serde_json::json;
use yandex_ai_studio_sdk::chat::{ChatMessage, ChatRequest, ChatResponse, Content, FinishReason};
use yandex_ai_studio_sdk::models::{self, CompletionRequest, CompletionResponse, OperationState};

#[test]
fn rejects_json_that_is_not_an_object() {
    for value in [json!(null), json!([]), json!("text"), json!(1)] {
        assert!(serde_json::from_value::<ChatResponse>(value.clone()).is_err(), "{value}");
        assert!(serde_json::from_value::<CompletionResponse>(value.clone()).is_err(), "{value}");
    }
}

#[test]
fn missing_null_empty_and_mistyped_fields_have_their_defaults() {
    let received = json!({
        "id": 7, "created": "1758047034", "model": null, "object": {},
        "choices": [
            null,
            { "index": 0.0, "message": { "role": null, "content": "hi", "tool_calls": null }, "finish_reason": "STOP" },
            { "message": [] },
        ],
        "usage": { "prompt_tokens": -1, "total_tokens": 21, "cost": { "rub": 0.1 } },
    });
    let response: ChatResponse = serde_json::from_value(received.clone()).unwrap();
    assert_eq!(response.text(), "hi");
    assert_eq!(response.finish_reason(), Some(&FinishReason::Stop));
    assert_eq!(response.created, Some(1_758_047_034));
    assert_eq!(response.choices.len(), 2);
    assert_eq!(response.choices[0].index, Some(0));
    assert!(response.tool_calls().is_empty());
    assert_eq!(response.extra["id"], 7);
    let usage = response.usage.as_ref().unwrap();
    assert_eq!((usage.prompt_tokens, usage.total_tokens), (None, Some(21)));
    assert_eq!(usage.extra["cost"]["rub"], 0.1);
    assert_eq!(json!(response), received);

    for empty in [json!({}), json!({ "choices": [] }), json!({ "choices": null })] {
        let response: ChatResponse = serde_json::from_value(empty.clone()).unwrap();
        assert_eq!((response.text(), response.role(), response.finish_reason()), ("", "", None));
        assert_eq!(json!(response), empty);
    }
}

#[test]
fn a_vector_with_a_non_number_is_not_read_as_a_shorter_one() {
    let received = json!({ "embedding": [0.5, null, 0.25] });
    let response: models::TextEmbeddingResponse = serde_json::from_value(received.clone()).unwrap();
    assert!(response.embedding.is_empty());
    assert_eq!(response.extra["embedding"], received["embedding"]);
    assert_eq!(json!(response), received);
}

#[test]
fn writes_the_changes_of_the_program() {
    let received =
        json!({ "role": "assistant", "content": null, "tool_calls": [], "name": 5, "strict": null });
    let mut message: ChatMessage = serde_json::from_value(received).unwrap();
    message.content = Some(Content::from("hi"));
    assert_eq!(
        json!(message),
        json!({ "role": "assistant", "content": "hi", "tool_calls": [], "name": 5, "strict": null })
    );
    message.content = None;
    message.name = Some("Arkadiy".to_owned());
    assert_eq!(json!(message)["name"], "Arkadiy");

    let mut request: ChatRequest =
        serde_json::from_value(json!({ "temperature": 1, "max_tokens": "100" })).unwrap();
    assert_eq!((request.temperature, request.max_tokens), (Some(1.0), Some(100)));
    assert_eq!(json!(request), json!({ "temperature": 1, "max_tokens": "100" }));
    request.temperature = None;
    request.max_tokens = Some(100);
    assert_eq!(
        json!(request),
        json!({ "max_tokens": "100" }),
        "cleared is cleared; the same number keeps its form"
    );
    request.max_tokens = Some(200);
    request.extra.insert("temperature".to_owned(), json!(0.1));
    assert_eq!(json!(request), json!({ "max_tokens": 200, "temperature": 0.1 }));
}

#[test]
fn sends_requests_of_every_recorded_shape_unchanged() {
    let schema = json!({ "properties": { "numbers": { "items": { "type": "integer" } } }, "type": "object" });
    let function =
        json!({ "name": "something", "description": "does", "parameters": schema, "strict": null });
    let tool = json!({ "function": function, "type": "function" });
    let call = json!({
        "index": 0, "id": "something", "type": "function",
        "function": { "name": "something", "arguments": "{\"numbers\":[5,4,1]}" },
    });
    for options in [
        json!({ "tools": [tool], "tool_choice": "auto", "parallel_tool_calls": false }),
        json!({ "tools": [], "tool_choice": { "type": "function", "function": { "name": "something" } } }),
        json!({ "reasoning_effort": "high", "max_tokens": 1000, "temperature": 1 }),
        json!({ "response_format": { "type": "json_object" }, "top_k": 3 }),
        json!({ "response_format": { "type": "json_schema", "json_schema": {
            "schema": schema, "name": "Numbers", "strict": true } } }),
    ] {
        let mut request = options;
        request["model"] = json!("gpt://b1g/yandexgpt/latest");
        request["stream"] = json!(false);
        request["messages"] = json!([
            { "role": "user", "content": [
                { "type": "text", "text": "what is this?" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } },
            ] },
            { "role": "assistant", "tool_calls": [call] },
            { "role": "tool", "content": "", "tool_call_id": "something" },
        ]);
        let read: ChatRequest = serde_json::from_value(request.clone()).unwrap();
        assert_eq!(read.messages[1].tool_calls[0].name(), "something");
        assert_eq!(json!(read), request);
        assert!(read.extra.is_empty() || read.extra.contains_key("top_k"), "{:?}", read.extra);
    }

    let call =
        json!({ "functionCall": { "name": "something", "arguments": { "numbers": [5.0, 4.0, 1.0] } } });
    let tool = json!({ "function": { "name": "something", "description": "does", "parameters": schema } });
    for options in [
        json!({ "completionOptions": {}, "tools": [tool], "toolChoice": { "mode": "REQUIRED" } }),
        json!({ "completionOptions": { "maxTokens": "100", "temperature": 0.5 },
                "toolChoice": { "functionName": "something" }, "parallelToolCalls": false }),
        json!({ "completionOptions": { "reasoningOptions": { "mode": "ENABLED_HIDDEN" } }, "jsonObject": true }),
        json!({ "completionOptions": { "stream": true }, "jsonSchema": { "schema": schema } }),
    ] {
        let mut request = options;
        request["modelUri"] = json!("gpt://b1g/yandexgpt/rc");
        request["messages"] = json!([
            { "role": "user", "text": "do a SOMETHING" },
            { "role": "assistant", "toolCallList": { "toolCalls": [call] } },
            { "role": "user", "toolResultList": { "toolResults": [
                { "functionResult": { "name": "something", "content": "+20.0" } },
            ] } },
        ]);
        let read: CompletionRequest = serde_json::from_value(request.clone()).unwrap();
        assert_eq!(read.messages[1].tool_calls()[0].name(), "something");
        assert_eq!(json!(read), request);
        assert!(read.extra.is_empty(), "{:?}", read.extra);
    }
}

#[test]
fn the_code_decides_an_operation_with_both_a_response_and_an_error() {
    for (state, succeeded, failed) in [
        (json!({ "id": "a" }), false, false),
        (json!({ "done": true, "response": {}, "error": { "code": 0, "message": "" } }), true, false),
        (json!({ "done": true, "response": {}, "error": { "code": 8, "message": "no" } }), false, true),
        (json!({ "done": true, "response": {} }), true, false),
        (json!({ "done": true, "error": { "code": 8 } }), false, true),
        (json!({ "done": true, "response": null }), false, false),
        (json!({ "done": false, "response": {}, "error": { "code": 8 } }), false, false),
    ] {
        let read: OperationState = serde_json::from_value(state.clone()).unwrap();
        assert_eq!((read.is_succeeded(), read.is_failed()), (succeeded, failed), "{state}");
        assert_eq!(json!(read), state);
    }
}
