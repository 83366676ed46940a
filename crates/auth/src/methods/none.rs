//! `none`: no credentials, no header.
//!
//! For calls without authentication, and for tests. Automatic selection never selects this method, and no string means
//! it.

use super::sealed::Sealed;
use super::{Method, Provider};
use crate::Error;
use crate::system::System;

/// No credentials: requests go without a header.
///
/// ```
/// use yandex_cloud_auth::{Credentials, NoAuth};
/// assert!(Credentials::from(NoAuth::new()).blocking().header()?.is_none());
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAuth;

impl NoAuth {
    /// No credentials.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Sealed for NoAuth {
    fn method(&self) -> Method {
        Method::None
    }

    fn location(&self, _system: &System) -> String {
        "given".to_owned()
    }

    fn provider(&self, _system: &System) -> Result<Provider, Error> {
        Ok(Provider::Anonymous)
    }

    fn provider_without_io(&self, _system: &System) -> Option<Provider> {
        Some(Provider::Anonymous)
    }
}
