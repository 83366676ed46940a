//! The SDK object.

use crate::builder::AiStudioBuilder;
use crate::chat::Chat;
use crate::client::Client;
use crate::models::Models;

/// Yandex AI Studio. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AiStudio {
    client: Client,
}

impl AiStudio {
    /// Begins with the options.
    pub fn builder() -> AiStudioBuilder {
        AiStudioBuilder::new()
    }

    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Chat, embeddings and the list of models.
    #[must_use]
    pub fn chat(&self) -> Chat {
        Chat::new(self.client.clone())
    }

    /// The native models.
    #[must_use]
    pub fn models(&self) -> Models {
        Models::new(self.client.clone())
    }
}
