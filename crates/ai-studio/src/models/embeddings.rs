//! A native model that turns a text into a vector.

use std::time::Duration;

use crate::client::Deadline;
use crate::error::{Error, ErrorKind};
use crate::models::answer::TextEmbeddingAnswer;
use crate::models::request::TextEmbeddingRequest;
use crate::models::{Models, OTHERWISE};
use crate::wire::Int64;

/// A native model that turns a text into a vector: what `sdk.models.text_embeddings(…)` is in Python.
///
/// ```no_run
/// # use yandex_ai_studio_sdk::{AiStudio, Error};
/// # async fn example(sdk: AiStudio) -> Result<(), Error> {
/// let answer = sdk.models().text_embeddings("doc").run("hello").await?;
/// println!("{:?}", answer.embedding);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TextEmbeddings {
    models: Models,
    model: String,
    dimensions: Option<Int64>,
    timeout: Duration,
}

impl TextEmbeddings {
    pub(crate) fn new(models: Models, model: String) -> Self {
        Self { models, model, dimensions: None, timeout: OTHERWISE }
    }

    /// How many numbers the vector has, of models that leave the choice.
    pub fn dimensions(mut self, dimensions: u64) -> Self {
        self.dimensions = Some(Int64(dimensions.try_into().unwrap_or(i64::MAX)));
        self
    }

    /// How long a call may take; 60 s unless it is said.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// The whole URI of the model: `emb://<folder>/<name>/<version>`.
    ///
    /// # Errors
    /// Where the name is none, or there is no folder.
    pub async fn uri(&self) -> Result<String, Error> {
        self.uri_within(&mut self.models.client.deadline(self.timeout)).await
    }

    async fn uri_within(&self, deadline: &mut Deadline) -> Result<String, Error> {
        self.models.client.model_uri("emb", well_known(&self.model), deadline).await
    }

    /// Turns a text into a vector.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`] where there is none in the answer; any other kind as the call goes.
    pub async fn run(&self, text: impl Into<String>) -> Result<TextEmbeddingAnswer, Error> {
        let text = text.into();
        let mut deadline = self.models.client.deadline(self.timeout);
        let model_uri = self.uri_within(&mut deadline).await?;
        let dim = self.dimensions;
        let request = TextEmbeddingRequest { model_uri, text, dim, ..TextEmbeddingRequest::default() };
        self.models.embed_within(&request, deadline, has_vector).await
    }
}

fn has_vector(answer: &TextEmbeddingAnswer) -> Result<(), Error> {
    if answer.embedding.is_empty() {
        return Err(Error::new(ErrorKind::Unreadable, "there is no vector in the answer"));
    }
    Ok(())
}

/// The Python SDK's short names of the two models.
pub(crate) fn well_known(name: &str) -> &str {
    match name {
        "doc" => "text-search-doc",
        "query" => "text-search-query",
        other => other,
    }
}
