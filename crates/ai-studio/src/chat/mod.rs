//! The chat: completions, embeddings and the list of models, over the OpenAI-compatible API.

mod answer;
mod assembly;
mod completions;
mod embeddings;
mod list;
mod message;
mod request;
mod stream;
mod tools;
mod turns;

use std::time::Duration;

pub(crate) use self::answer::parse;
pub use self::answer::{
    ChatAnswer, ChatChoice, ChatChunk, ChatChunkChoice, ChatUsage, Embedding, EmbeddingAnswer, FinishReason,
};
pub use self::completions::ChatCompletions;
pub use self::embeddings::ChatEmbeddings;
pub use self::list::{ModelInfo, ModelList};
pub use self::message::{ChatMessage, Content, ContentPart, FunctionCall, ImageUrl, ToolCall};
pub use self::request::{ChatRequest, EmbeddingInput, EmbeddingRequest, ReasoningEffort};
pub use self::stream::ChatStream;
pub use self::tools::{
    FunctionTool, JsonSchemaFormat, NamedTool, ResponseFormat, Tool, ToolChoice, ToolName,
};
pub(crate) use self::turns::to_native;
pub use self::turns::{IntoMessages, Message};
use crate::client::{self, Call, Client, Deadline, Service};
use crate::error::Error;
use crate::in_band;

/// How long a call may take: the Python SDK's limit for calls that generate.
const TIMEOUT: Duration = Duration::from_secs(180);

/// Chat, embeddings and the list of models: what `sdk.chat` is in Python.
///
/// Models take their options one by one; [`send`](Self::send), [`stream`](Self::stream) and [`embed`](Self::embed) take
/// a whole request, and send it exactly as it is.
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
///     "top_k": 3, // which no option is for
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

    /// A model that answers: `yandexgpt`, `yandexgpt/rc`, or a whole URI.
    pub fn completions(&self, model: impl Into<String>) -> ChatCompletions {
        ChatCompletions::new(self.clone(), model.into())
    }

    /// A model that turns texts into vectors: `text-search-doc` (or `doc`), `text-search-query` (or `query`), or a
    /// whole URI.
    pub fn text_embeddings(&self, model: impl Into<String>) -> ChatEmbeddings {
        ChatEmbeddings::new(self.clone(), model.into())
    }

    /// The models that the folder may use, of all kinds.
    ///
    /// # Errors
    /// As the call goes.
    pub async fn models(&self) -> Result<ModelList, Error> {
        let deadline = self.client.deadline(client::TIMEOUT);
        in_band::ask(&self.client, Call::get(Service::OpenAi, "/models"), deadline).await
    }

    /// The models that answer.
    ///
    /// # Errors
    /// As [`models`](Self::models).
    pub async fn completions_models(&self) -> Result<Vec<ModelInfo>, Error> {
        self.models_of("gpt").await
    }

    /// The models that turn texts into vectors.
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

    /// Sends exactly this request, and waits for all of the answer.
    ///
    /// # Errors
    /// As the call goes.
    pub async fn send(&self, request: &ChatRequest) -> Result<ChatAnswer, Error> {
        self.send_within(request, self.client.deadline(TIMEOUT)).await
    }

    /// Sends exactly this request, and waits for the beginning of the answer. The request has to ask for a stream.
    ///
    /// # Errors
    /// As the call goes, until the answer begins; from there the stream tells.
    pub async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, Error> {
        self.stream_within(request, self.client.deadline(TIMEOUT)).await
    }

    /// Sends exactly this request for vectors.
    ///
    /// # Errors
    /// As the call goes.
    pub async fn embed(&self, request: &EmbeddingRequest) -> Result<EmbeddingAnswer, Error> {
        self.embed_within(request, self.client.deadline(TIMEOUT), |_| Ok(())).await
    }

    async fn send_within(&self, request: &ChatRequest, deadline: Deadline) -> Result<ChatAnswer, Error> {
        let call = Call::post(Service::OpenAi, "/chat/completions", request)?;
        in_band::ask(&self.client, call, deadline).await
    }

    async fn stream_within(&self, request: &ChatRequest, deadline: Deadline) -> Result<ChatStream, Error> {
        let call = Call::post(Service::OpenAi, "/chat/completions", request)?;
        Ok(ChatStream::new(self.client.stream(call, deadline).await?))
    }

    async fn embed_within(
        &self,
        request: &EmbeddingRequest,
        deadline: Deadline,
        check: impl FnOnce(&EmbeddingAnswer) -> Result<(), Error>,
    ) -> Result<EmbeddingAnswer, Error> {
        let call = Call::post(Service::OpenAi, "/embeddings", request)?;
        in_band::ask_checked(&self.client, call, deadline, check).await
    }
}
