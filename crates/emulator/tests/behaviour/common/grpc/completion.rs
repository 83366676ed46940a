//! The messages of text generation and of the tokenizer.

use std::collections::HashMap;

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct Completion {
    #[prost(string, tag = "1")]
    pub model_uri: String,
    #[prost(message, optional, tag = "2")]
    pub options: Option<Options>,
    #[prost(message, repeated, tag = "3")]
    pub messages: Vec<ChatMessage>,
    #[prost(message, repeated, tag = "4")]
    pub tools: Vec<Tool>,
    #[prost(oneof = "Format", tags = "5, 6")]
    pub format: Option<Format>,
    #[prost(message, optional, tag = "7")]
    pub parallel_tool_calls: Option<BoolValue>,
    #[prost(message, optional, tag = "8")]
    pub tool_choice: Option<ToolChoice>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Tool {
    #[prost(message, optional, tag = "1")]
    pub function: Option<FunctionTool>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FunctionTool {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub description: String,
    #[prost(message, optional, tag = "3")]
    pub parameters: Option<Struct>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Format {
    #[prost(bool, tag = "5")]
    JsonObject(bool),
    #[prost(message, tag = "6")]
    JsonSchema(JsonSchema),
}

#[derive(Clone, PartialEq, Message)]
pub struct JsonSchema {
    #[prost(message, optional, tag = "1")]
    pub schema: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
pub struct BoolValue {
    #[prost(bool, tag = "1")]
    pub value: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct ToolChoice {
    #[prost(oneof = "Choice", tags = "1, 2")]
    pub choice: Option<Choice>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Choice {
    /// 1 none, 2 auto, 3 required.
    #[prost(int32, tag = "1")]
    Mode(i32),
    #[prost(string, tag = "2")]
    FunctionName(String),
}

#[derive(Clone, PartialEq, Message)]
pub struct Struct {
    #[prost(map = "string, message", tag = "1")]
    pub fields: HashMap<String, JsonValue>,
}

#[derive(Clone, PartialEq, Message)]
pub struct JsonValue {
    #[prost(oneof = "Json", tags = "2, 3, 5, 6")]
    pub kind: Option<Json>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Json {
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(message, tag = "5")]
    Object(Struct),
    #[prost(message, tag = "6")]
    List(JsonList),
}

#[derive(Clone, PartialEq, Message)]
pub struct JsonList {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<JsonValue>,
}

/// A minimal object.
pub fn object<const N: usize>(fields: [(&str, Json); N]) -> Struct {
    let fields = fields.map(|(name, kind)| (name.to_owned(), JsonValue { kind: Some(kind) }));
    Struct { fields: fields.into() }
}

#[derive(Clone, PartialEq, Message)]
pub struct Options {
    #[prost(bool, tag = "1")]
    pub stream: bool,
    #[prost(message, optional, tag = "2")]
    pub temperature: Option<f64>,
    #[prost(message, optional, tag = "3")]
    pub max_tokens: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ChatMessage {
    #[prost(string, tag = "1")]
    pub role: String,
    #[prost(oneof = "Content", tags = "2, 3, 4")]
    pub content: Option<Content>,
}

impl ChatMessage {
    pub fn user(text: &str) -> Self {
        Self { role: "user".to_owned(), content: Some(Content::Text(text.to_owned())) }
    }

    pub fn text(&self) -> &str {
        let Some(Content::Text(text)) = &self.content else { panic!("no text: {self:?}") };
        text
    }
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Content {
    #[prost(string, tag = "2")]
    Text(String),
    #[prost(message, tag = "3")]
    ToolCallList(ToolCallList),
    #[prost(message, tag = "4")]
    ToolResultList(ToolResultList),
}

#[derive(Clone, PartialEq, Message)]
pub struct ToolCallList {
    #[prost(message, repeated, tag = "1")]
    pub tool_calls: Vec<ToolCall>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ToolCall {
    #[prost(message, optional, tag = "1")]
    pub function_call: Option<FunctionCall>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FunctionCall {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub arguments: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ToolResultList {
    #[prost(message, repeated, tag = "1")]
    pub tool_results: Vec<ToolResult>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ToolResult {
    #[prost(message, optional, tag = "1")]
    pub function_result: Option<FunctionResult>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FunctionResult {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub content: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Completed {
    #[prost(message, repeated, tag = "1")]
    pub alternatives: Vec<Alternative>,
    #[prost(message, optional, tag = "2")]
    pub usage: Option<Usage>,
    #[prost(string, tag = "3")]
    pub model_version: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Alternative {
    #[prost(message, optional, tag = "1")]
    pub message: Option<ChatMessage>,
    #[prost(int32, tag = "2")]
    pub status: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Usage {
    #[prost(int64, tag = "1")]
    pub input_text_tokens: i64,
    #[prost(int64, tag = "2")]
    pub completion_tokens: i64,
    #[prost(int64, tag = "3")]
    pub total_tokens: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct Tokenize {
    #[prost(string, tag = "1")]
    pub model_uri: String,
    #[prost(string, tag = "2")]
    pub text: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Tokenized {
    #[prost(message, repeated, tag = "1")]
    pub tokens: Vec<Token>,
    #[prost(string, tag = "2")]
    pub model_version: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Token {
    #[prost(int64, tag = "1")]
    pub id: i64,
    #[prost(string, tag = "2")]
    pub text: String,
    #[prost(bool, tag = "3")]
    pub special: bool,
}

pub const COMPLETION: &str = "/yandex.cloud.ai.foundation_models.v1.TextGenerationService/Completion";
pub const TOKENIZE: &str = "/yandex.cloud.ai.foundation_models.v1.TokenizerService/Tokenize";

pub const TOKENIZE_COMPLETION: &str =
    "/yandex.cloud.ai.foundation_models.v1.TokenizerService/TokenizeCompletion";

pub const COMPLETION_ASYNC: &str =
    "/yandex.cloud.ai.foundation_models.v1.TextGenerationAsyncService/Completion";
