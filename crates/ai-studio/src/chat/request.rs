//! What is asked of the chat API, field by field.

use serde::Serializer;
use serde_json::Value;

use crate::chat::message::ChatMessage;
use crate::chat::tools::{ResponseFormat, Tool, ToolChoice};
use crate::wire::{Read, Wire, message, words};

message! {
    /// A request to `POST /chat/completions`, sent exactly as it is by [`Chat::send`](crate::chat::Chat::send).
    ///
    /// Parameters that have no field go into `extra`.
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
        /// The whole URI of the model: `gpt://<folder>/<name>/<version>`.
        pub model: String = "model",
        /// What was said so far.
        pub messages: Vec<ChatMessage> = "messages",
        /// Whether the answer comes in chunks.
        pub stream: Option<bool> = "stream",
        /// From 0 to 1: the higher, the more the answers vary.
        pub temperature: Option<f64> = "temperature",
        /// How many tokens the answer may have.
        pub max_tokens: Option<u64> = "max_tokens",
        /// How much the model thinks before it answers.
        pub reasoning_effort: Option<ReasoningEffort> = "reasoning_effort",
        /// The form of the answer.
        pub response_format: Option<ResponseFormat> = "response_format",
        /// What the model may call.
        pub tools: Vec<Tool> = "tools",
        /// Whether it may call several at once.
        pub parallel_tool_calls: Option<bool> = "parallel_tool_calls",
        /// Whether it calls tools.
        pub tool_choice: Option<ToolChoice> = "tool_choice",
    }

    /// A request to `POST /embeddings`, sent exactly as it is by [`Chat::embed`](crate::chat::Chat::embed).
    pub struct EmbeddingRequest {
        /// The whole URI of the model: `emb://<folder>/<name>/<version>`.
        pub model: String = "model",
        /// What to embed.
        pub input: Option<EmbeddingInput> = "input",
        /// How many numbers a vector has, of models that leave the choice.
        pub dimensions: Option<u64> = "dimensions",
        /// In which form the numbers come: `float`.
        pub encoding_format: Option<String> = "encoding_format",
    }
}

words! {
    /// How much the model thinks before it answers: `reasoning_mode` of the chat.
    pub enum ReasoningEffort {
        /// Little.
        Low = "low",
        /// More.
        Medium = "medium",
        /// Much.
        High = "high",
    }
}

/// One text or several.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EmbeddingInput {
    /// One.
    Text(String),
    /// Several.
    Texts(Vec<String>),
}

/// A list of one, as the Python SDK sends it.
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
            Value::String(text) => Read::exactly(Self::Text(text)),
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
