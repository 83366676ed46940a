//! Messages lose no data: any JSON object, read as any message and written again, is the same object.

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use yandex_ai_studio_sdk::Int64;
use yandex_ai_studio_sdk::chat::{self, ChatMessage, ChatRequest, ChatResponse};
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
