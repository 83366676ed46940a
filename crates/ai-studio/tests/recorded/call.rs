//! Which call of the SDK a recorded request is, and how it is sent and judged.

use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use yandex_ai_studio_sdk::chat::{ChatAnswer, ChatChunk, EmbeddingAnswer};
use yandex_ai_studio_sdk::models::{CompletionAnswer, OperationState, TextEmbeddingAnswer, TokenizeAnswer};
use yandex_ai_studio_sdk::{AiStudio, Error};
use yandex_cloud_emulator::replay::{Interaction, Request};

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
    /// By method and path alone.
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

    /// Whether the address that it goes to is one that discovery tells.
    pub(crate) fn is_discovered(&self) -> bool {
        !matches!(self, Self::Chat | Self::ChatEmbedding | Self::ChatModels)
    }
}

/// Sends a call as it was recorded, and compares what is read with what was answered.
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
                told.part(place, chunk, chunk_means)?;
                place += 1;
            }
            told.ended(place)?;
            told.text("text", stream.answer().text(), &told.joined("/choices/0/delta/content"))
        }
        Call::Chat => told.whole(chat.send(&request(recorded)?).await, answer_means),
        Call::ChatEmbedding => told.whole(chat.embed(&request(recorded)?).await, embedding_means),
        Call::ChatModels => told.whole(chat.models().await, |list, value| {
            same("models", list.data.len(), length(value, "/data"))
        }),
        // A call that is no stream has one message, over gRPC as well.
        Call::Completion if asks_for_stream("/completionOptions/stream") || told.messages.len() > 1 => {
            let stream = models.completion_stream(&request(recorded)?).await;
            let Some(mut stream) = told.begun(stream)? else { return Ok(()) };
            let mut place = 0;
            while let Some(answer) = stream.next().await {
                told.part(place, answer, completion_means)?;
                place += 1;
            }
            told.ended(place)
        }
        Call::Completion => told.whole(models.completion(&request(recorded)?).await, completion_means),
        Call::CompletionDeferred => {
            let operation = models.completion_deferred(&request(recorded)?).await;
            let Some(operation) = told.begun(operation)? else { return Ok(()) };
            told.text("id", operation.id(), &string(told.first()?, "/id"))
        }
        Call::TokenizeCompletion => told.whole(models.tokenize(&request(recorded)?).await, tokens_mean),
        Call::Tokenize => told.whole(models.tokenize_text(&request(recorded)?).await, tokens_mean),
        Call::TextEmbedding => told.whole(models.embed(&request(recorded)?).await, vector_means),
        Call::OperationGet(id) => told.whole(models.operation(id).status().await, operation_means),
        Call::OperationCancel(id) => told.whole(models.operation(id).cancel().await, operation_means),
    }
}

/// The recorded body as the SDK's own request.
fn request<T: DeserializeOwned>(recorded: &Interaction) -> Result<T, String> {
    serde_json::from_slice(&recorded.request.body)
        .map_err(|error| format!("the request is not read: {error}"))
}

/// What was answered, message by message.
struct Told {
    messages: Vec<Value>,
    status: u16,
}

impl Told {
    fn of(recorded: &Interaction) -> Self {
        let unwrapped = |value: Value| match value.get("result") {
            Some(result) if result.is_object() => result.clone(),
            _ => value,
        };
        let messages = recorded.answer.messages();
        let status = recorded.answer.status.as_u16();
        // What a whole answer of the native API is wrapped in; a stream's has been taken off.
        let is_completion = recorded.request.target == "/foundationModels/v1/completion";
        let messages = if is_completion { messages.into_iter().map(unwrapped).collect() } else { messages };
        Self { messages, status }
    }

    fn is_error(&self) -> bool {
        !(200..300).contains(&self.status)
    }

    fn first(&self) -> Result<&Value, String> {
        self.messages.first().ok_or_else(|| "the recorded answer is no JSON".to_owned())
    }

    /// Where an error was recorded, there has to be one.
    fn begun<T>(&self, outcome: Result<T, Error>) -> Result<Option<T>, String> {
        match outcome {
            Err(error) if self.is_error() => {
                let status = error.status().map(|status| status.as_u16());
                same("status of the error", status, Some(self.status)).map(|()| None)
            }
            Err(error) => Err(error.to_string()),
            Ok(_) if self.is_error() => Err(format!("no error was read where {} was answered", self.status)),
            Ok(begun) => Ok(Some(begun)),
        }
    }

    fn whole<T: Serialize>(
        &self,
        outcome: Result<T, Error>,
        means: impl Fn(&T, &Value) -> Result<(), String>,
    ) -> Result<(), String> {
        if !self.is_error() && is_told_error(self.first()?) {
            return self.part(0, outcome, means);
        }
        let Some(answer) = self.begun(outcome)? else { return Ok(()) };
        self.part(0, Ok(answer), means)
    }

