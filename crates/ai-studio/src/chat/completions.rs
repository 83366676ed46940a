//! A chat model with its options.

use std::time::Duration;

use serde_json::Value;
use yandex_cloud_auth::sdk_internals::Timer;

use crate::chat::Chat;
use crate::chat::options::call_options;
use crate::chat::stream::ChatStream;
use crate::client::GENERATION_TIMEOUT;
use crate::error::{Error, ErrorKind};
use crate::messages::{IntoMessages, Message, to_chat};
use crate::types::chat::{ChatRequest, ChatResponse, ReasoningEffort};
use crate::types::tools::{ResponseFormat, Tool, ToolChoice};
use crate::wire::merged;

/// A chat model with its options: `sdk.chat.completions(…)` of the Python SDK. Clones are independent.
///
/// ```no_run
/// use yandex_ai_studio_sdk::{AiStudio, Error, Message, Tool};
///
/// # async fn example(sdk: AiStudio) -> Result<(), Error> {
/// let schema = serde_json::json!({ "type": "object", "properties": { "expression": { "type": "string" } } });
/// let calculator = Tool::function("calculator").description("computes").parameters(schema);
/// let model = sdk.chat().completions("yandexgpt").temperature(0.3).tools([calculator]);
///
/// let response = model.run("how much is 7@8?").await?;
/// let mut conversation = vec![Message::user("how much is 7@8?"), Message::from(&response)];
/// for call in response.tool_calls() {
///     conversation.push(Message::tool_result(&call.id, "-5"));
/// }
/// println!("{}", model.run(conversation).await?.text());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ChatCompletions {
    chat: Chat,
    model: String,
    request: ChatRequest,
    extra_query: Value,
    timeout: Duration,
}

impl ChatCompletions {
    pub(crate) fn new(chat: Chat, model: String) -> Self {
        let (request, extra_query) = (ChatRequest::default(), Value::Null);
        Self { chat, model, request, extra_query, timeout: GENERATION_TIMEOUT }
    }

    fn with(mut self, change: impl FnOnce(&mut ChatRequest)) -> Self {
        change(&mut self.request);
        self
    }

    /// Sets the sampling temperature, from 0 to 1.
    pub fn temperature(self, temperature: f64) -> Self {
        self.with(|request| request.temperature = Some(temperature))
    }

    /// Sets the maximum number of generated tokens.
    pub fn max_tokens(self, tokens: u64) -> Self {
        self.with(|request| request.max_tokens = Some(tokens))
    }

    /// Sets how much the model reasons before it responds; sent as `reasoning_effort`.
    pub fn reasoning_mode(self, mode: impl Into<ReasoningEffort>) -> Self {
        self.with(|request| request.reasoning_effort = Some(mode.into()))
    }

    /// Sets the format of the response: JSON, or JSON that follows a schema.
    pub fn response_format(self, format: ResponseFormat) -> Self {
        self.with(|request| request.response_format = Some(format))
    }

    /// Sets the tools that the model may call.
    pub fn tools(self, tools: impl IntoIterator<Item = Tool>) -> Self {
        self.with(|request| request.tools = tools.into_iter().collect())
    }

    /// Sets whether the model may call several tools at once.
    pub fn parallel_tool_calls(self, parallel: bool) -> Self {
        self.with(|request| request.parallel_tool_calls = Some(parallel))
    }

    /// Sets whether the model calls tools: `"none"`, `"auto"`, `"required"`, or the tool that it must call.
    pub fn tool_choice(self, choice: impl Into<ToolChoice>) -> Self {
        self.with(|request| request.tool_choice = Some(choice.into()))
    }

    call_options! {
        extra_query: "Adds parameters that have no option here: a JSON object, merged into the request. A parameter \
                      wins over an option of the same name.",
        timeout: "Sets the deadline of a call; 180 s by default. It covers everything, from finding the folder to the \
                  end of a stream."
    }

    /// The URI of the model: `gpt://<folder>/<name>/<version>`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the name is malformed, or there is no folder; otherwise as
    /// [`AiStudio::folder_id`](crate::AiStudio::folder_id).
    pub async fn uri(&self) -> Result<String, Error> {
        self.uri_within(&mut self.timer()).await
    }

    async fn uri_within(&self, timer: &mut Timer) -> Result<String, Error> {
        self.chat.client.model_uri("gpt", &self.model, timer).await
    }

    fn timer(&self) -> Timer {
        self.chat.client.timer(self.timeout)
    }

    /// Sends the messages, and waits for the whole response.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the request cannot be built; any other kind where the call fails.
    pub async fn run(&self, messages: impl IntoMessages) -> Result<ChatResponse, Error> {
        let mut timer = self.timer();
        let request = self.request(messages.into_messages(), false, &mut timer).await?;
        self.chat.send_within(&request, timer).await
    }

    /// Sends the messages, and waits for the beginning of a response in chunks.
    ///
    /// # Errors
    /// As [`run`](Self::run), until the response begins; from then on the stream returns the errors.
    pub async fn run_stream(&self, messages: impl IntoMessages) -> Result<ChatStream, Error> {
        let mut timer = self.timer();
        let request = self.request(messages.into_messages(), true, &mut timer).await?;
        self.chat.stream_within(&request, timer).await
    }

    /// The request with these messages and the options.
    async fn request(
        &self,
        messages: Vec<Message>,
        stream: bool,
        timer: &mut Timer,
    ) -> Result<ChatRequest, Error> {
        let mut request = self.request.clone();
        check_schema_name(request.response_format.as_ref())?;
        request.messages = to_chat(messages)?;
        request.stream = Some(stream);
        request.model = self.uri_within(timer).await?;
        merged(request, &self.extra_query)
    }
}

/// The service rejects a schema without a name, with a message that does not say so.
fn check_schema_name(format: Option<&ResponseFormat>) -> Result<(), Error> {
    let schema = format.and_then(|format| format.json_schema.as_ref());
    if schema.is_some_and(|schema| schema.name.as_deref().unwrap_or_default().is_empty()) {
        return Err(Error::new(ErrorKind::Invalid, "the schema of the response format has no name")
            .with_help("the chat requires a name: `ResponseFormat::json_schema(name, schema)`"));
    }
    Ok(())
}
