//! A chat model and the options it is asked with.

use std::time::Duration;

use serde_json::Value;

use crate::chat::answer::ChatAnswer;
use crate::chat::request::{ChatRequest, ReasoningEffort};
use crate::chat::stream::ChatStream;
use crate::chat::tools::{ResponseFormat, Tool, ToolChoice};
use crate::chat::turns::{IntoMessages, Message, to_chat};
use crate::chat::{Chat, TIMEOUT};
use crate::client::Deadline;
use crate::error::{Error, ErrorKind};
use crate::wire::merged;

/// A chat model with its options: what `sdk.chat.completions(…)` is in Python. Clones are independent.
///
/// ```no_run
/// use yandex_ai_studio_sdk::{AiStudio, Error, Message, Tool};
///
/// # async fn example(sdk: AiStudio) -> Result<(), Error> {
/// let schema = serde_json::json!({ "type": "object", "properties": { "expression": { "type": "string" } } });
/// let calculator = Tool::function("calculator").description("computes").parameters(schema);
/// let model = sdk.chat().completions("yandexgpt").temperature(0.3).tools([calculator]);
///
/// let answer = model.run("how much is 7@8?").await?;
/// let mut conversation = vec![Message::user("how much is 7@8?"), Message::from(&answer)];
/// for call in answer.tool_calls() {
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
        Self { chat, model, request: ChatRequest::default(), extra_query: Value::Null, timeout: TIMEOUT }
    }

    fn with(mut self, change: impl FnOnce(&mut ChatRequest)) -> Self {
        change(&mut self.request);
        self
    }

    /// From 0 to 1: the higher, the more the answers vary.
    pub fn temperature(self, temperature: f64) -> Self {
        self.with(|request| request.temperature = Some(temperature))
    }

    /// How many tokens an answer may have.
    pub fn max_tokens(self, tokens: u64) -> Self {
        self.with(|request| request.max_tokens = Some(tokens))
    }

    /// How much the model thinks before it answers; sent as `reasoning_effort`.
    pub fn reasoning_mode(self, mode: impl Into<ReasoningEffort>) -> Self {
        self.with(|request| request.reasoning_effort = Some(mode.into()))
    }

    /// The form of the answer: JSON, or JSON by a schema.
    pub fn response_format(self, format: ResponseFormat) -> Self {
        self.with(|request| request.response_format = Some(format))
    }

    /// What the model may call.
    pub fn tools(self, tools: impl IntoIterator<Item = Tool>) -> Self {
        self.with(|request| request.tools = tools.into_iter().collect())
    }

    /// Whether it may call several tools at once.
    pub fn parallel_tool_calls(self, parallel: bool) -> Self {
        self.with(|request| request.parallel_tool_calls = Some(parallel))
    }

    /// Whether it calls tools: `"none"`, `"auto"`, `"required"`, or the one that it has to call.
    pub fn tool_choice(self, choice: impl Into<ToolChoice>) -> Self {
        self.with(|request| request.tool_choice = Some(choice.into()))
    }

    /// Parameters beyond these, a JSON object, merged into the request: each wins over an option of the same name.
    pub fn extra_query(mut self, fields: impl Into<Value>) -> Self {
        self.extra_query = fields.into();
        self
    }

    /// How long a call may take, a stream to its end, and finding the folder included; 180 s unless it is said.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// The whole URI of the model: `gpt://<folder>/<name>/<version>`.
    ///
    /// # Errors
    /// Where the name is none, or there is no folder.
    pub async fn uri(&self) -> Result<String, Error> {
        self.uri_within(&mut self.deadline()).await
    }

    async fn uri_within(&self, deadline: &mut Deadline) -> Result<String, Error> {
        self.chat.client.model_uri("gpt", &self.model, deadline).await
    }

    /// A deadline that begins now.
    fn deadline(&self) -> Deadline {
        self.chat.client.deadline(self.timeout)
    }

    /// Asks for an answer, and waits for all of it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for what cannot be sent; any other kind as the call goes.
    pub async fn run(&self, messages: impl IntoMessages) -> Result<ChatAnswer, Error> {
        let mut deadline = self.deadline();
        let request = self.request(messages.into_messages(), false, &mut deadline).await?;
        self.chat.send_within(&request, deadline).await
    }

    /// Asks for an answer in chunks, and waits for its beginning.
    ///
    /// # Errors
    /// As [`run`](Self::run), until the answer begins; from there the stream tells.
    pub async fn run_stream(&self, messages: impl IntoMessages) -> Result<ChatStream, Error> {
        let mut deadline = self.deadline();
        let request = self.request(messages.into_messages(), true, &mut deadline).await?;
        self.chat.stream_within(&request, deadline).await
    }

    /// The request of these messages and options.
    async fn request(
        &self,
        messages: Vec<Message>,
        stream: bool,
        deadline: &mut Deadline,
    ) -> Result<ChatRequest, Error> {
        let mut request = self.request.clone();
        check(request.response_format.as_ref())?;
        request.messages = to_chat(messages)?;
        request.stream = Some(stream);
        request.model = self.uri_within(deadline).await?;
        merged(request, &self.extra_query)
    }
}

/// The chat refuses schemas without a name, in words that do not tell so.
fn check(format: Option<&ResponseFormat>) -> Result<(), Error> {
    let schema = format.and_then(|format| format.json_schema.as_ref());
    if schema.is_some_and(|schema| schema.name.as_deref().unwrap_or_default().is_empty()) {
        return Err(Error::new(ErrorKind::Invalid, "the schema of the response format has no name")
            .with_help("the chat requires one: `ResponseFormat::json_schema(name, schema)`"));
    }
    Ok(())
}
