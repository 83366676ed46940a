//! Messages lose no data: any JSON object, read as any message and written again, is the same object.

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use yandex_ai_studio_sdk::Int64;
use yandex_ai_studio_sdk::chat::{self, ChatMessage, ChatRequest, ChatResponse, Content, FinishReason};
use yandex_ai_studio_sdk::models::{self, CompletionRequest, CompletionResponse, OperationState};

fn round_trip<T: Serialize + DeserializeOwned>(object: &Value) -> Value {
    let message: T = serde_json::from_value(object.clone()).unwrap();
    serde_json::to_value(message).unwrap()
}

/// The round trip of one type, by its name.
type Case = (&'static str, fn(&Value) -> Value);

macro_rules! cases {
    ($($type:ty),* $(,)?) => { &[$((stringify!($type), round_trip::<$type>)),*] };
}

/// Every message of the two APIs.
const MESSAGES: &[Case] = cases![
    ChatResponse,
    chat::ChatChoice,
    chat::ChatChunk,
    chat::ChatChunkChoice,
    ChatMessage,
    ChatRequest,
    chat::ChatUsage,
    chat::ContentPart,
    chat::Embedding,
    chat::EmbeddingResponse,
    chat::EmbeddingRequest,
    chat::FunctionCall,
    chat::FunctionTool,
    chat::ImageUrl,
    chat::JsonSchemaFormat,
    chat::ModelInfo,
    chat::ModelList,
    chat::NamedTool,
    chat::ResponseFormat,
    chat::Tool,
    chat::ToolCall,
    chat::ToolName,
    models::Alternative,
    CompletionResponse,
    models::CompletionMessage,
    models::CompletionOptions,
    CompletionRequest,
    models::CompletionTokensDetails,
    models::CompletionUsage,
    models::FunctionResult,
    models::NativeFunction,
    models::NativeFunctionCall,
    models::NativeJsonSchema,
    models::NativeTool,
    models::NativeToolCall,
    models::NativeToolChoice,
    models::OperationError,
    OperationState,
    models::ReasoningOptions,
    models::TextEmbeddingResponse,
    models::TextEmbeddingRequest,
    models::Token,
    models::TokenizeResponse,
    models::TokenizeRequest,
    models::ToolCallList,
    models::ToolResult,
    models::ToolResultList,
];

/// The names of all fields, so that random objects contain them.
const NAMES: &[&str] = &[
    "alternatives",
    "arguments",
    "audio",
    "choices",
    "code",
    "completionOptions",
    "completionTokens",
    "completionTokensDetails",
    "completion_tokens",
    "content",
    "created",
    "createdAt",
    "createdBy",
    "data",
    "delta",
    "description",
    "detail",
    "details",
    "dim",
    "dimensions",
    "done",
    "embedding",
    "encoding_format",
    "error",
    "extra",
    "finish_reason",
    "function",
    "functionCall",
    "functionName",
    "functionResult",
    "id",
    "image_url",
    "index",
    "input",
    "inputTextTokens",
    "jsonObject",
    "jsonSchema",
    "json_schema",
    "kept",
    "maxTokens",
    "max_tokens",
    "message",
    "messages",
    "metadata",
    "mode",
    "model",
    "modelUri",
    "modelVersion",
    "modifiedAt",
    "name",
    "numTokens",
    "object",
    "owned_by",
    "parallelToolCalls",
    "parallel_tool_calls",
    "parameters",
    "prompt_tokens",
    "reasoningOptions",
    "reasoningTokens",
    "reasoning_content",
    "reasoning_effort",
    "response",
    "response_format",
    "role",
    "schema",
    "special",
    "status",
    "stream",
    "strict",
    "temperature",
    "text",
    "tokens",
    "toolCallList",
    "toolCalls",
    "toolChoice",
    "toolResultList",
    "toolResults",
    "tool_call_id",
    "tool_calls",
    "tool_choice",
    "tools",
    "totalTokens",
    "total_tokens",
    "type",
    "url",
    "usage",
];

/// Valid values of fields, and similar invalid ones.
const VALUES: &[&str] = &[
    "",
    "stop",
    "STOP",
    "auto",
    "high",
    "user",
    "0",
    "15",
    "-1",
    "015",
    "+5",
    "9223372036854775807",
    "1e3",
    "[]",
    "ALTERNATIVE_STATUS_FINAL",
    "ENABLED_HIDDEN",
    "function",
];

fn any_json() -> impl Strategy<Value = Value> {
    any_json_of(5, 60)
}

fn any_small_json() -> impl Strategy<Value = Value> {
    any_json_of(2, 8)
}

fn any_json_of(depth: u32, size: u32) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-3_i64..20).prop_map(Value::from),
        (-3_i32..20).prop_map(|whole| Value::from(f64::from(whole))),
        prop::sample::select(VALUES).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, size, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => any_object_of(inner),
        ]
    })
}

fn any_object_of(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        9 => prop::sample::select(NAMES).prop_map(str::to_owned),
        1 => ".{0,8}",
    ];
    prop::collection::vec((name, value), 0..8)
        .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_object_is_written_as_it_was_read(object in any_object_of(any_json())) {
        for (name, round_trip) in MESSAGES {
            prop_assert_eq!(round_trip(&object), object.clone(), "{}", name);
        }
    }

    /// Random objects seldom have known fields with known fields inside: here every field has a random value.
    #[test]
    fn any_value_of_a_field_is_written_as_it_was_read(value in any_small_json()) {
        let object = Value::Object(NAMES.iter().map(|name| ((*name).to_owned(), value.clone())).collect());
        for (name, round_trip) in MESSAGES {
            prop_assert_eq!(round_trip(&object), object.clone(), "{}", name);
        }
    }

    #[test]
    fn a_number_of_64_bits_keeps_its_form(number in any::<i64>()) {
        for form in [json!(number), json!(number.to_string())] {
            let response = json!({ "numTokens": form });
            let read: models::TextEmbeddingResponse = serde_json::from_value(response.clone()).unwrap();
            prop_assert_eq!(read.num_tokens, Some(Int64(number)));
            prop_assert_eq!(json!(read), response);
        }
    }

    #[test]
    fn floats_are_read_exactly(float in any::<f64>().prop_filter("JSON has no other", |float| float.is_finite())) {
        let text = format!(r#"{{"embedding":[{float:?},0]}}"#);
        let read: models::TextEmbeddingResponse = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&read.embedding, &[float, 0.0]);
        prop_assert_eq!(json!(read), serde_json::from_str::<Value>(&text).unwrap());
    }

    #[test]
    fn what_is_set_is_never_shadowed_by_what_was_read(object in any_object_of(any_json())) {
        let mut request: ChatRequest = serde_json::from_value(object.clone()).unwrap();
        request.model = "gpt://b1g/yandexgpt/latest".to_owned();
        request.messages = vec![ChatMessage::text("user", "hello")];
        request.temperature = Some(0.5);
        request.parallel_tool_calls = Some(false);
        let written = json!(request);
        let mut awaited = object;
        awaited["model"] = json!("gpt://b1g/yandexgpt/latest");
        awaited["messages"] = json!([{ "role": "user", "content": "hello" }]);
        awaited["temperature"] = json!(0.5);
        awaited["parallel_tool_calls"] = json!(false);
        prop_assert_eq!(written, awaited);
    }
}

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
