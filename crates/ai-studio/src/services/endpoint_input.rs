//! The `endpoint` option of the builder, and the one system that carries it.

use std::fmt;

use yandex_cloud_auth::sdk_internals::Endpoint;
use yandex_cloud_auth::{self as auth, Method, System};

use crate::error::{Error, ErrorKind};

/// The `endpoint` option.
#[derive(Clone, Default)]
pub(crate) enum EndpointInput {
    /// Not set: `YC_API_ENDPOINT`, else the public endpoint.
    #[default]
    Environment,
    /// No endpoint: only the services of the service map are known.
    None,
    Address(String),
}

impl EndpointInput {
    /// The system with this endpoint: discovery and the credentials both read the endpoint there, so that they cannot
    /// disagree.
    pub(crate) fn apply(&self, system: System) -> Result<System, Error> {
        let Self::Address(text) = self else { return Ok(system) };
        let earlier = Endpoint::of_code(&system).map_err(Error::of_option)?;
        let endpoints = system.endpoints().clone().api(text);
        let system = system.with_endpoints(endpoints);
        let endpoint = Endpoint::of_code(&system).map_err(Error::of_option)?;
        if let (Some(earlier), Some(endpoint)) = (earlier, endpoint)
            && earlier.address() != endpoint.address()
        {
            let (new, old) = (endpoint.address(), earlier.address());
            return Err(Error::new(ErrorKind::Invalid, format!("endpoint: {new}, but the system has {old}"))
                .with_help("set the endpoint once: in `endpoint`, or in the endpoints of the system"));
        }
        Ok(system)
    }
}

impl fmt::Debug for EndpointInput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => formatter.write_str("from the environment"),
            Self::None => formatter.write_str("none"),
            Self::Address(text) => formatter.write_str(&auth::redact(text, &[])),
        }
    }
}

/// Whether the tokens of a method come from the endpoint of its system. Before automatic selection (`None`) they may.
pub(super) fn exchanges_tokens(method: Option<Method>) -> bool {
    matches!(
        method,
        None | Some(
            Method::OAuthToken
                | Method::ServiceAccountKey
                | Method::WorkloadIdentity
                | Method::Impersonation
                | Method::Profile
                | Method::YandexCloudCli
        )
    )
}
