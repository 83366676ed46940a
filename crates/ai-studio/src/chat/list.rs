//! The models that there are.

use crate::wire::message;

message! {
    /// The models that the folder may use: an answer to `GET /models`.
    pub struct ModelList {
        /// `list`.
        pub object: String = "object",
        /// The models.
        pub data: Vec<ModelInfo> = "data",
    }

    /// A model.
    ///
    /// ```
    /// use yandex_ai_studio_sdk::chat::ModelInfo;
    /// let model: ModelInfo = serde_json::from_value(serde_json::json!({
    ///     "id": "gpt://b1g/yandexgpt/latest@tamr1", "owned_by": "somebody",
    /// }))?;
    /// assert_eq!((model.scheme(), model.folder(), model.name()), ("gpt", "b1g", "yandexgpt"));
    /// assert_eq!((model.version(), model.is_fine_tuned()), ("latest", true));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ModelInfo {
        /// Its whole URI: `gpt://<folder>/<name>/<version>`.
        pub id: String = "id",
        /// `model`.
        pub object: String = "object",
        /// When it was made, in seconds since 1970.
        pub created: Option<u64> = "created",
        /// Whose it is.
        pub owned_by: String = "owned_by",
    }
}

impl ModelInfo {
    /// The parts of the URI, and the suffix of a model that was tuned.
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

    /// What it does: `gpt` generates text, `emb` makes vectors.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.parts().0
    }

    /// The folder that it is used in.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.parts().1
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.parts().2
    }

    /// Its version, without the suffix of a tuning.
    #[must_use]
    pub fn version(&self) -> &str {
        self.parts().3
    }

    /// Whether it was tuned.
    #[must_use]
    pub fn is_fine_tuned(&self) -> bool {
        self.parts().4.is_some()
    }
}
