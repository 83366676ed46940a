//! The options of the SDK, under the names of the Python SDK.

use std::fmt;
use std::sync::OnceLock;

use yandex_cloud_auth::sdk_internals::PerProcess;
use yandex_cloud_auth::{System, redact};

use crate::auth_option::{Auth, AuthContext, IntoAuth};
use crate::client::{Client, Connections, Inner};
use crate::error::Error;
use crate::folder::Folder;
use crate::retry::RetryPolicy;
use crate::sdk::AiStudio;
use crate::services::{EndpointInput, Services};
use crate::verify::{TrustStore, Verify};

/// The options of an [`AiStudio`]. Every option has a default.
///
/// | option | default |
/// |---|---|
/// | [`folder_id`](Self::folder_id) | `YC_FOLDER_ID`, the metadata service, the yc profile |
/// | [`auth`](Self::auth) | selection in the order of [`Automatic`](crate::auth::Automatic) |
/// | [`endpoint`](Self::endpoint) | `YC_API_ENDPOINT`, else `api.cloud.yandex.net:443` |
/// | [`service_map`](Self::service_map) | endpoint discovery |
/// | [`yc_profile`](Self::yc_profile) | `YC_PROFILE`, else the current profile of yc |
/// | [`retry_policy`](Self::retry_policy) | [`RetryPolicy::new`] |
/// | [`enable_server_data_logging`](Self::enable_server_data_logging) | the default of the server |
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
    endpoint: EndpointInput,
    auth: Auth,
    yc_profile: Option<String>,
    service_map: Vec<(String, String)>,
    retry_policy: RetryPolicy,
    data_logging: Option<bool>,
    verify: Option<Verify>,
    system: Option<System>,
}

impl AiStudio {
    /// Starts with the default options.
    pub fn builder() -> AiStudioBuilder {
        AiStudioBuilder::default()
    }
}

impl AiStudioBuilder {
    /// Sets the folder of the models; calls are billed to its account. An empty id counts as not set.
    pub fn folder_id(mut self, id: impl Into<String>) -> Self {
        self.folder_id = Some(id.into());
        self
    }

    /// Sets the API endpoint, which lists the addresses of the services: `host`, `host:port` or a URL.
    ///
    /// A host outside Yandex Cloud receives the header because code names it here; from `YC_API_ENDPOINT` it would not.
    /// Plain text (`http://`) is allowed only to loopback hosts.
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = EndpointInput::Address(endpoint.into());
        self
    }

    /// Sets that there is no endpoint, not even that of the environment (`endpoint=None` in the Python SDK). Calls
    /// reach only the services of [`service_map`](Self::service_map).
    pub fn without_endpoint(mut self) -> Self {
        self.endpoint = EndpointInput::None;
        self
    }

    /// Sets how to authenticate: a string, a method, or credentials; see [`IntoAuth`]. The first call reads and fetches
    /// what the method needs.
    pub fn auth(mut self, auth: impl IntoAuth) -> Self {
        self.auth = auth.into_auth();
        self
    }

    /// Sets the profile of the yc CLI, for automatic selection and for the folder.
    pub fn yc_profile(mut self, profile: impl Into<String>) -> Self {
        self.yc_profile = Some(profile.into());
        self
    }

    /// Adds addresses of services by their ids: `host`, `host:port` or a URL. They take precedence over discovery.
    /// `http_completions` is the OpenAI-compatible API, `ai-foundation-models` the native models, `operation` the
    /// operations.
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

    /// Sets how often the SDK repeats a failed call; [`RetryPolicy::none`] for never.
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.retry_policy = policy;
        self
    }

    /// Sets whether the server may log the content of calls (`x-data-logging-enabled`).
    pub fn enable_server_data_logging(mut self, enabled: bool) -> Self {
        self.data_logging = Some(enabled);
        self
    }

    /// Sets the trusted certificate authorities: `true`, the path of a PEM file, or [`Verify::pem`].
    pub fn verify(mut self, verify: impl Into<Verify>) -> Self {
        self.verify = Some(verify.into());
        self
    }

    /// Sets the system: environment, clock, files, processes, and the transport of discovery and tokens. A certificate
    /// authority of [`verify`](Self::verify) replaces its transport.
    pub fn system(mut self, system: System) -> Self {
        self.system = Some(system);
        self
    }

    /// Builds the SDK. Does no I/O, starts no task, reads no variable, and needs no runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Auth`](crate::ErrorKind::Auth) where the string of `auth` is not a credential, the credentials
    /// belong to another endpoint, or a host outside this machine has a plain-text address;
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where another option is invalid.
    pub fn build(self) -> Result<AiStudio, Error> {
        let is_customized = self.system.is_some()
            || self.verify.is_some()
            || matches!(self.endpoint, EndpointInput::Address(_));
        let verify = self.verify.unwrap_or_default();
        verify.check()?;
        let trust = TrustStore::new(verify, self.endpoint.apply(self.system.unwrap_or_default())?);
        let system = trust.system();
        let services = Services::new(system.clone(), self.endpoint, self.service_map)?;
        let context = AuthContext { system: &system, is_customized, yc_profile: self.yc_profile.as_deref() };
        let credentials = self.auth.credentials(&context)?;
        services.check_installation_in_code(&credentials)?;
        let folder = Folder::new(self.folder_id, self.yc_profile)?;
        Ok(AiStudio::new(Client::new(Inner {
            system,
            credentials,
            services,
            folder,
            trust,
            retry: self.retry_policy,
            data_logging: self.data_logging,
            connections: Connections::new(),
            blocking: PerProcess::new(OnceLock::new),
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
            .field("verify", self.verify.as_ref().unwrap_or(&Verify::default()))
            .finish_non_exhaustive()
    }
}
