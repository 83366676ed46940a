//! The list of models that a folder can use.

use crate::wire::message;

message! {
    /// The models that the folder can use: the response to `GET /models`.
    pub struct ModelList {
        /// Always `list`.
        pub object: String = "object",
        /// The models.
        pub data: Vec<ModelInfo> = "data",
    }

    /// One model of a [`ModelList`].
    ///
    /// ```
    /// use yandex_ai_studio_sdk::chat::ModelInfo;
    /// let model: ModelInfo = serde_json::from_value(serde_json::json!({
    ///     "id": "gpt://b1g/yandexgpt/latest@tamr1", "owned_by": "example",
    /// }))?;
    /// assert_eq!((model.scheme(), model.folder(), model.name()), ("gpt", "b1g", "yandexgpt"));
    /// assert_eq!((model.version(), model.is_fine_tuned()), ("latest", true));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ModelInfo {
        /// The model URI: `gpt://<folder>/<name>/<version>`.
        pub id: String = "id",
        /// Always `model`.
        pub object: String = "object",
        /// The creation time, in seconds since 1970.
        pub created: Option<u64> = "created",
        /// The owner.
        pub owned_by: String = "owned_by",
    }
}

impl ModelInfo {
    /// The scheme, folder, name and version of the URI, and the suffix of a fine-tuned model.
    fn parts(&self) -> (&str, &str, &str, &str, Option<&str>) {
        let (scheme, rest) = self.id.split_once("://").unwrap_or(("", &self.id));
        let (rest, tuned) = match rest.split_once('@') {
            Some((rest, tuned)) => (rest, Some(tuned)),
            None => (rest, None),
        };
        let mut parts = rest.splitn(3, '/');
        let mut part = || parts.next().unwrap_or_default();
        (scheme, part(), part(), part(), tuned)
    }

    /// The scheme of the URI: `gpt` for models that generate text, `emb` for models that embed text.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.parts().0
    }

    /// The folder in the URI.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.parts().1
    }

    /// The name of the model.
    #[must_use]
    pub fn name(&self) -> &str {
        self.parts().2
    }

    /// The version, without the suffix of a fine-tuned model.
    #[must_use]
    pub fn version(&self) -> &str {
        self.parts().3
    }

    /// Whether the model is fine-tuned.
    #[must_use]
    pub fn is_fine_tuned(&self) -> bool {
        self.parts().4.is_some()
    }
}
