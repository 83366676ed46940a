//! A model of the OpenAI-compatible API that turns texts into vectors.

use std::time::Duration;

use serde_json::Value;

use crate::chat::answer::EmbeddingAnswer;
use crate::chat::request::{EmbeddingInput, EmbeddingRequest};
use crate::chat::{Chat, TIMEOUT};
use crate::client::Deadline;
use crate::error::{Error, ErrorKind};
use crate::wire::merged;

/// A model that turns texts into vectors: what `sdk.chat.text_embeddings(…)` is in Python.
///
/// ```no_run
/// # use yandex_ai_studio_sdk::{AiStudio, Error};
/// # async fn example(sdk: AiStudio) -> Result<(), Error> {
/// let answer = sdk.chat().text_embeddings("text-search-doc").dimensions(256).run("hello").await?;
/// assert_eq!(answer.vector().len(), 256);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ChatEmbeddings {
    chat: Chat,
    model: String,
    request: EmbeddingRequest,
    extra_query: Value,
    timeout: Duration,
}

impl ChatEmbeddings {
    pub(crate) fn new(chat: Chat, model: String) -> Self {
        Self { chat, model, request: EmbeddingRequest::default(), extra_query: Value::Null, timeout: TIMEOUT }
    }

    /// How many numbers a vector has, of models that leave the choice.
    pub fn dimensions(mut self, dimensions: u64) -> Self {
        self.request.dimensions = Some(dimensions);
        self
    }

    /// In which form the numbers come: `float` is the one that is read.
    pub fn encoding_format(mut self, format: impl Into<String>) -> Self {
        self.request.encoding_format = Some(format.into());
        self
    }

    /// Parameters beyond these, a JSON object, merged into the request: each wins over an option of the same name.
    pub fn extra_query(mut self, fields: impl Into<Value>) -> Self {
        self.extra_query = fields.into();
        self
    }

    /// How long a call may take; 180 s unless it is said.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// The whole URI of the model: `emb://<folder>/<name>/<version>`.
    ///
    /// # Errors
    /// Where the name is none, or there is no folder.
    pub async fn uri(&self) -> Result<String, Error> {
        self.uri_within(&mut self.chat.client.deadline(self.timeout)).await
    }

    async fn uri_within(&self, deadline: &mut Deadline) -> Result<String, Error> {
        self.chat.client.model_uri("emb", crate::models::well_known(&self.model), deadline).await
    }

    /// Turns a text into a vector; or a list of texts, where the model takes lists.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`] where there is no vector for a text; any other kind as the call goes.
    pub async fn run(&self, input: impl Into<EmbeddingInput>) -> Result<EmbeddingAnswer, Error> {
        let input = input.into();
        let texts = match &input {
            EmbeddingInput::Text(_) => 1,
            EmbeddingInput::Texts(texts) => texts.len(),
        };
        let mut deadline = self.chat.client.deadline(self.timeout);
        let mut request = self.request.clone();
        request.input = Some(input);
        request.model = self.uri_within(&mut deadline).await?;
        let request = merged(request, &self.extra_query)?;
        self.chat.embed_within(&request, deadline, |answer| one_each(answer, texts)).await
    }
}

/// Vectors that came in another encoding are none.
fn one_each(answer: &EmbeddingAnswer, texts: usize) -> Result<(), Error> {
    let vectors = answer.data.iter().filter(|embedding| !embedding.embedding.is_empty()).count();
    if vectors == texts {
        return Ok(());
    }
    let reason = format!("there are {vectors} vectors of numbers for {texts} texts");
    Err(Error::new(ErrorKind::Unreadable, reason)
        .with_help("embed one text a call, and ask for no other encoding than `float`"))
}
