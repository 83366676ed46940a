//! A native model with its options.

use std::time::Duration;

use yandex_cloud_auth::sdk_internals::Timer;

use crate::client::{GENERATION_TIMEOUT, TIMEOUT};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::messages::{IntoMessages, Message, to_native};
use crate::models::Models;
use crate::models::operation::Operation;
use crate::models::stream::CompletionStream;
use crate::types::native::{
    CompletionRequest, CompletionResponse, NativeTool, ReasoningMode, ReasoningOptions, Token,
};
use crate::types::tools::{ResponseFormat, Tool, ToolChoice};
use crate::wire::Int64;

/// A native model with its options: `sdk.models.completions(…)` of the Python SDK. Clones are independent.
///
/// ```no_run
/// use yandex_ai_studio_sdk::{AiStudio, Error, ResponseFormat};
///
/// #[derive(serde::Deserialize)]
/// struct Numbers { numbers: Vec<i64> }
///
/// # async fn example(sdk: AiStudio) -> Result<(), Error> {
/// let schema = serde_json::json!({
///     "type": "object", "properties": { "numbers": { "type": "array", "items": { "type": "integer" } } },
/// });
/// let model = sdk.models().completions("yandexgpt").response_format(ResponseFormat::json_schema("numbers", schema));
/// let response = model.run("collect all numbers from: 5, 4, a, 1").await?;
/// assert_eq!(response.parse::<Numbers>()?.numbers, [5, 4, 1]);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Completions {
    models: Models,
    model: String,
    request: CompletionRequest,
    /// Unconverted, because converting a tool may fail, and a builder returns no error.
    tools: Vec<Tool>,
    timeout: Option<Duration>,
}

impl Completions {
    pub(crate) fn new(models: Models, model: String) -> Self {
        let request = CompletionRequest::with_empty_options();
        Self { models, model, request, tools: Vec::new(), timeout: None }
    }

    fn with(mut self, change: impl FnOnce(&mut CompletionRequest)) -> Self {
        change(&mut self.request);
        self
    }

    /// Sets the sampling temperature, from 0 to 1.
    pub fn temperature(self, temperature: f64) -> Self {
        self.with(|request| request.completion_options.temperature = Some(temperature))
    }

    /// Sets the maximum number of generated tokens.
    pub fn max_tokens(self, tokens: u64) -> Self {
        let tokens = Int64(tokens.try_into().unwrap_or(i64::MAX));
        self.with(|request| request.completion_options.max_tokens = Some(tokens))
    }

    /// Sets whether the model reasons before it responds.
    pub fn reasoning_mode(self, mode: impl Into<ReasoningMode>) -> Self {
        let options = ReasoningOptions { mode: Some(mode.into()), ..ReasoningOptions::default() };
        self.with(|request| request.completion_options.reasoning_options = Some(options))
    }

    /// Sets the format of the response: JSON, or JSON that follows a schema.
    pub fn response_format(self, format: ResponseFormat) -> Self {
        self.with(|request| request.set_response_format(format))
    }

    /// Sets the tools that the model may call.
    pub fn tools(mut self, tools: impl IntoIterator<Item = Tool>) -> Self {
        self.tools = tools.into_iter().collect();
        self
    }

    /// Sets whether the model may call several tools at once.
    pub fn parallel_tool_calls(self, parallel: bool) -> Self {
        self.with(|request| request.parallel_tool_calls = Some(parallel))
    }

    /// Sets whether the model calls tools: `"none"`, `"auto"`, `"required"`, or the tool that it must call.
    pub fn tool_choice(self, choice: impl Into<ToolChoice>) -> Self {
        self.with(|request| request.tool_choice = Some(choice.into().into()))
    }

    /// Sets the deadline of a call; by default 180 s for a generated response, 60 s otherwise. It covers everything,
    /// from finding the folder to the end of a stream.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// The URI of the model: `gpt://<folder>/<name>/<version>`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the name is malformed, or there is no folder; otherwise as
    /// [`AiStudio::folder_id`](crate::AiStudio::folder_id).
    pub async fn uri(&self) -> Result<String, Error> {
        self.uri_within(&mut self.timer(TIMEOUT)).await
    }

    async fn uri_within(&self, timer: &mut Timer) -> Result<String, Error> {
        self.models.client.model_uri("gpt", &self.model, timer).await
    }

    fn timer(&self, default: Duration) -> Timer {
        self.models.client.timer(self.timeout.unwrap_or(default))
    }

    /// Sends the messages, and waits for the whole response.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the request cannot be built; any other kind where the call fails.
    pub async fn run(&self, messages: impl IntoMessages) -> Result<CompletionResponse, Error> {
        let mut timer = self.timer(GENERATION_TIMEOUT);
        let request = self.request(messages.into_messages(), &mut timer).await?;
        self.models.completion_within(&request, timer).await
    }

    /// Sends the messages, and waits for the beginning of a streamed response.
    ///
    /// # Errors
    /// As [`run`](Self::run), until the response begins; from then on the stream returns the errors.
    pub async fn run_stream(&self, messages: impl IntoMessages) -> Result<CompletionStream, Error> {
        let mut timer = self.timer(GENERATION_TIMEOUT);
        let mut request = self.request(messages.into_messages(), &mut timer).await?;
        request.completion_options.stream = Some(true);
        self.models.completion_stream_within(&request, timer).await
    }

    /// Starts an operation that generates the response on the server, and waits until the server accepts the request.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    /// Dropping the future may leave an operation on the server whose id is lost.
    pub async fn run_deferred(&self, messages: impl IntoMessages) -> Result<Operation, Error> {
        let mut timer = self.timer(TIMEOUT);
        let request = self.request(messages.into_messages(), &mut timer).await?;
        self.models.completion_deferred_within(&request, timer).await
    }

    /// Attaches to a running operation by its id. Sends nothing.
    pub fn attach_deferred(&self, id: impl Into<String>) -> Operation {
        self.models.operation(id)
    }

    /// The tokens of these messages, as the model counts them.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn tokenize(&self, messages: impl IntoMessages) -> Result<Vec<Token>, Error> {
        let mut timer = self.timer(TIMEOUT);
        let request = self.request(messages.into_messages(), &mut timer).await?;
        Ok(self.models.tokenize_within(&request, timer).await?.tokens)
    }

    /// The request with these messages and the options.
    async fn request(&self, messages: Vec<Message>, timer: &mut Timer) -> Result<CompletionRequest, Error> {
        let mut request = self.request.clone();
        request.messages = to_native(messages)?;
        request.tools = self.tools.iter().cloned().map(NativeTool::try_from).collect::<Result<_, _>>()?;
        request.model_uri = self.uri_within(timer).await?;
        Ok(request)
    }
}
