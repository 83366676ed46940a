//! Finds the call of the SDK for a recorded request, and sends it.

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use yandex_ai_studio_sdk::AiStudio;
use yandex_cloud_replay::{Interaction, Request};

use super::means::{self, same, string};
use super::told::Told;

/// A call of the SDK.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Chat,
    ChatEmbedding,
    ChatModels,
    Completion,
    CompletionDeferred,
    TokenizeCompletion,
    Tokenize,
    TextEmbedding,
    OperationGet(String),
    OperationCancel(String),
}

impl Call {
    /// The call with this method and path.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let operation = || request.target.strip_prefix("/operations/").map(str::to_owned);
        match (&request.method, request.target.as_str()) {
            (&Method::POST, "/v1/chat/completions") => Some(Self::Chat),
            (&Method::POST, "/v1/embeddings") => Some(Self::ChatEmbedding),
            (&Method::GET, "/v1/models") => Some(Self::ChatModels),
            (&Method::POST, "/foundationModels/v1/completion") => Some(Self::Completion),
            (&Method::POST, "/foundationModels/v1/completionAsync") => Some(Self::CompletionDeferred),
            (&Method::POST, "/foundationModels/v1/tokenizeCompletion") => Some(Self::TokenizeCompletion),
            (&Method::POST, "/foundationModels/v1/tokenize") => Some(Self::Tokenize),
            (&Method::POST, "/foundationModels/v1/textEmbedding") => Some(Self::TextEmbedding),
            (&Method::GET, _) => operation().map(|id| match id.strip_suffix(":cancel") {
                Some(id) => Self::OperationCancel(id.to_owned()),
                None => Self::OperationGet(id),
            }),
            _ => None,
        }
    }

    /// Whether the address of the call comes from discovery.
    pub(crate) fn is_discovered(&self) -> bool {
        !matches!(self, Self::Chat | Self::ChatEmbedding | Self::ChatModels)
    }
}

/// Sends a recorded call, and compares the read response with the recorded one.
pub(crate) async fn perform(sdk: &AiStudio, call: &Call, recorded: &Interaction) -> Result<(), String> {
    let body = || recorded.request.json().unwrap_or_default();
    let asks_for_stream = |pointer: &str| body().pointer(pointer) == Some(&Value::Bool(true));
    let told = Told::of(recorded);
    let (chat, models) = (sdk.chat(), sdk.models());
    match call {
        Call::Chat if asks_for_stream("/stream") => {
            let stream = chat.stream(&request(recorded)?).await;
            let Some(mut stream) = told.begun(stream)? else { return Ok(()) };
            let mut place = 0;
            while let Some(chunk) = stream.next().await {
                told.part(place, chunk, means::chunk)?;
                place += 1;
            }
            told.ended(place)?;
            means::assembled(stream.response(), &told.messages)
        }
        Call::Chat => told.whole(chat.send(&request(recorded)?).await, means::answer),
        Call::ChatEmbedding => told.whole(chat.embed(&request(recorded)?).await, means::embedding),
        Call::ChatModels => told.whole(chat.models().await, means::models),
        // A call without a stream has one message, also over gRPC.
        Call::Completion if asks_for_stream("/completionOptions/stream") || told.messages.len() > 1 => {
            let stream = models.completion_stream(&request(recorded)?).await;
            let Some(mut stream) = told.begun(stream)? else { return Ok(()) };
            let mut place = 0;
            while let Some(answer) = stream.next().await {
                told.part(place, answer, means::completion)?;
                place += 1;
            }
            told.ended(place)
        }
        Call::Completion => told.whole(models.completion(&request(recorded)?).await, means::completion),
        Call::CompletionDeferred => {
            let operation = models.completion_deferred(&request(recorded)?).await;
            let Some(operation) = told.begun(operation)? else { return Ok(()) };
            same("id", operation.id(), &string(told.first()?, "/id"))
        }
        Call::TokenizeCompletion => told.whole(models.tokenize(&request(recorded)?).await, means::tokens),
        Call::Tokenize => told.whole(models.tokenize_text(&request(recorded)?).await, means::tokens),
        Call::TextEmbedding => told.whole(models.embed(&request(recorded)?).await, means::vector),
        Call::OperationGet(id) => told.whole(models.operation(id).status().await, means::operation),
        Call::OperationCancel(id) => told.whole(models.operation(id).cancel().await, means::operation),
    }
}

/// The recorded body as a request of the SDK.
fn request<T: DeserializeOwned>(recorded: &Interaction) -> Result<T, String> {
    serde_json::from_slice(&recorded.request.body)
        .map_err(|error| format!("the request cannot be read: {error}"))
}
