//! The native models: completions, operations, tokens and embeddings, over REST.

mod answer;
mod completions;
mod embeddings;
mod message;
mod operation;
mod request;
mod stream;

use std::time::Duration;

pub use self::answer::{
    Alternative, AlternativeStatus, CompletionAnswer, CompletionTokensDetails, CompletionUsage,
    OperationError, OperationState, TextEmbeddingAnswer, Token, TokenizeAnswer,
};
pub use self::completions::Completions;
pub use self::embeddings::TextEmbeddings;
pub(crate) use self::embeddings::well_known;
pub use self::message::{
    CompletionMessage, FunctionResult, NativeFunctionCall, NativeToolCall, ToolCallList, ToolResult,
    ToolResultList,
};
pub use self::operation::Operation;
pub use self::request::{
    CompletionOptions, CompletionRequest, NativeFunction, NativeJsonSchema, NativeTool, NativeToolChoice,
    ReasoningMode, ReasoningOptions, TextEmbeddingRequest, TokenizeRequest,
};
pub use self::stream::CompletionStream;
use crate::client::{Call, Client, Deadline, Service, TIMEOUT};
use crate::error::{Error, ErrorKind};
use crate::in_band;

/// How long a call may take: the Python SDK's limits, for calls that generate and for all others.
const GENERATION: Duration = Duration::from_secs(180);
const OTHERWISE: Duration = TIMEOUT;

/// The native models: what `sdk.models` is in Python.
///
/// Models take their options one by one; [`completion`](Self::completion) and its siblings take a whole request, and
/// send it exactly as it is.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let cloud = yandex_cloud_emulator::Emulator::start().await?;
/// # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
/// #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth(cloud.api_key()).build()?;
/// let model = sdk.models().completions("yandexgpt").temperature(0.3);
/// let tokens = model.tokenize("hello there").await?;
/// println!("{} tokens", tokens.iter().filter(|token| !token.special).count());
/// println!("{}", model.run("hello there").await?.text());
/// println!("{:?}", sdk.models().text_embeddings("doc").run("hello there").await?.embedding);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Models {
    client: Client,
}

impl Models {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// A model that answers: `yandexgpt`, `yandexgpt/rc`, or a whole URI.
    pub fn completions(&self, model: impl Into<String>) -> Completions {
        Completions::new(self.clone(), model.into())
    }

    /// A model that turns a text into a vector: `doc`, `query`, or a whole URI.
    pub fn text_embeddings(&self, model: impl Into<String>) -> TextEmbeddings {
        TextEmbeddings::new(self.clone(), model.into())
    }

    /// Sends exactly this request, and waits for all of the answer.
    ///
    /// # Errors
    /// As the call goes.
    pub async fn completion(&self, request: &CompletionRequest) -> Result<CompletionAnswer, Error> {
        self.completion_within(request, self.client.deadline(GENERATION)).await
    }

    /// Sends exactly this request, and waits for the beginning of the answer. The request has to ask for a stream.
    ///
    /// # Errors
    /// As the call goes, until the answer begins; from there the stream tells.
    pub async fn completion_stream(&self, request: &CompletionRequest) -> Result<CompletionStream, Error> {
        self.completion_stream_within(request, self.client.deadline(GENERATION)).await
    }

    /// Sends exactly this request, for an answer to be fetched later.
    ///
    /// # Errors
    /// As the call goes.
    pub async fn completion_deferred(&self, request: &CompletionRequest) -> Result<Operation, Error> {
        self.completion_deferred_within(request, self.client.deadline(OTHERWISE)).await
    }

    /// Sends exactly this request, for the tokens that the model sees its messages as.
    ///
    /// # Errors
    /// As the call goes.
    pub async fn tokenize(&self, request: &CompletionRequest) -> Result<TokenizeAnswer, Error> {
        self.tokenize_within(request, self.client.deadline(OTHERWISE)).await
    }

    /// Sends exactly this request, for the tokens of a text alone.
    ///
    /// # Errors
    /// As the call goes.
    pub async fn tokenize_text(&self, request: &TokenizeRequest) -> Result<TokenizeAnswer, Error> {
        in_band::ask(&self.client, native("tokenize", request)?, self.client.deadline(OTHERWISE)).await
    }

    /// Sends exactly this request for a vector.
    ///
    /// # Errors
    /// As the call goes.
    pub async fn embed(&self, request: &TextEmbeddingRequest) -> Result<TextEmbeddingAnswer, Error> {
        self.embed_within(request, self.client.deadline(OTHERWISE), |_| Ok(())).await
    }

    /// An operation that was begun before, by its id. Asks nothing.
    pub fn operation(&self, id: impl Into<String>) -> Operation {
        Operation::new(self.client.clone(), id.into())
    }

    async fn completion_within(
        &self,
        request: &CompletionRequest,
        deadline: Deadline,
    ) -> Result<CompletionAnswer, Error> {
        in_band::ask(&self.client, native("completion", request)?, deadline).await
    }

    async fn completion_stream_within(
        &self,
        request: &CompletionRequest,
        deadline: Deadline,
    ) -> Result<CompletionStream, Error> {
        Ok(CompletionStream::new(self.client.stream(native("completion", request)?, deadline).await?))
    }

    async fn completion_deferred_within(
        &self,
        request: &CompletionRequest,
        deadline: Deadline,
    ) -> Result<Operation, Error> {
        let call = native("completionAsync", request)?;
        let (state, journey) = self.client.ask_in_context::<OperationState>(call, deadline).await?;
        if state.id.is_empty() {
            return Err(Error::new(ErrorKind::Unreadable, "the answer is not an operation: it has no id")
                .with_context(journey.context()));
        }
        Ok(self.operation(state.id))
    }

    async fn tokenize_within(
        &self,
        request: &CompletionRequest,
        deadline: Deadline,
    ) -> Result<TokenizeAnswer, Error> {
        in_band::ask(&self.client, native("tokenizeCompletion", request)?, deadline).await
    }

    async fn embed_within(
        &self,
        request: &TextEmbeddingRequest,
        deadline: Deadline,
        check: impl FnOnce(&TextEmbeddingAnswer) -> Result<(), Error>,
    ) -> Result<TextEmbeddingAnswer, Error> {
        in_band::ask_checked(&self.client, native("textEmbedding", request)?, deadline, check).await
    }
}

/// A call to a native model.
fn native(method: &str, request: &impl serde::Serialize) -> Result<Call, Error> {
    Call::post(Service::FoundationModels, format!("/foundationModels/v1/{method}"), request)
}
