//! The OpenAI-compatible API: completions, embeddings and the list of models.

mod completions;
mod embeddings;
mod options;
mod stream;

use yandex_cloud_auth::sdk_internals::Timer;

pub use self::completions::ChatCompletions;
pub use self::embeddings::ChatEmbeddings;
pub use self::stream::ChatStream;
use crate::client::{Call, Client, GENERATION_TIMEOUT, TIMEOUT};
use crate::error::Error;
pub use crate::messages::{IntoMessages, Message};
use crate::services::Service;
pub use crate::types::chat::{
    ChatChoice, ChatChunk, ChatChunkChoice, ChatMessage, ChatRequest, ChatResponse, ChatUsage, Content,
    ContentPart, Embedding, EmbeddingInput, EmbeddingRequest, EmbeddingResponse, FinishReason, FunctionCall,
    ImageUrl, ModelInfo, ModelList, ReasoningEffort, ToolCall,
};
pub use crate::types::tools::{
    FunctionTool, JsonSchemaFormat, NamedTool, ResponseFormat, Tool, ToolChoice, ToolName,
};

/// Chat, embeddings and the list of models: `sdk.chat` of the Python SDK.
///
/// A model object takes the options one by one. [`send`](Self::send), [`stream`](Self::stream) and
/// [`embed`](Self::embed) take a whole request and send it unchanged.
///
/// ```
/// use serde_json::json;
/// use yandex_ai_studio_sdk::chat::ChatRequest;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let cloud = yandex_cloud_emulator::Emulator::start().await?;
/// # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
/// #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth(cloud.api_key()).build()?;
/// for model in sdk.chat().completions_models().await? {
///     println!("{}", model.id);
/// }
///
/// let request: ChatRequest = serde_json::from_value(json!({
///     "model": sdk.chat().completions("yandexgpt").uri().await?,
///     "messages": [{ "role": "user", "content": "hello" }],
///     "top_k": 3, // a parameter without an option
/// }))?;
/// println!("{}", sdk.chat().send(&request).await?.text());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Chat {
    client: Client,
}

impl Chat {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// A model that generates text: `yandexgpt`, `yandexgpt/rc`, or a URI.
    pub fn completions(&self, model: impl Into<String>) -> ChatCompletions {
        ChatCompletions::new(self.clone(), model.into())
    }

    /// A model that embeds text: `text-search-doc` (or `doc`), `text-search-query` (or `query`), or a URI.
    pub fn text_embeddings(&self, model: impl Into<String>) -> ChatEmbeddings {
        ChatEmbeddings::new(self.clone(), model.into())
    }

    /// All models that the folder can use.
    ///
    /// # Errors
    /// Any kind where the call fails.
    pub async fn models(&self) -> Result<ModelList, Error> {
        self.client.send(Call::get(Service::OpenAi, "/models"), self.client.timer(TIMEOUT)).await
    }

    /// The models that generate text.
    ///
    /// # Errors
    /// As [`models`](Self::models).
    pub async fn completions_models(&self) -> Result<Vec<ModelInfo>, Error> {
        self.models_of("gpt").await
    }

    /// The models that embed text.
    ///
    /// # Errors
    /// As [`models`](Self::models).
    pub async fn text_embeddings_models(&self) -> Result<Vec<ModelInfo>, Error> {
        self.models_of("emb").await
    }

    async fn models_of(&self, scheme: &str) -> Result<Vec<ModelInfo>, Error> {
        let list = self.models().await?;
        Ok(list.data.into_iter().filter(|model| model.scheme() == scheme).collect())
    }

    /// Sends this request unchanged, and waits for the whole response.
    ///
    /// # Errors
    /// Any kind where the call fails.
    pub async fn send(&self, request: &ChatRequest) -> Result<ChatResponse, Error> {
        self.send_within(request, self.client.timer(GENERATION_TIMEOUT)).await
    }

    /// Sends this request unchanged, and waits for the beginning of the response. The request must have `stream: true`.
    ///
    /// # Errors
    /// Any kind where the call fails, until the response begins; from then on the stream returns the errors.
    pub async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, Error> {
        self.stream_within(request, self.client.timer(GENERATION_TIMEOUT)).await
    }

    /// Sends this request for embeddings unchanged.
    ///
    /// # Errors
    /// Any kind where the call fails.
    pub async fn embed(&self, request: &EmbeddingRequest) -> Result<EmbeddingResponse, Error> {
        self.embed_within(request, self.client.timer(GENERATION_TIMEOUT), |_| Ok(())).await
    }

    async fn send_within(&self, request: &ChatRequest, timer: Timer) -> Result<ChatResponse, Error> {
        let call = Call::post(Service::OpenAi, "/chat/completions", request)?;
        self.client.send(call, timer).await
    }

    async fn stream_within(&self, request: &ChatRequest, timer: Timer) -> Result<ChatStream, Error> {
        let call = Call::post(Service::OpenAi, "/chat/completions", request)?;
        Ok(ChatStream::new(self.client.stream(call, timer).await?))
    }

    async fn embed_within(
        &self,
        request: &EmbeddingRequest,
        timer: Timer,
        check: impl FnOnce(&EmbeddingResponse) -> Result<(), Error>,
    ) -> Result<EmbeddingResponse, Error> {
        let call = Call::post(Service::OpenAi, "/embeddings", request)?;
        self.client.send_checked(call, timer, check).await
    }
}
