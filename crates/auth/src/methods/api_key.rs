//! `api-key`: an API key of a service account.
//!
//! For AI Studio, SpeechKit, Search API and other services that accept API keys; IAM, Resource Manager and the MCP Hub
//! do not. A key expires only if it was created with an expiry. It is sent unchanged: `Authorization: Api-Key …`.
//!
//! Variable: `YC_API_KEY`. Errors: `Invalid` if the value is something else (a token, a service account key, a path, a
//! placeholder), `NotConfigured` if the variable is not set.

use super::sealed::Sealed;
use super::{Method, Provider, Value};
use crate::Error;
use crate::recognize;
use crate::system::System;

/// An API key of a service account.
///
/// ```
/// use yandex_cloud_auth::{ApiKeyAuth, Credentials};
/// let credentials = Credentials::from(ApiKeyAuth::new("AQVN-fake-key")?);
/// assert_eq!(credentials.blocking().header()?.unwrap(), "Api-Key AQVN-fake-key");
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "APIKeyAuth")]
pub struct ApiKeyAuth {
    value: Value,
}

impl ApiKeyAuth {
    /// The variable that automatic selection reads.
    pub const VARIABLE: &'static str = "YC_API_KEY";

    /// A given key, without white space and quotes around it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the value is something else, such as an IAM token or a path.
    /// The error does not show the value.
    pub fn new(key: impl AsRef<str>) -> Result<Self, Error> {
        Ok(Self { value: Value::given(key.as_ref(), recognize::api_key, Method::ApiKey)? })
    }

    /// The key in `YC_API_KEY`, read at first use.
    #[must_use]
    pub fn from_env() -> Self {
        Self { value: Value::Variable(Self::VARIABLE.to_owned()) }
    }
}

impl Sealed for ApiKeyAuth {
    fn method(&self) -> Method {
        Method::ApiKey
    }

    fn location(&self, _system: &System) -> String {
        self.value.location()
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        self.value.read(system, recognize::api_key).map(Provider::ApiKey)
    }

    fn provider_without_io(&self, _system: &System) -> Option<Provider> {
        match &self.value {
            Value::Given(secret) => Some(Provider::ApiKey(secret.clone())),
            Value::Variable(_) => None,
        }
    }
}
