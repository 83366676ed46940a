//! An embedding model of the OpenAI-compatible API.

use std::time::Duration;

use serde_json::Value;
use yandex_cloud_auth::sdk_internals::Timer;

use crate::chat::Chat;
use crate::chat::options::call_options;
use crate::client::GENERATION_TIMEOUT;
use crate::error::{Error, ErrorKind};
use crate::model_uri::embedding_model;
use crate::types::chat::{EmbeddingInput, EmbeddingRequest, EmbeddingResponse};
use crate::wire::merged;

/// An embedding model with its options: `sdk.chat.text_embeddings(…)` of the Python SDK.
///
/// ```no_run
/// # use yandex_ai_studio_sdk::{AiStudio, Error};
/// # async fn example(sdk: AiStudio) -> Result<(), Error> {
/// let response = sdk.chat().text_embeddings("text-search-doc").dimensions(256).run("hello").await?;
/// assert_eq!(response.vector().len(), 256);
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
        let (request, extra_query) = (EmbeddingRequest::default(), Value::Null);
        Self { chat, model, request, extra_query, timeout: GENERATION_TIMEOUT }
    }

    /// Sets the number of dimensions of a vector, for models that support several.
    pub fn dimensions(mut self, dimensions: u64) -> Self {
        self.request.dimensions = Some(dimensions);
        self
    }

    /// Sets the encoding of the vectors. The SDK reads only `float`.
    pub fn encoding_format(mut self, format: impl Into<String>) -> Self {
        self.request.encoding_format = Some(format.into());
        self
    }

    call_options! {
        extra_query: "Adds parameters, as \
                      [`ChatCompletions::extra_query`](crate::chat::ChatCompletions::extra_query) does.",
        timeout: "Sets the deadline of a call; 180 s by default."
    }

    /// The URI of the model: `emb://<folder>/<name>/<version>`.
    ///
    /// # Errors
    /// As [`ChatCompletions::uri`](crate::chat::ChatCompletions::uri).
    pub async fn uri(&self) -> Result<String, Error> {
        self.uri_within(&mut self.chat.client.timer(self.timeout)).await
    }

    async fn uri_within(&self, timer: &mut Timer) -> Result<String, Error> {
        self.chat.client.model_uri("emb", embedding_model(&self.model), timer).await
    }

    /// Embeds a text; or a list of texts, where the model supports lists.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`] where a text has no vector in the response; any other kind where the call fails.
    pub async fn run(&self, input: impl Into<EmbeddingInput>) -> Result<EmbeddingResponse, Error> {
        let input = input.into();
        let texts = match &input {
            EmbeddingInput::Text(_) => 1,
            EmbeddingInput::Texts(texts) => texts.len(),
        };
        let mut timer = self.chat.client.timer(self.timeout);
        let mut request = self.request.clone();
        request.input = Some(input);
        request.model = self.uri_within(&mut timer).await?;
        let request = merged(request, &self.extra_query)?;
        self.chat.embed_within(&request, timer, |response| check_vectors(response, texts)).await
    }
}

/// One vector for each text. A vector in another encoding is read as empty.
fn check_vectors(response: &EmbeddingResponse, texts: usize) -> Result<(), Error> {
    let vectors = response.data.iter().filter(|embedding| !embedding.embedding.is_empty()).count();
    if vectors == texts {
        return Ok(());
    }
    let reason = format!("the response has {vectors} vectors for {texts} texts");
    Err(Error::new(ErrorKind::Unreadable, reason)
        .with_help("embed one text per call, with the encoding `float`"))
}
