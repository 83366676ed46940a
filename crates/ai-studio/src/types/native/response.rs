//! The responses of the native API.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::message::{CompletionMessage, NativeToolCall};
use crate::error::Error;
use crate::types::parse_text;
use crate::wire::{Int64, message, open_enum};

message! {
    /// A response of a native model. In a stream, each item is the whole response so far.
    ///
    /// ```
    /// use serde_json::json;
    /// use yandex_ai_studio_sdk::models::{AlternativeStatus, CompletionResponse};
    ///
    /// let received = json!({
    ///     "alternatives": [{
    ///         "message": { "role": "assistant", "text": "hi" }, "status": "ALTERNATIVE_STATUS_FINAL",
    ///     }],
    ///     "usage": { "inputTextTokens": "15", "completionTokens": "8", "totalTokens": "23" },
    ///     "modelVersion": "07.03.2024",
    /// });
    /// let response: CompletionResponse = serde_json::from_value(received.clone())?;
    /// assert_eq!(response.text(), "hi");
    /// assert_eq!(response.status(), Some(&AlternativeStatus::Final));
    /// assert_eq!(response.usage.as_ref().unwrap().total_tokens.unwrap(), 23);
    /// assert_eq!(json!(response), received);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct CompletionResponse {
        /// The alternatives; usually one.
        pub alternatives: Vec<Alternative> = "alternatives",
        /// The number of tokens used.
        pub usage: Option<CompletionUsage> = "usage",
        /// The version of the model.
        pub model_version: String = "modelVersion",
    }

    /// One alternative of a [`CompletionResponse`].
    pub struct Alternative {
        /// The message of the model.
        pub message: CompletionMessage = "message",
        /// The status of the alternative.
        pub status: Option<AlternativeStatus> = "status",
    }

    /// The number of tokens used.
    pub struct CompletionUsage {
        /// Tokens of the request.
        pub input_text_tokens: Option<Int64> = "inputTextTokens",
        /// Tokens of the response.
        pub completion_tokens: Option<Int64> = "completionTokens",
        /// The sum.
        pub total_tokens: Option<Int64> = "totalTokens",
        /// What the tokens of the response were used for.
        pub completion_tokens_details: Option<CompletionTokensDetails> = "completionTokensDetails",
    }

    /// What the tokens of a response were used for.
    pub struct CompletionTokensDetails {
        /// Tokens of the reasoning.
        pub reasoning_tokens: Option<Int64> = "reasoningTokens",
    }

    /// The tokens of a text.
    pub struct TokenizeResponse {
        /// The tokens, in order.
        pub tokens: Vec<Token> = "tokens",
        /// The version of the model.
        pub model_version: String = "modelVersion",
    }

    /// One token of a text.
    pub struct Token {
        /// The id of the token.
        pub id: Option<Int64> = "id",
        /// The text of the token.
        pub text: String = "text",
        /// Whether the token is a special token, which is not part of the text.
        pub special: bool = "special",
    }

    /// The vector of a text.
    pub struct TextEmbeddingResponse {
        /// The components of the vector.
        pub embedding: Vec<f64> = "embedding",
        /// The number of tokens of the text.
        pub num_tokens: Option<Int64> = "numTokens",
        /// The version of the model.
        pub model_version: String = "modelVersion",
    }

    /// The state of an operation. [`Operation`](crate::models::Operation) waits for its end.
    pub struct OperationState {
        /// The id of the operation.
        pub id: String = "id",
        /// The description of the operation.
        pub description: String = "description",
        /// When the operation started, RFC 3339.
        pub created_at: Option<String> = "createdAt",
        /// The id of the account that started the operation.
        pub created_by: String = "createdBy",
        /// When the operation last changed, RFC 3339.
        pub modified_at: Option<String> = "modifiedAt",
        /// Whether the operation has ended.
        pub done: bool = "done",
        /// The metadata of the operation.
        pub metadata: Option<Value> = "metadata",
        /// Why the operation failed. A successful operation may have an error with code 0.
        pub error: Option<OperationError> = "error",
        /// The result. A failed operation may have one, too.
        pub response: Option<Value> = "response",
    }

    /// The error of a failed operation: `google.rpc.Status`.
    pub struct OperationError {
        /// The gRPC code.
        pub code: i64 = "code",
        /// The error message.
        pub message: String = "message",
        /// The details, as messages of the service.
        pub details: Vec<Value> = "details",
    }
}

open_enum! {
    /// The status of an alternative.
    pub enum AlternativeStatus {
        /// Not specified.
        Unspecified = "ALTERNATIVE_STATUS_UNSPECIFIED",
        /// The text is incomplete; more follows in the stream.
        Partial = "ALTERNATIVE_STATUS_PARTIAL",
        /// The response reached the maximum number of tokens.
        TruncatedFinal = "ALTERNATIVE_STATUS_TRUNCATED_FINAL",
        /// The response is complete.
        Final = "ALTERNATIVE_STATUS_FINAL",
        /// The content filter replaced the response.
        ContentFilter = "ALTERNATIVE_STATUS_CONTENT_FILTER",
        /// The model calls tools.
        ToolCalls = "ALTERNATIVE_STATUS_TOOL_CALLS",
    }
}

impl AlternativeStatus {
    /// Whether the alternative is complete.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Unspecified | Self::Partial)
    }
}

impl CompletionResponse {
    fn first(&self) -> Option<&Alternative> {
        self.alternatives.first()
    }

    /// The text of the first alternative; empty where there is no text, for example with tool calls.
    #[must_use]
    pub fn text(&self) -> &str {
        self.first().map_or("", |alternative| alternative.message.as_text())
    }

    /// The role of the first alternative: `assistant`.
    #[must_use]
    pub fn role(&self) -> &str {
        self.first().map_or("", |alternative| &alternative.message.role)
    }

    /// The status of the first alternative.
    #[must_use]
    pub fn status(&self) -> Option<&AlternativeStatus> {
        self.first()?.status.as_ref()
    }

    /// The tool calls of the first alternative.
    #[must_use]
    pub fn tool_calls(&self) -> &[NativeToolCall] {
        self.first().map_or(&[], |alternative| alternative.message.tool_calls())
    }

    /// Whether all alternatives are complete.
    #[must_use]
    pub fn is_final(&self) -> bool {
        let is_final =
            |alternative: &Alternative| alternative.status.as_ref().is_some_and(AlternativeStatus::is_final);
        !self.alternatives.is_empty() && self.alternatives.iter().all(is_final)
    }

    /// Parses the text as JSON of your type. Use it with a [`ResponseFormat`](crate::ResponseFormat).
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) where the text is not JSON of this type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        parse_text(self.text())
    }
}

impl OperationState {
    /// Whether the operation is still running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.done
    }

    /// Whether the operation ended with an error.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.done && self.error.as_ref().is_some_and(|error| error.code > 0)
    }

    /// Whether the operation ended with a result. The service may return an error with code 0 beside the result.
    #[must_use]
    pub fn is_succeeded(&self) -> bool {
        self.done && self.response.is_some() && !self.is_failed()
    }
}
