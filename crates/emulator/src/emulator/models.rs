//! The models of the folder: options of the builder.

use super::Builder;

impl Builder {
    /// Adds a text model, such as `my-model/latest`. A name without a version means `latest`. The emulator refuses
    /// requests for unknown models, as the cloud does; `GET /v1/models` lists those that it has.
    ///
    /// ```
    /// let _ = yandex_cloud_emulator::Emulator::builder().text_model("my-model/latest");
    /// ```
    pub fn text_model(mut self, name: impl Into<String>) -> Self {
        self.options.text_models.push(versioned(name.into()));
        self
    }

    /// Adds an embedding model, such as `my-embeddings/latest`. A name without a version means `latest`.
    ///
    /// ```
    /// let _ = yandex_cloud_emulator::Emulator::builder().embedding_model("my-embeddings/latest");
    /// ```
    pub fn embedding_model(mut self, name: impl Into<String>) -> Self {
        self.options.embedding_models.push(versioned(name.into()));
        self
    }
}

fn versioned(name: String) -> String {
    if name.contains('/') { name } else { format!("{name}/latest") }
}
