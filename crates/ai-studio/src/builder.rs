//! The options of the SDK.

use crate::client::Client;
use crate::error::Error;
use crate::sdk::AiStudio;

/// The options of an [`AiStudio`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct AiStudioBuilder {
    folder_id: Option<String>,
}

impl AiStudioBuilder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The folder.
    pub fn folder_id(mut self, id: impl Into<String>) -> Self {
        self.folder_id = Some(id.into());
        self
    }

    /// The credentials.
    pub fn auth(self, auth: &str) -> Self {
        let _ = auth;
        self
    }

    /// The SDK.
    ///
    /// # Errors
    /// [`ErrorKind::Auth`](crate::ErrorKind::Auth).
    pub fn build(self) -> Result<AiStudio, Error> {
        Ok(AiStudio::new(Client {}))
    }
}
