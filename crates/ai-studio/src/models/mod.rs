//! Native models.

use crate::client::Client;

/// The native models.
#[derive(Clone, Debug)]
pub struct Models {
    #[allow(dead_code, reason = "the calls follow")]
    client: Client,
}

impl Models {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }
}
