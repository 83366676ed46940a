//! Messages of `yandex.cloud.ai.foundation_models.v1`.

use prost::Message;

use crate::structs::Struct;

/// `yandex.cloud.ai.foundation_models.v1.CompletionRequest`; its oneof of formats read as two fields
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CompletionRequest {
    #[prost(string, tag = 1)]
    pub(crate) model_uri: String,
    #[prost(message, optional, tag = 2)]
    pub(crate) completion_options: Option<CompletionOptions>,
    #[prost(message, repeated, tag = 3)]
    pub(crate) messages: Vec<ChatMessage>,
    #[prost(message, repeated, tag = 4)]
    pub(crate) tools: Vec<Tool>,
    #[prost(bool, optional, tag = 5)]
    pub(crate) json_object: Option<bool>,
    #[prost(message, optional, tag = 6)]
    pub(crate) json_schema: Option<JsonSchema>,
    #[prost(message, optional, tag = 7)]
    pub(crate) parallel_tool_calls: Option<bool>,
    #[prost(message, optional, tag = 8)]
    pub(crate) tool_choice: Option<ToolChoice>,
}

/// `yandex.cloud.ai.foundation_models.v1.Tool`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Tool {
    #[prost(message, optional, tag = 1)]
    pub(crate) function: Option<FunctionTool>,
}

/// `yandex.cloud.ai.foundation_models.v1.FunctionTool`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FunctionTool {
    #[prost(string, tag = 1)]
    pub(crate) name: String,
    #[prost(message, optional, tag = 3)]
    pub(crate) parameters: Option<Struct>,
}

/// `yandex.cloud.ai.foundation_models.v1.JsonSchema`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct JsonSchema {
    #[prost(message, optional, tag = 1)]
    pub(crate) schema: Option<Struct>,
}

/// `yandex.cloud.ai.foundation_models.v1.ToolChoice`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ToolChoice {
    #[prost(enumeration = "ToolChoiceMode", optional, tag = 1)]
    pub(crate) mode: Option<i32>,
    #[prost(string, optional, tag = 2)]
    pub(crate) function_name: Option<String>,
}

/// `yandex.cloud.ai.foundation_models.v1.ToolChoice.ToolChoiceMode`
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum ToolChoiceMode {
    Unspecified = 0,
    None = 1,
    Auto = 2,
    Required = 3,
}

impl ToolChoiceMode {
    /// The name in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "TOOL_CHOICE_MODE_UNSPECIFIED",
            Self::None => "NONE",
            Self::Auto => "AUTO",
            Self::Required => "REQUIRED",
        }
    }
}

/// `yandex.cloud.ai.foundation_models.v1.CompletionOptions`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CompletionOptions {
    #[prost(bool, tag = 1)]
    pub(crate) stream: bool,
    /// A `google.protobuf.Int64Value`.
    #[prost(message, optional, tag = 3)]
    pub(crate) max_tokens: Option<i64>,
}

/// `yandex.cloud.ai.foundation_models.v1.Message`; its oneof read as three fields
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChatMessage {
    #[prost(string, tag = 1)]
    pub(crate) role: String,
    #[prost(string, optional, tag = 2)]
    pub(crate) text: Option<String>,
    #[prost(message, optional, tag = 3)]
    pub(crate) tool_call_list: Option<ToolCallList>,
    #[prost(message, optional, tag = 4)]
    pub(crate) tool_result_list: Option<ToolResultList>,
}

/// `yandex.cloud.ai.foundation_models.v1.ToolCallList`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ToolCallList {
    #[prost(message, repeated, tag = 1)]
    pub(crate) tool_calls: Vec<ToolCall>,
}

/// `yandex.cloud.ai.foundation_models.v1.ToolCall`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ToolCall {
    #[prost(message, optional, tag = 1)]
    pub(crate) function_call: Option<FunctionCall>,
}

/// `yandex.cloud.ai.foundation_models.v1.FunctionCall`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FunctionCall {
    #[prost(string, tag = 1)]
    pub(crate) name: String,
    #[prost(message, optional, tag = 2)]
    pub(crate) arguments: Option<Struct>,
}

