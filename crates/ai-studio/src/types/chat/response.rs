//! The responses of the OpenAI-compatible API: whole, or in chunks.

use serde::de::DeserializeOwned;

use super::message::{ChatMessage, ToolCall};
use crate::error::Error;
use crate::types::parse_text;
use crate::wire::{message, open_enum};

message! {
    /// A response of a chat model.
    ///
    /// ```
    /// use serde_json::json;
    /// use yandex_ai_studio_sdk::chat::{ChatResponse, FinishReason};
    ///
    /// let received = json!({
    ///     "choices": [{ "message": { "role": "assistant", "content": "hi" }, "finish_reason": "stop" }],
    ///     "usage": null, "service_tier": "default",
    /// });
    /// let response: ChatResponse = serde_json::from_value(received.clone())?;
    /// assert_eq!(response.text(), "hi");
    /// assert_eq!(response.finish_reason(), Some(&FinishReason::Stop));
    /// assert_eq!(json!(response), received);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ChatResponse {
        /// The id of the response.
        pub id: String = "id",
        /// Always `chat.completion`.
        pub object: String = "object",
        /// The creation time, in seconds since 1970.
        pub created: Option<u64> = "created",
        /// The model that generated the response.
        pub model: String = "model",
        /// The alternatives; usually one.
        pub choices: Vec<ChatChoice> = "choices",
        /// The number of tokens used.
        pub usage: Option<ChatUsage> = "usage",
    }

    /// One alternative of a [`ChatResponse`].
    pub struct ChatChoice {
        /// The index of the choice.
        pub index: Option<u64> = "index",
        /// The message of the model.
        pub message: ChatMessage = "message",
        /// Why the model stopped.
        pub finish_reason: Option<FinishReason> = "finish_reason",
    }

    /// One chunk of a streamed response.
    pub struct ChatChunk {
        /// The id of the response; the same in all its chunks.
        pub id: String = "id",
        /// Always `chat.completion.chunk`.
        pub object: String = "object",
        /// The creation time of the response, in seconds since 1970.
        pub created: Option<u64> = "created",
        /// The model that generates the response.
        pub model: String = "model",
        /// The new parts of the choices; empty in the last chunk, which carries the usage.
        pub choices: Vec<ChatChunkChoice> = "choices",
        /// The number of tokens used.
        pub usage: Option<ChatUsage> = "usage",
    }

    /// The new part of one choice.
    pub struct ChatChunkChoice {
        /// The index of the choice.
        pub index: Option<u64> = "index",
        /// The new part of the message.
        pub delta: ChatMessage = "delta",
        /// Why the model stopped, in the last chunk of the choice.
        pub finish_reason: Option<FinishReason> = "finish_reason",
    }

    /// The number of tokens used.
    pub struct ChatUsage {
        /// Tokens of the request.
        pub prompt_tokens: Option<u64> = "prompt_tokens",
        /// Tokens of the response.
        pub completion_tokens: Option<u64> = "completion_tokens",
        /// The sum.
        pub total_tokens: Option<u64> = "total_tokens",
    }

    /// The response to an [`EmbeddingRequest`](crate::chat::EmbeddingRequest).
    pub struct EmbeddingResponse {
        /// Always `list`.
        pub object: String = "object",
        /// The model that computed the vectors.
        pub model: String = "model",
        /// The vectors, one for each text.
        pub data: Vec<Embedding> = "data",
        /// The number of tokens used.
        pub usage: Option<ChatUsage> = "usage",
    }

    /// The vector of one text.
    pub struct Embedding {
        /// The index of the text in the request.
        pub index: Option<u64> = "index",
        /// Always `embedding`.
        pub object: String = "object",
        /// The components of the vector.
        pub embedding: Vec<f64> = "embedding",
    }
}

open_enum! {
    /// Why the model stopped.
    pub enum FinishReason {
        /// The response is complete.
        Stop = "stop",
        /// The response reached the maximum number of tokens.
        Length = "length",
        /// The content filter replaced the response.
        ContentFilter = "content_filter",
        /// The model calls tools.
        ToolCalls = "tool_calls",
    }
}

impl ChatResponse {
    fn first(&self) -> Option<&ChatChoice> {
        self.choices.first()
    }

    /// The text of the first choice; empty where there is no text, for example with tool calls.
    #[must_use]
    pub fn text(&self) -> &str {
        self.first().map_or("", |choice| choice.message.as_text())
    }

    /// The reasoning of the first choice, where the model returns reasoning.
    #[must_use]
    pub fn reasoning_text(&self) -> Option<&str> {
        self.first()?.message.reasoning_content.as_deref()
    }

    /// The role of the first choice: `assistant`.
    #[must_use]
    pub fn role(&self) -> &str {
        self.first().map_or("", |choice| &choice.message.role)
    }

    /// Why the model stopped, of the first choice.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&FinishReason> {
        self.first()?.finish_reason.as_ref()
    }

    /// The tool calls of the first choice.
    #[must_use]
    pub fn tool_calls(&self) -> &[ToolCall] {
        self.first().map_or(&[], |choice| &choice.message.tool_calls)
    }

    /// Parses the text as JSON of your type. Use it with a [`ResponseFormat`](crate::ResponseFormat).
    ///
    /// ```
    /// # use serde_json::json;
    /// # use yandex_ai_studio_sdk::chat::ChatResponse;
    /// #[derive(serde::Deserialize)]
    /// struct Animal { name: String }
    ///
    /// # let received = json!({ "choices": [{ "message": { "content": r#"{ "name": "platypus" }"# } }] });
    /// # let response: ChatResponse = serde_json::from_value(received)?;
    /// let animal: Animal = response.parse()?;
    /// assert_eq!(animal.name, "platypus");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) where the text is not JSON of this type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        parse_text(self.text())
    }
}

impl ChatChunk {
    /// The new text of the first choice.
    #[must_use]
    pub fn text(&self) -> &str {
        self.choices.first().map_or("", |choice| choice.delta.as_text())
    }

    /// The new reasoning of the first choice.
    #[must_use]
    pub fn reasoning_text(&self) -> &str {
        self.choices.first().and_then(|choice| choice.delta.reasoning_content.as_deref()).unwrap_or_default()
    }

    /// Why the model stopped, in the last chunk of the first choice.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&FinishReason> {
        self.choices.first()?.finish_reason.as_ref()
    }
}

impl EmbeddingResponse {
    /// The vector of the first text; empty where the response has no vector.
    #[must_use]
    pub fn vector(&self) -> &[f64] {
        self.data.first().map_or(&[], |embedding| &embedding.embedding)
    }
}
