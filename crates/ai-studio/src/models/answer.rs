//! What the native API answers, as proto3 JSON.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::models::message::{CompletionMessage, NativeToolCall};
use crate::wire::{Int64, message, words};

message! {
    /// An answer of a native model: whole, or, in a stream, as far as it has grown.
    ///
    /// ```
    /// use serde_json::json;
    /// use yandex_ai_studio_sdk::models::{AlternativeStatus, CompletionAnswer};
    ///
    /// let came = json!({
    ///     "alternatives": [{
    ///         "message": { "role": "assistant", "text": "hi" }, "status": "ALTERNATIVE_STATUS_FINAL",
    ///     }],
    ///     "usage": { "inputTextTokens": "15", "completionTokens": "8", "totalTokens": "23" },
    ///     "modelVersion": "07.03.2024",
    /// });
    /// let answer: CompletionAnswer = serde_json::from_value(came.clone())?;
    /// assert_eq!(answer.text(), "hi");
    /// assert_eq!(answer.status(), Some(&AlternativeStatus::Final));
    /// assert_eq!(answer.usage.as_ref().unwrap().total_tokens.unwrap(), 23);
    /// assert_eq!(json!(answer), came);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct CompletionAnswer {
        /// The answers to choose from; one, as a rule.
        pub alternatives: Vec<Alternative> = "alternatives",
        /// What it cost.
        pub usage: Option<CompletionUsage> = "usage",
        /// Which version of the model made it.
        pub model_version: String = "modelVersion",
    }

    /// One of the answers to choose from.
    pub struct Alternative {
        /// What the model says.
        pub message: CompletionMessage = "message",
        /// How far it is.
        pub status: Option<AlternativeStatus> = "status",
    }

    /// What an answer cost, in tokens.
    pub struct CompletionUsage {
        /// Those of the request.
        pub input_text_tokens: Option<Int64> = "inputTextTokens",
        /// Those of the answer.
        pub completion_tokens: Option<Int64> = "completionTokens",
        /// All.
        pub total_tokens: Option<Int64> = "totalTokens",
        /// What those of the answer were spent on.
        pub completion_tokens_details: Option<CompletionTokensDetails> = "completionTokensDetails",
    }

    /// What the tokens of an answer were spent on.
    pub struct CompletionTokensDetails {
        /// Those of the reasoning.
        pub reasoning_tokens: Option<Int64> = "reasoningTokens",
    }

    /// A text, taken apart.
    pub struct TokenizeAnswer {
        /// Its tokens.
        pub tokens: Vec<Token> = "tokens",
        /// Which version of the model took it apart.
        pub model_version: String = "modelVersion",
    }

    /// A token: what a model sees a text as.
    pub struct Token {
        /// Its number.
        pub id: Option<Int64> = "id",
        /// Its text.
        pub text: String = "text",
        /// Whether it stands for something else than text.
        pub special: bool = "special",
    }

    /// The vector of a text.
    pub struct TextEmbeddingAnswer {
        /// The numbers.
        pub embedding: Vec<f64> = "embedding",
        /// How many tokens the text had.
        pub num_tokens: Option<Int64> = "numTokens",
        /// Which version of the model made it.
        pub model_version: String = "modelVersion",
    }

    /// An operation, as far as it is. [`Operation`](crate::models::Operation) follows it.
    pub struct OperationState {
        /// Its id.
        pub id: String = "id",
        /// What it does.
        pub description: String = "description",
        /// When it was begun, RFC 3339.
        pub created_at: Option<String> = "createdAt",
        /// Who began it.
        pub created_by: String = "createdBy",
        /// When it last changed, RFC 3339.
        pub modified_at: Option<String> = "modifiedAt",
        /// Whether it has ended.
        pub done: bool = "done",
        /// What it tells of itself.
        pub metadata: Option<Value> = "metadata",
        /// Why it failed. Of one that succeeded it may be here too, with code 0.
        pub error: Option<OperationError> = "error",
        /// What it gave. Of one that failed it may be here too.
        pub response: Option<Value> = "response",
    }

    /// Why an operation failed: `google.rpc.Status`.
    pub struct OperationError {
        /// The gRPC code.
        pub code: i64 = "code",
        /// Why, in words.
        pub message: String = "message",
        /// Why, in messages of the service.
        pub details: Vec<Value> = "details",
    }
}

words! {
    /// How far an alternative is.
    pub enum AlternativeStatus {
        /// Not told.
        Unspecified = "ALTERNATIVE_STATUS_UNSPECIFIED",
        /// It grows.
        Partial = "ALTERNATIVE_STATUS_PARTIAL",
        /// It ended at the limit of tokens.
        TruncatedFinal = "ALTERNATIVE_STATUS_TRUNCATED_FINAL",
        /// It is complete.
        Final = "ALTERNATIVE_STATUS_FINAL",
        /// It was replaced by what may be said.
        ContentFilter = "ALTERNATIVE_STATUS_CONTENT_FILTER",
        /// The model wants tools called.
        ToolCalls = "ALTERNATIVE_STATUS_TOOL_CALLS",
    }
}

impl AlternativeStatus {
    /// Whether nothing will be added.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Unspecified | Self::Partial)
    }
}

impl CompletionAnswer {
    fn first(&self) -> Option<&Alternative> {
        self.alternatives.first()
    }

    /// What the model says first; empty where it says nothing, such as where it calls tools.
    #[must_use]
    pub fn text(&self) -> &str {
        self.first().map_or("", |alternative| alternative.message.as_text())
    }

    /// The role of the first alternative: `assistant`.
    #[must_use]
    pub fn role(&self) -> &str {
        self.first().map_or("", |alternative| &alternative.message.role)
    }

    /// How far the first alternative is.
    #[must_use]
    pub fn status(&self) -> Option<&AlternativeStatus> {
        self.first()?.status.as_ref()
    }

    /// The tools that the model wants called.
    #[must_use]
    pub fn tool_calls(&self) -> &[NativeToolCall] {
        self.first().map_or(&[], |alternative| alternative.message.tool_calls())
    }

    /// Whether nothing will be added to any alternative.
    #[must_use]
    pub fn is_final(&self) -> bool {
        let is_final =
            |alternative: &Alternative| alternative.status.as_ref().is_some_and(AlternativeStatus::is_final);
        !self.alternatives.is_empty() && self.alternatives.iter().all(is_final)
    }

    /// The text as a type of yours, of an answer that was asked for in JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) where it is something else.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        crate::chat::parse(self.text())
    }
}

impl OperationState {
    /// Whether it has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.done
    }

    /// Whether it ended in an error.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.done && self.error.as_ref().is_some_and(|error| error.code > 0)
    }

    /// Whether it ended in an answer. The service may give an error with code 0 beside the answer.
    #[must_use]
    pub fn is_succeeded(&self) -> bool {
        self.done && self.response.is_some() && !self.is_failed()
    }
}
