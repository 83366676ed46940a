//! A library for Azure.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;

use super::{Header, Peer, bearer};

#[derive(Clone)]
pub struct Azure(Arc<azure_identity::ManagedIdentityCredential>);

impl Peer for Azure {
    const NAME: &'static str = "azure_identity";
    // Renewed five minutes before the end.
    const STALE: (u64, Duration) = (200, Duration::ZERO);
    const LIFE_FOR_60_S: u64 = 360;

    fn new(_: &str) -> Self {
        // The address is in a variable of App Service, which `main` sets for this process.
        Self(azure_identity::ManagedIdentityCredential::new(None).unwrap())
    }

    async fn header(&self) -> Header {
        match self.0.get_token(&["https://example.com/.default"], None).await {
            Ok(token) => bearer(token.token.secret()),
            Err(error) => Err(error.to_string()),
        }
    }
}
