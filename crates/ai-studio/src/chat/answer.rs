//! What the chat API answers: whole, or in chunks.

use serde::de::DeserializeOwned;

use crate::chat::message::{ChatMessage, ToolCall};
use crate::error::{Error, ErrorKind};
use crate::wire::{message, words};

message! {
    /// An answer of the chat.
    ///
    /// ```
    /// use serde_json::json;
    /// use yandex_ai_studio_sdk::chat::{ChatAnswer, FinishReason};
    ///
    /// let came = json!({
    ///     "choices": [{ "message": { "role": "assistant", "content": "hi" }, "finish_reason": "stop" }],
    ///     "usage": null, "service_tier": "default",
    /// });
    /// let answer: ChatAnswer = serde_json::from_value(came.clone())?;
    /// assert_eq!(answer.text(), "hi");
    /// assert_eq!(answer.finish_reason(), Some(&FinishReason::Stop));
    /// assert_eq!(json!(answer), came);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ChatAnswer {
        /// The id of the answer.
        pub id: String = "id",
        /// `chat.completion`.
        pub object: String = "object",
        /// When it was made, in seconds since 1970.
        pub created: Option<u64> = "created",
        /// Which model made it.
        pub model: String = "model",
        /// The answers to choose from; one, as a rule.
        pub choices: Vec<ChatChoice> = "choices",
        /// What it cost.
        pub usage: Option<ChatUsage> = "usage",
    }

    /// One of the answers to choose from.
    pub struct ChatChoice {
        /// Its place among them.
        pub index: Option<u64> = "index",
        /// What the model says.
        pub message: ChatMessage = "message",
        /// Why it ended there.
        pub finish_reason: Option<FinishReason> = "finish_reason",
    }

    /// One piece of an answer that comes in chunks.
    pub struct ChatChunk {
        /// The id of the answer, the same in all its chunks.
        pub id: String = "id",
        /// `chat.completion.chunk`.
        pub object: String = "object",
        /// When the answer was begun, in seconds since 1970.
        pub created: Option<u64> = "created",
        /// Which model makes it.
        pub model: String = "model",
        /// What is new; nothing in the last chunk, which tells the cost.
        pub choices: Vec<ChatChunkChoice> = "choices",
        /// What it cost.
        pub usage: Option<ChatUsage> = "usage",
    }

    /// What is new in one of the answers to choose from.
    pub struct ChatChunkChoice {
        /// Its place among them.
        pub index: Option<u64> = "index",
        /// What is new.
        pub delta: ChatMessage = "delta",
        /// Why it ends here.
        pub finish_reason: Option<FinishReason> = "finish_reason",
    }

    /// What an answer cost, in tokens.
    pub struct ChatUsage {
        /// Those of the request.
        pub prompt_tokens: Option<u64> = "prompt_tokens",
        /// Those of the answer.
        pub completion_tokens: Option<u64> = "completion_tokens",
        /// All.
        pub total_tokens: Option<u64> = "total_tokens",
    }

    /// An answer to a request for embeddings.
    pub struct EmbeddingAnswer {
        /// `list`.
        pub object: String = "object",
        /// Which model made it.
        pub model: String = "model",
        /// The vectors, one for each text.
        pub data: Vec<Embedding> = "data",
        /// What it cost.
        pub usage: Option<ChatUsage> = "usage",
    }

    /// The vector of one text.
    pub struct Embedding {
        /// The place of its text in the request.
        pub index: Option<u64> = "index",
        /// `embedding`.
        pub object: String = "object",
        /// The numbers.
        pub embedding: Vec<f64> = "embedding",
    }
}

words! {
    /// Why an answer ended.
    pub enum FinishReason {
        /// It was complete.
        Stop = "stop",
        /// It had as many tokens as it may.
        Length = "length",
        /// It was replaced by what may be said.
        ContentFilter = "content_filter",
        /// The model wants tools called.
        ToolCalls = "tool_calls",
    }
}

impl ChatAnswer {
    fn first(&self) -> Option<&ChatChoice> {
        self.choices.first()
    }

    /// What the model says first; empty where it says nothing, such as where it calls tools.
    #[must_use]
    pub fn text(&self) -> &str {
        self.first().map_or("", |choice| choice.message.as_text())
    }

    /// What the model thought before it answered, where it tells.
    #[must_use]
    pub fn reasoning_text(&self) -> Option<&str> {
        self.first()?.message.reasoning_content.as_deref()
    }

    /// The role of the first choice: `assistant`.
    #[must_use]
    pub fn role(&self) -> &str {
        self.first().map_or("", |choice| &choice.message.role)
    }

    /// Why the first choice ended.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&FinishReason> {
        self.first()?.finish_reason.as_ref()
    }

    /// The tools that the model wants called.
    #[must_use]
    pub fn tool_calls(&self) -> &[ToolCall] {
        self.first().map_or(&[], |choice| &choice.message.tool_calls)
    }

    /// The text as a type of yours, of an answer that was asked for in JSON.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use yandex_ai_studio_sdk::chat::ChatAnswer;
    /// #[derive(serde::Deserialize)]
    /// struct Animal { name: String }
    ///
    /// # let came = json!({ "choices": [{ "message": { "content": r#"{ "name": "platypus" }"# } }] });
    /// # let answer: ChatAnswer = serde_json::from_value(came)?;
    /// let animal: Animal = answer.parse()?;
    /// assert_eq!(animal.name, "platypus");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`] where it is something else.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        parse(self.text())
    }
}

/// The text of an answer as a type.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| {
        Error::new(
            ErrorKind::Unreadable,
            format!("the text of the answer is not the JSON asked for: {error}"),
        )
        .with_help("ask for it by a response format with a strict schema, and look why the answer ended")
    })
}

impl ChatChunk {
    /// What is new in the text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.choices.first().map_or("", |choice| choice.delta.as_text())
    }

    /// What is new in the reasoning.
    #[must_use]
    pub fn reasoning_text(&self) -> &str {
        self.choices.first().and_then(|choice| choice.delta.reasoning_content.as_deref()).unwrap_or_default()
    }

    /// Why the answer ends here, where it does.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&FinishReason> {
        self.choices.first()?.finish_reason.as_ref()
    }
}

impl EmbeddingAnswer {
    /// The vector of the first text; empty where there is none.
    #[must_use]
    pub fn vector(&self) -> &[f64] {
        self.data.first().map_or(&[], |embedding| &embedding.embedding)
    }
}
