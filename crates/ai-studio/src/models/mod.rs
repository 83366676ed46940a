//! The native API: completions, operations, tokens and embeddings, over REST.

mod completions;
mod embeddings;
mod operation;
mod stream;

use yandex_cloud_auth::sdk_internals::Timer;

pub use self::completions::Completions;
pub use self::embeddings::TextEmbeddings;
pub use self::operation::Operation;
pub use self::stream::CompletionStream;
use crate::client::{Call, Client, GENERATION_TIMEOUT, TIMEOUT};
use crate::error::{Error, ErrorKind};
use crate::services::Service;
pub use crate::types::native::{
    Alternative, AlternativeStatus, CompletionMessage, CompletionOptions, CompletionRequest,
    CompletionResponse, CompletionTokensDetails, CompletionUsage, FunctionResult, NativeFunction,
    NativeFunctionCall, NativeJsonSchema, NativeTool, NativeToolCall, NativeToolChoice, OperationError,
    OperationState, ReasoningMode, ReasoningOptions, TextEmbeddingRequest, TextEmbeddingResponse, Token,
    TokenizeRequest, TokenizeResponse, ToolCallList, ToolResult, ToolResultList,
};

/// The native models: `sdk.models` of the Python SDK.
///
/// A model object takes the options one by one. [`completion`](Self::completion) and its siblings take a whole request
/// and send it unchanged.
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

    /// A model that generates text: `yandexgpt`, `yandexgpt/rc`, or a URI.
    pub fn completions(&self, model: impl Into<String>) -> Completions {
        Completions::new(self.clone(), model.into())
    }

    /// A model that embeds text: `doc`, `query`, or a URI.
    pub fn text_embeddings(&self, model: impl Into<String>) -> TextEmbeddings {
        TextEmbeddings::new(self.clone(), model.into())
    }

    /// Sends this request unchanged, and waits for the whole response.
    ///
    /// # Errors
    /// Any kind where the call fails.
    pub async fn completion(&self, request: &CompletionRequest) -> Result<CompletionResponse, Error> {
        self.completion_within(request, self.client.timer(GENERATION_TIMEOUT)).await
    }

    /// Sends this request unchanged, and waits for the beginning of the response. The request must have `stream: true`.
    ///
    /// # Errors
    /// Any kind where the call fails, until the response begins; from then on the stream returns the errors.
    pub async fn completion_stream(&self, request: &CompletionRequest) -> Result<CompletionStream, Error> {
        self.completion_stream_within(request, self.client.timer(GENERATION_TIMEOUT)).await
    }

    /// Starts an operation with this request unchanged; the server generates the response.
    ///
    /// # Errors
    /// Any kind where the call fails.
    pub async fn completion_deferred(&self, request: &CompletionRequest) -> Result<Operation, Error> {
        self.completion_deferred_within(request, self.client.timer(TIMEOUT)).await
    }

    /// Sends this request unchanged, for the tokens of its messages.
    ///
    /// # Errors
    /// Any kind where the call fails.
    pub async fn tokenize(&self, request: &CompletionRequest) -> Result<TokenizeResponse, Error> {
        self.tokenize_within(request, self.client.timer(TIMEOUT)).await
    }

    /// Sends this request unchanged, for the tokens of a text without messages.
    ///
    /// # Errors
    /// Any kind where the call fails.
    pub async fn tokenize_text(&self, request: &TokenizeRequest) -> Result<TokenizeResponse, Error> {
        self.client.send(native("tokenize", request)?, self.client.timer(TIMEOUT)).await
    }

    /// Sends this request for an embedding unchanged.
    ///
    /// # Errors
    /// Any kind where the call fails.
    pub async fn embed(&self, request: &TextEmbeddingRequest) -> Result<TextEmbeddingResponse, Error> {
        self.embed_within(request, self.client.timer(TIMEOUT), |_| Ok(())).await
    }

    /// An operation that runs already, by its id. Sends nothing.
    pub fn operation(&self, id: impl Into<String>) -> Operation {
        Operation::new(self.client.clone(), id.into())
    }

    async fn completion_within(
        &self,
        request: &CompletionRequest,
        timer: Timer,
    ) -> Result<CompletionResponse, Error> {
        self.client.send(native("completion", request)?, timer).await
    }

    async fn completion_stream_within(
        &self,
        request: &CompletionRequest,
        timer: Timer,
    ) -> Result<CompletionStream, Error> {
        Ok(CompletionStream::new(self.client.stream(native("completion", request)?, timer).await?))
    }

    async fn completion_deferred_within(
        &self,
        request: &CompletionRequest,
        timer: Timer,
    ) -> Result<Operation, Error> {
        let call = native("completionAsync", request)?;
        let (operation, state) = self.client.send_json::<OperationState>(call, timer).await?;
        if operation.id.is_empty() {
            return Err(Error::new(ErrorKind::Unreadable, "the response is not an operation: it has no id")
                .with_context(state.context()));
        }
        Ok(self.operation(operation.id))
    }

    async fn tokenize_within(
        &self,
        request: &CompletionRequest,
        timer: Timer,
    ) -> Result<TokenizeResponse, Error> {
        self.client.send(native("tokenizeCompletion", request)?, timer).await
    }

    async fn embed_within(
        &self,
        request: &TextEmbeddingRequest,
        timer: Timer,
        check: impl FnOnce(&TextEmbeddingResponse) -> Result<(), Error>,
    ) -> Result<TextEmbeddingResponse, Error> {
        self.client.send_checked(native("textEmbedding", request)?, timer, check).await
    }
}

/// A call of a method of the native API.
fn native(method: &str, request: &impl serde::Serialize) -> Result<Call, Error> {
    Call::post(Service::FoundationModels, format!("/foundationModels/v1/{method}"), request)
}
