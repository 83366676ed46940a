//! A native model and the options it is asked with.

use std::time::Duration;

use serde_json::Value;

use crate::chat::{IntoMessages, Message, ResponseFormat, Tool, ToolChoice, to_native};
use crate::client::Deadline;
use crate::error::Error;
use crate::models::answer::{CompletionAnswer, Token};
use crate::models::operation::Operation;
use crate::models::request::{CompletionRequest, NativeTool, ReasoningMode, ReasoningOptions};
use crate::models::stream::CompletionStream;
use crate::models::{GENERATION, Models, OTHERWISE};
use crate::wire::{Extra, Int64};

/// A native model with its options: what `sdk.models.completions(…)` is in Python. Clones are independent.
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
/// let answer = model.run("collect all numbers from: 5, 4, a, 1").await?;
/// assert_eq!(answer.parse::<Numbers>()?.numbers, [5, 4, 1]);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Completions {
    models: Models,
    model: String,
    request: CompletionRequest,
    /// As they were given: what of them cannot be sent is told when it would be.
    tools: Vec<Tool>,
    timeout: Option<Duration>,
}

impl Completions {
    pub(crate) fn new(models: Models, model: String) -> Self {
        let mut request = CompletionRequest::default();
        // Sent even where nothing is in it, as the Python SDK does.
        request.kept.insert("completionOptions".to_owned(), Value::Object(Extra::new()));
        Self { models, model, request, tools: Vec::new(), timeout: None }
    }

    fn with(mut self, change: impl FnOnce(&mut CompletionRequest)) -> Self {
        change(&mut self.request);
        self
    }

    /// From 0 to 1: the higher, the more the answers vary.
    pub fn temperature(self, temperature: f64) -> Self {
        self.with(|request| request.completion_options.temperature = Some(temperature))
    }

    /// How many tokens an answer may have.
    pub fn max_tokens(self, tokens: u64) -> Self {
        let tokens = Int64(tokens.try_into().unwrap_or(i64::MAX));
        self.with(|request| request.completion_options.max_tokens = Some(tokens))
    }

    /// Whether the model thinks before it answers.
    pub fn reasoning_mode(self, mode: impl Into<ReasoningMode>) -> Self {
        let options = ReasoningOptions { mode: Some(mode.into()), ..ReasoningOptions::default() };
        self.with(|request| request.completion_options.reasoning_options = Some(options))
    }

    /// The form of the answer: JSON, or JSON by a schema.
    pub fn response_format(self, format: ResponseFormat) -> Self {
        self.with(|request| request.set_response_format(format))
    }

    /// What the model may call.
    pub fn tools(mut self, tools: impl IntoIterator<Item = Tool>) -> Self {
        self.tools = tools.into_iter().collect();
        self
    }

    /// Whether it may call several tools at once.
    pub fn parallel_tool_calls(self, parallel: bool) -> Self {
        self.with(|request| request.parallel_tool_calls = Some(parallel))
    }

    /// Whether it calls tools: `"none"`, `"auto"`, `"required"`, or the one that it has to call.
    pub fn tool_choice(self, choice: impl Into<ToolChoice>) -> Self {
        self.with(|request| request.tool_choice = Some(choice.into().into()))
    }

    /// How long a call may take, a stream to its end, and finding the folder included. Unless it is said, 180 s for answers, 60 s for all else.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// The whole URI of the model: `gpt://<folder>/<name>/<version>`.
    ///
    /// # Errors
    /// Where the name is none, or there is no folder.
    pub async fn uri(&self) -> Result<String, Error> {
        self.uri_within(&mut self.deadline(OTHERWISE)).await
    }

    async fn uri_within(&self, deadline: &mut Deadline) -> Result<String, Error> {
        self.models.client.model_uri("gpt", &self.model, deadline).await
    }

    /// A deadline that begins now.
    fn deadline(&self, otherwise: Duration) -> Deadline {
        self.models.client.deadline(self.timeout.unwrap_or(otherwise))
    }

    /// Asks for an answer, and waits for all of it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for what cannot be sent; any other kind as the call goes.
    pub async fn run(&self, messages: impl IntoMessages) -> Result<CompletionAnswer, Error> {
        let mut deadline = self.deadline(GENERATION);
        let request = self.request(messages.into_messages(), &mut deadline).await?;
        self.models.completion_within(&request, deadline).await
    }

    /// Asks for an answer as it grows, and waits for its beginning.
    ///
    /// # Errors
    /// As [`run`](Self::run), until the answer begins; from there the stream tells.
    pub async fn run_stream(&self, messages: impl IntoMessages) -> Result<CompletionStream, Error> {
        let mut deadline = self.deadline(GENERATION);
        let mut request = self.request(messages.into_messages(), &mut deadline).await?;
        request.completion_options.stream = Some(true);
        self.models.completion_stream_within(&request, deadline).await
    }

    /// Asks for an answer to be fetched later, and waits until the server has taken the request.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    /// Dropping the future may leave an operation at the server whose id nobody knows.
    pub async fn run_deferred(&self, messages: impl IntoMessages) -> Result<Operation, Error> {
        let mut deadline = self.deadline(OTHERWISE);
        let request = self.request(messages.into_messages(), &mut deadline).await?;
        self.models.completion_deferred_within(&request, deadline).await
    }

    /// Takes up an operation that was begun before, by its id. Asks nothing.
    pub fn attach_deferred(&self, id: impl Into<String>) -> Operation {
        self.models.operation(id)
    }

    /// The tokens that the model sees these messages as.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn tokenize(&self, messages: impl IntoMessages) -> Result<Vec<Token>, Error> {
        let mut deadline = self.deadline(OTHERWISE);
        let request = self.request(messages.into_messages(), &mut deadline).await?;
        Ok(self.models.tokenize_within(&request, deadline).await?.tokens)
    }

    /// The request of these messages and options.
    async fn request(
        &self,
        messages: Vec<Message>,
        deadline: &mut Deadline,
    ) -> Result<CompletionRequest, Error> {
        let mut request = self.request.clone();
        request.messages = to_native(messages)?;
        request.tools = self.tools.iter().cloned().map(NativeTool::try_from).collect::<Result<_, _>>()?;
        request.model_uri = self.uri_within(deadline).await?;
        Ok(request)
    }
}
