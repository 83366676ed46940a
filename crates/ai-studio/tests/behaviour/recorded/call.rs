//! Finds the call of the SDK for a recorded request, and sends it.

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use yandex_ai_studio_sdk::AiStudio;
use yandex_cloud_replay::{Interaction, Request};

use super::accessors::{self, same, string};
use super::response::RecordedResponse;

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
    let response = RecordedResponse::of(recorded);
    let (chat, models) = (sdk.chat(), sdk.models());
    match call {
        Call::Chat if asks_for_stream("/stream") => {
            let stream = chat.stream(&request(recorded)?).await;
            let Some(mut stream) = response.check_status(stream)? else { return Ok(()) };
            let mut place = 0;
            while let Some(chunk) = stream.next().await {
                response.check_message(place, chunk, accessors::chunk)?;
                place += 1;
            }
            response.check_count(place)?;
            accessors::assembled(stream.response(), &response.messages)
        }
        Call::Chat => response.check_single(chat.send(&request(recorded)?).await, accessors::chat),
        Call::ChatEmbedding => {
            response.check_single(chat.embed(&request(recorded)?).await, accessors::embedding)
        }
        Call::ChatModels => response.check_single(chat.models().await, accessors::models),
        // A call without a stream has one message, also over gRPC.
        Call::Completion if asks_for_stream("/completionOptions/stream") || response.messages.len() > 1 => {
            let stream = models.completion_stream(&request(recorded)?).await;
            let Some(mut stream) = response.check_status(stream)? else { return Ok(()) };
            let mut place = 0;
            while let Some(response_part) = stream.next().await {
                response.check_message(place, response_part, accessors::completion)?;
                place += 1;
            }
            response.check_count(place)
        }
        Call::Completion => {
            response.check_single(models.completion(&request(recorded)?).await, accessors::completion)
        }
        Call::CompletionDeferred => {
            let operation = models.completion_deferred(&request(recorded)?).await;
            let Some(operation) = response.check_status(operation)? else { return Ok(()) };
            same("id", operation.id(), &string(response.first()?, "/id"))
        }
        Call::TokenizeCompletion => {
            response.check_single(models.tokenize(&request(recorded)?).await, accessors::tokens)
        }
        Call::Tokenize => {
            response.check_single(models.tokenize_text(&request(recorded)?).await, accessors::tokens)
        }
        Call::TextEmbedding => {
            response.check_single(models.embed(&request(recorded)?).await, accessors::vector)
        }
        Call::OperationGet(id) => {
            response.check_single(models.operation(id).status().await, accessors::operation)
        }
        Call::OperationCancel(id) => {
            response.check_single(models.operation(id).cancel().await, accessors::operation)
        }
    }
}

/// The recorded body as a request of the SDK.
fn request<T: DeserializeOwned>(recorded: &Interaction) -> Result<T, String> {
    serde_json::from_slice(&recorded.request.body)
        .map_err(|error| format!("the request cannot be read: {error}"))
}
