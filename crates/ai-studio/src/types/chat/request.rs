//! The requests of the OpenAI-compatible API.

use serde::Serializer;
use serde_json::Value;

use super::message::ChatMessage;
use crate::types::tools::{ResponseFormat, Tool, ToolChoice};
use crate::wire::{Read, Wire, message, open_enum};

message! {
    /// A request to `POST /chat/completions`. [`Chat::send`](crate::chat::Chat::send) sends it unchanged.
    ///
    /// Parameters without a field of their own go into `extra`.
    ///
    /// ```
    /// use serde_json::json;
    /// use yandex_ai_studio_sdk::chat::ChatRequest;
    ///
    /// let recorded = json!({
    ///     "model": "gpt://b1g/yandexgpt/latest",
    ///     "messages": [{ "role": "user", "content": "hello" }],
    ///     "temperature": 1, "tools": [], "top_k": 3,
    /// });
    /// let request: ChatRequest = serde_json::from_value(recorded.clone())?;
    /// assert_eq!(request.temperature, Some(1.0));
    /// assert_eq!(request.extra["top_k"], 3);
    /// assert_eq!(json!(request), recorded);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ChatRequest {
        /// The model URI: `gpt://<folder>/<name>/<version>`.
        pub model: String = "model",
        /// The conversation so far.
        pub messages: Vec<ChatMessage> = "messages",
        /// Whether the response is a stream of chunks.
        pub stream: Option<bool> = "stream",
        /// The sampling temperature, from 0 to 1.
        pub temperature: Option<f64> = "temperature",
        /// The maximum number of generated tokens.
        pub max_tokens: Option<u64> = "max_tokens",
        /// How much the model reasons before it responds.
        pub reasoning_effort: Option<ReasoningEffort> = "reasoning_effort",
        /// The format of the response.
        pub response_format: Option<ResponseFormat> = "response_format",
        /// The tools that the model may call.
        pub tools: Vec<Tool> = "tools",
        /// Whether the model may call several tools at once.
        pub parallel_tool_calls: Option<bool> = "parallel_tool_calls",
        /// Whether the model calls tools, and which.
        pub tool_choice: Option<ToolChoice> = "tool_choice",
    }

    /// A request to `POST /embeddings`. [`Chat::embed`](crate::chat::Chat::embed) sends it unchanged.
    pub struct EmbeddingRequest {
        /// The model URI: `emb://<folder>/<name>/<version>`.
        pub model: String = "model",
        /// The text to embed.
        pub input: Option<EmbeddingInput> = "input",
        /// The number of dimensions of a vector, for models that support several.
        pub dimensions: Option<u64> = "dimensions",
        /// The encoding of the vectors: `float`.
        pub encoding_format: Option<String> = "encoding_format",
    }
}

open_enum! {
    /// How much a chat model reasons before it responds: `reasoning_mode` of the chat.
    pub enum ReasoningEffort {
        /// Low.
        Low = "low",
        /// Medium.
        Medium = "medium",
        /// High.
        High = "high",
    }
}

/// One text or several.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EmbeddingInput {
    /// One text, sent as a string.
    Text(String),
    /// Several texts, sent as a list.
    Texts(Vec<String>),
}

/// A list of one text, as the Python SDK sends it.
impl From<&str> for EmbeddingInput {
    fn from(text: &str) -> Self {
        Self::Texts(vec![text.to_owned()])
    }
}

impl From<String> for EmbeddingInput {
    fn from(text: String) -> Self {
        Self::Texts(vec![text])
    }
}

impl From<&String> for EmbeddingInput {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl<T: Into<String>> From<Vec<T>> for EmbeddingInput {
    fn from(texts: Vec<T>) -> Self {
        Self::Texts(texts.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<String>, const N: usize> From<[T; N]> for EmbeddingInput {
    fn from(texts: [T; N]) -> Self {
        Self::Texts(texts.into_iter().map(Into::into).collect())
    }
}

impl Wire for EmbeddingInput {
    fn read(value: Value) -> Result<Read<Self>, Value> {
        match value {
            Value::String(text) => Read::exact(Self::Text(text)),
            value => Ok(Vec::read(value)?.map(Self::Texts)),
        }
    }

    fn write(&self) -> Value {
        match self {
            Self::Text(text) => text.write(),
            Self::Texts(texts) => texts.write(),
        }
    }

    fn write_to<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => text.write_to(serializer),
            Self::Texts(texts) => texts.write_to(serializer),
        }
    }
}

message!(@serde EmbeddingInput);