/// `yandex.cloud.ai.foundation_models.v1.ToolResultList`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ToolResultList {
    #[prost(message, repeated, tag = 1)]
    pub(crate) tool_results: Vec<ToolResult>,
}

/// `yandex.cloud.ai.foundation_models.v1.ToolResult`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ToolResult {
    #[prost(message, optional, tag = 1)]
    pub(crate) function_result: Option<FunctionResult>,
}

/// `yandex.cloud.ai.foundation_models.v1.FunctionResult`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FunctionResult {
    #[prost(string, optional, tag = 2)]
    pub(crate) content: Option<String>,
}

/// `yandex.cloud.ai.foundation_models.v1.CompletionResponse`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CompletionResponse {
    #[prost(message, repeated, tag = 1)]
    pub(crate) alternatives: Vec<Alternative>,
    #[prost(message, optional, tag = 2)]
    pub(crate) usage: Option<ContentUsage>,
    #[prost(string, tag = 3)]
    pub(crate) model_version: String,
}

/// `yandex.cloud.ai.foundation_models.v1.Alternative`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Alternative {
    #[prost(message, optional, tag = 1)]
    pub(crate) message: Option<ChatMessage>,
    #[prost(enumeration = "AlternativeStatus", tag = 2)]
    pub(crate) status: i32,
}

/// `yandex.cloud.ai.foundation_models.v1.Alternative.AlternativeStatus`: the values that the emulator uses
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum AlternativeStatus {
    Unspecified = 0,
    Partial = 1,
    TruncatedFinal = 2,
    Final = 3,
    ToolCalls = 5,
}

impl AlternativeStatus {
    /// The name in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "ALTERNATIVE_STATUS_UNSPECIFIED",
            Self::Partial => "ALTERNATIVE_STATUS_PARTIAL",
            Self::TruncatedFinal => "ALTERNATIVE_STATUS_TRUNCATED_FINAL",
            Self::Final => "ALTERNATIVE_STATUS_FINAL",
            Self::ToolCalls => "ALTERNATIVE_STATUS_TOOL_CALLS",
        }
    }
}

/// `yandex.cloud.ai.foundation_models.v1.ContentUsage`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ContentUsage {
    #[prost(int64, tag = 1)]
    pub(crate) input_text_tokens: i64,
    #[prost(int64, tag = 2)]
    pub(crate) completion_tokens: i64,
    #[prost(int64, tag = 3)]
    pub(crate) total_tokens: i64,
}

/// `yandex.cloud.ai.foundation_models.v1.TokenizeRequest`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TokenizeRequest {
    #[prost(string, tag = 1)]
    pub(crate) model_uri: String,
    #[prost(string, tag = 2)]
    pub(crate) text: String,
}

/// `yandex.cloud.ai.foundation_models.v1.TokenizeResponse`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TokenizeResponse {
    #[prost(message, repeated, tag = 1)]
    pub(crate) tokens: Vec<Token>,
    #[prost(string, tag = 2)]
    pub(crate) model_version: String,
}

/// `yandex.cloud.ai.foundation_models.v1.Token`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Token {
    #[prost(int64, tag = 1)]
    pub(crate) id: i64,
    #[prost(string, tag = 2)]
    pub(crate) text: String,
    #[prost(bool, tag = 3)]
    pub(crate) special: bool,
}

/// `yandex.cloud.ai.foundation_models.v1.TextEmbeddingRequest`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TextEmbeddingRequest {
    #[prost(string, tag = 1)]
    pub(crate) model_uri: String,
    #[prost(string, tag = 2)]
    pub(crate) text: String,
    #[prost(message, optional, tag = 3)]
    pub(crate) dim: Option<i64>,
}

/// `yandex.cloud.ai.foundation_models.v1.TextEmbeddingResponse`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TextEmbeddingResponse {
    #[prost(double, repeated, tag = 1)]
    pub(crate) embedding: Vec<f64>,
    #[prost(int64, tag = 2)]
    pub(crate) num_tokens: i64,
    #[prost(string, tag = 3)]
    pub(crate) model_version: String,
}
