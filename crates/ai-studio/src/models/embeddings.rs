//! A native embedding model.

use std::time::Duration;

use yandex_cloud_auth::sdk_internals::Timer;

use crate::client::TIMEOUT;
use crate::error::{Error, ErrorKind};
use crate::model_uri::embedding_model;
use crate::models::Models;
use crate::types::native::{TextEmbeddingRequest, TextEmbeddingResponse};
use crate::wire::Int64;

/// A native embedding model with its options: `sdk.models.text_embeddings(…)` of the Python SDK.
///
/// ```no_run
/// # use yandex_ai_studio_sdk::{AiStudio, Error};
/// # async fn example(sdk: AiStudio) -> Result<(), Error> {
/// let response = sdk.models().text_embeddings("doc").run("hello").await?;
/// println!("{:?}", response.embedding);
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
        Self { models, model, dimensions: None, timeout: TIMEOUT }
    }

    /// Sets the number of dimensions of the vector, for models that support several.
    pub fn dimensions(mut self, dimensions: u64) -> Self {
        self.dimensions = Some(Int64(dimensions.try_into().unwrap_or(i64::MAX)));
        self
    }

    /// Sets the deadline of a call; 60 s by default.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// The URI of the model: `emb://<folder>/<name>/<version>`.
    ///
    /// # Errors
    /// As [`Completions::uri`](crate::models::Completions::uri).
    pub async fn uri(&self) -> Result<String, Error> {
        self.uri_within(&mut self.models.client.timer(self.timeout)).await
    }

    async fn uri_within(&self, timer: &mut Timer) -> Result<String, Error> {
        self.models.client.model_uri("emb", embedding_model(&self.model), timer).await
    }

    /// Embeds a text.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`] where the response has no vector; any other kind where the call fails.
    pub async fn run(&self, text: impl Into<String>) -> Result<TextEmbeddingResponse, Error> {
        let text = text.into();
        let mut timer = self.models.client.timer(self.timeout);
        let model_uri = self.uri_within(&mut timer).await?;
        let dim = self.dimensions;
        let request = TextEmbeddingRequest { model_uri, text, dim, ..TextEmbeddingRequest::default() };
        self.models.embed_within(&request, timer, check_vector).await
    }
}

fn check_vector(response: &TextEmbeddingResponse) -> Result<(), Error> {
    if response.embedding.is_empty() {
        return Err(Error::new(ErrorKind::Unreadable, "the response has no vector"));
    }
    Ok(())
}
