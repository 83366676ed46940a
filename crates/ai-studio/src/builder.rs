//! The options of the SDK: the Python SDK's, under the same names.

use std::fmt;
use std::sync::OnceLock;

use yandex_cloud_auth::{System, redact};

use crate::auth_option::{Around, Auth, IntoAuth};
use crate::client::{Client, Connections, Inner};
use crate::error::Error;
use crate::folder::Folder;
use crate::retry::RetryPolicy;
use crate::sdk::AiStudio;
use crate::services::{Given, Services};
use crate::verify::{TrustStore, Verify};

/// The options of an [`AiStudio`]. All may be left out.
///
/// | option | without it |
/// |---|---|
/// | [`folder_id`](Self::folder_id) | `YC_FOLDER_ID`, the metadata service, the yc profile |
/// | [`auth`](Self::auth) | what the machine offers, in the order of [`Automatic`](crate::auth::Automatic) |
/// | [`endpoint`](Self::endpoint) | `YC_API_ENDPOINT`, else `api.cloud.yandex.net:443` |
/// | [`service_map`](Self::service_map) | endpoint discovery |
/// | [`yc_profile`](Self::yc_profile) | `YC_PROFILE`, else yc's active one |
/// | [`retry_policy`](Self::retry_policy) | [`RetryPolicy::new`] |
/// | [`enable_server_data_logging`](Self::enable_server_data_logging) | as the server does by default |
/// | [`verify`](Self::verify) | the certificate authorities of the system |
///
/// ```
/// use std::time::Duration;
/// use yandex_ai_studio_sdk::{AiStudio, RetryPolicy};
///
/// let sdk = AiStudio::builder()
///     .folder_id("b1gexample")
///     .auth("AQVN-fake-key")
///     .retry_policy(RetryPolicy::new().max_attempts(3))
///     .enable_server_data_logging(false)
///     .build()?;
/// # let _ = sdk;
/// # Ok::<(), yandex_ai_studio_sdk::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct AiStudioBuilder {
    folder_id: Option<String>,
    endpoint: Given,
    auth: Auth,
    yc_profile: Option<String>,
    service_map: Vec<(String, String)>,
    retry_policy: RetryPolicy,
    data_logging: Option<bool>,
    verify: Verify,
    system: Option<System>,
}

impl AiStudioBuilder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The folder that models are in and calls are paid by. An empty one is as good as none.
    pub fn folder_id(mut self, id: impl Into<String>) -> Self {
        self.folder_id = Some(id.into());
        self
    }

    /// The endpoint that knows where the services are: `host`, `host:port` or a URL.
    ///
    /// A host that is not one of Yandex Cloud's has the header because it is named here; the same host in
    /// `YC_API_ENDPOINT` would not. Plain text, by `http://`, is spoken to this machine alone.
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Given::This(endpoint.into());
        self
    }

    /// No endpoint at all, not the environment's either (`endpoint=None` in the Python SDK): only what
    /// [`service_map`](Self::service_map) names can be called.
    pub fn without_endpoint(mut self) -> Self {
        self.endpoint = Given::None;
        self
    }

    /// How to authenticate: a string, a method, or credentials; see [`IntoAuth`]. Nothing is looked at or fetched before
    /// the first call.
    pub fn auth(mut self, auth: impl IntoAuth) -> Self {
        self.auth = auth.into_auth();
        self
    }

    /// The profile of the yc CLI, for automatic selection and for the folder.
    pub fn yc_profile(mut self, profile: impl Into<String>) -> Self {
        self.yc_profile = Some(profile.into());
        self
    }

    /// Where services are, by their ids, before all discovery: `host`, `host:port` or a URL. `http_completions` is the
    /// OpenAI-compatible API, `ai-foundation-models` the native models, `operation` the operations. Adds to what was
    /// given before.
    ///
    /// ```
    /// use yandex_ai_studio_sdk::AiStudio;
    ///
    /// let sdk = AiStudio::builder()
    ///     .auth("AQVN-fake-key")
    ///     .service_map([("http_completions", "https://gateway.corp.example/v1")])
    ///     .build()?;
    /// # let _ = sdk;
    /// # Ok::<(), yandex_ai_studio_sdk::Error>(())
    /// ```
    pub fn service_map<I, A>(mut self, map: impl IntoIterator<Item = (I, A)>) -> Self
    where
        I: Into<String>,
        A: Into<String>,
    {
        self.service_map.extend(map.into_iter().map(|(id, address)| (id.into(), address.into())));
        self
    }

    /// How often calls are made again. [`RetryPolicy::none`] for never.
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.retry_policy = policy;
        self
    }

    /// Whether the server may keep what is said, on every call (`x-data-logging-enabled`).
    pub fn enable_server_data_logging(mut self, enabled: bool) -> Self {
        self.data_logging = Some(enabled);
        self
    }

    /// Which certificate authorities are trusted: `true`, the path of a PEM file, or [`Verify::pem`].
    pub fn verify(mut self, verify: impl Into<Verify>) -> Self {
        self.verify = verify.into();
        self
    }

    /// Another machine than the real one: environment, clock, files, programs, and the transport of discovery and
    /// tokens. An authority in [`verify`](Self::verify) takes the place of its transport.
    pub fn system(mut self, system: System) -> Self {
        self.system = Some(system);
        self
    }

    /// The SDK. Does no I/O, starts nothing, looks at no variable, and needs no runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Auth`](crate::ErrorKind::Auth) where the string in `auth` is no credential, or an address would be
    /// spoken to in plain text; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where another option is refused.
    pub fn build(self) -> Result<AiStudio, Error> {
        self.verify.check()?;
        let trust = TrustStore::new(self.verify, self.endpoint.put_on(self.system.unwrap_or_default()));
        let system = trust.system();
        let services = Services::new(system.clone(), self.endpoint, self.service_map)?;
        let around = Around { system: system.clone(), yc_profile: self.yc_profile.as_deref() };
        let credentials = self.auth.credentials(around)?;
        let folder = Folder::new(self.folder_id, self.yc_profile)?;
        Ok(AiStudio::new(Client::new(Inner {
            system,
            credentials,
            services,
            folder,
            trust,
            retry: self.retry_policy,
            data_logging: self.data_logging,
            connections: Connections::default(),
            blocking: OnceLock::new(),
        })))
    }
}

impl fmt::Debug for AiStudioBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let map: Vec<_> = self.service_map.iter().map(|(id, address)| (id, redact(address, &[]))).collect();
        formatter
            .debug_struct("AiStudioBuilder")
            .field("folder_id", &self.folder_id)
            .field("endpoint", &self.endpoint)
            .field("auth", &self.auth)
            .field("yc_profile", &self.yc_profile)
            .field("service_map", &map)
            .field("retry_policy", &self.retry_policy)
            .field("enable_server_data_logging", &self.data_logging)
            .field("verify", &self.verify)
            .finish_non_exhaustive()
    }
}