    /// One message: written again it is what was recorded, and it means that too.
    fn part<T: Serialize>(
        &self,
        place: usize,
        outcome: Result<T, Error>,
        means: impl Fn(&T, &Value) -> Result<(), String>,
    ) -> Result<(), String> {
        let recorded = self.messages.get(place).ok_or_else(|| match &outcome {
            Ok(_) => format!("there is a message {place}, which was not recorded"),
            Err(error) => error.to_string(),
        })?;
        let value = match outcome {
            Err(_) if is_told_error(recorded) => return Ok(()),
            Err(error) => return Err(format!("message {place}: {error}")),
            Ok(value) => value,
        };
        let written = serde_json::to_value(&value).map_err(|error| error.to_string())?;
        if written != *recorded {
            return Err(format!("message {place} was {recorded} and is written as {written}"));
        }
        means(&value, recorded).map_err(|wrong| format!("message {place}: {wrong}"))
    }

    fn ended(&self, place: usize) -> Result<(), String> {
        same("number of messages", place, self.messages.len())
    }

    fn text(&self, what: &str, read: &str, recorded: &str) -> Result<(), String> {
        same(what, read, recorded)
    }

    /// The texts at a place of all messages, put together.
    fn joined(&self, pointer: &str) -> String {
        self.messages.iter().map(|message| string(message, pointer)).collect()
    }
}

/// An error that is told inside of an answer with 200.
fn is_told_error(value: &Value) -> bool {
    // An operation's own error is an answer.
    value.get("error").is_some_and(|error| !error.is_null()) && value.get("id").is_none()
}

fn answer_means(answer: &ChatAnswer, value: &Value) -> Result<(), String> {
    if value.pointer("/choices/0/message/content").is_none_or(|content| !content.is_array()) {
        same("text", answer.text(), &string(value, "/choices/0/message/content"))?;
    }
    same("calls", answer.tool_calls().len(), length(value, "/choices/0/message/tool_calls"))?;
    let arguments =
        |at: usize| string(value, &format!("/choices/0/message/tool_calls/{at}/function/arguments"));
    for (at, call) in answer.tool_calls().iter().enumerate() {
        same("arguments", call.function.arguments.as_deref().unwrap_or_default(), &arguments(at))?;
    }
    let total = answer.usage.as_ref().and_then(|usage| usage.total_tokens);
    same("tokens", total, value.pointer("/usage/total_tokens").and_then(Value::as_u64))
}

fn chunk_means(chunk: &ChatChunk, value: &Value) -> Result<(), String> {
    same("text", chunk.text(), &string(value, "/choices/0/delta/content"))?;
    let calls = chunk.choices.first().map_or(0, |choice| choice.delta.tool_calls.len());
    same("calls", calls, length(value, "/choices/0/delta/tool_calls"))
}

fn embedding_means(answer: &EmbeddingAnswer, value: &Value) -> Result<(), String> {
    numbers(answer.vector(), value, "/data/0/embedding")
}

fn completion_means(answer: &CompletionAnswer, value: &Value) -> Result<(), String> {
    same("text", answer.text(), &string(value, "/alternatives/0/message/text"))?;
    same(
        "calls",
        answer.tool_calls().len(),
        length(value, "/alternatives/0/message/toolCallList/toolCalls"),
    )?;
    let total =
        answer.usage.as_ref().and_then(|usage| usage.total_tokens).map(|tokens| tokens.get().to_string());
    same("tokens", total.unwrap_or_default(), string(value, "/usage/totalTokens"))
}

fn tokens_mean(answer: &TokenizeAnswer, value: &Value) -> Result<(), String> {
    same("tokens", answer.tokens.len(), length(value, "/tokens"))
}

fn vector_means(answer: &TextEmbeddingAnswer, value: &Value) -> Result<(), String> {
    numbers(&answer.embedding, value, "/embedding")
}

fn operation_means(state: &OperationState, value: &Value) -> Result<(), String> {
    same("id", state.id.as_str(), &string(value, "/id"))?;
    let done = value.get("done").and_then(Value::as_bool).unwrap_or(false);
    same("running", state.is_running(), !done)
}

fn numbers(read: &[f64], value: &Value, pointer: &str) -> Result<(), String> {
    let recorded = value.pointer(pointer).and_then(Value::as_array);
    let recorded: Vec<f64> = recorded.into_iter().flatten().filter_map(Value::as_f64).collect();
    same("vector", read, &recorded)
}

fn string(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn length(value: &Value, pointer: &str) -> usize {
    value.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len)
}

fn same<T: PartialEq<U> + std::fmt::Debug, U: std::fmt::Debug>(
    what: &str,
    read: T,
    recorded: U,
) -> Result<(), String> {
    if read == recorded { Ok(()) } else { Err(format!("{what}: recorded {recorded:?}, read {read:?}")) }
}
