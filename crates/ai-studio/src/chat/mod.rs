//! Chat.

use crate::client::Client;

/// Chat, embeddings and the list of models, over the OpenAI-compatible API.
#[derive(Clone, Debug)]
pub struct Chat {
    #[allow(dead_code, reason = "the calls follow")]
    client: Client,
}

impl Chat {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }
}
