//! The numbers of requests.
//!
//! Each known route has its own counter. All other paths share a counter, so that a client cannot fill the memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use serde::Serialize;

use crate::sync::lock;

/// The services of the emulator, for faults and counters.
///
/// ```
/// use yandex_cloud_emulator::{Fault, Service};
///
/// assert_eq!(Service::Iam.name(), "iam");
/// let _ = Fault::hang().on(Service::Iam);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Service {
    /// IAM over REST and gRPC, and the exchange of OIDC tokens at `/oauth/token`.
    Iam,
    /// The metadata service of a virtual machine, on its own port.
    Metadata,
    /// Endpoint discovery, over REST and gRPC.
    Endpoints,
    /// AI Studio: the OpenAI-compatible API and the native one, over REST and gRPC.
    Ai,
    /// Operations of AI Studio, over REST and gRPC.
    Operation,
    /// The OIDC issuer, which is not part of the cloud: its keys, and the URL from which a GitHub Actions job gets its
    /// token.
    Oidc,
    /// Unknown paths.
    Other,
}

impl Service {
    /// The name in the control API: `iam`, `metadata`, `endpoints`, `ai`, `operation`, `oidc`, `other`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Metadata => "metadata",
            Self::Endpoints => "endpoints",
            Self::Ai => "ai",
            Self::Operation => "operation",
            Self::Oidc => "oidc",
            Self::Other => "other",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Iam, Self::Metadata, Self::Endpoints, Self::Ai, Self::Operation, Self::Oidc, Self::Other]
            .into_iter()
            .find(|service| service.name() == name)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Counters of requests and of issued tokens. Clones are handles to the same counters.
///
/// A request counts if it passes the checks of `Host` and `Origin`, even if a fault prevents its response. Requests to
/// `/_emulator/` do not count, except requests of [`Service::Oidc`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use yandex_cloud_emulator::{Emulator, Service};
///
/// let emulator = Emulator::start().await?;
/// assert_eq!(emulator.counters().requests(Service::Iam), 0);
/// assert_eq!(emulator.counters().route("POST /iam/v1/tokens"), 0);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Counters {
    counts: Arc<Mutex<Counts>>,
}

/// The values of all counters at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Requests by service.
    pub services: BTreeMap<Service, u64>,
    /// Requests by method and route, such as `POST /iam/v1/tokens`,
    /// `POST /yandex.cloud.iam.v1.IamTokenService/Create` (gRPC) or `GET /endpoints/{id}`.
    /// Unknown paths share a counter for each service, such as `unknown of iam`.
    pub routes: BTreeMap<String, u64>,
    /// Issued IAM tokens: from an exchange, the metadata service, the control API or a method of the emulator.
    pub tokens_issued: u64,
    /// Requests that were refused because of their credentials (401, or `UNAUTHENTICATED`).
    pub unauthenticated: u64,
}

impl Counters {
    /// The number of requests to a service.
    #[must_use]
    pub fn requests(&self, service: Service) -> u64 {
        lock(&self.counts).services.get(&service).copied().unwrap_or(0)
    }

    /// The number of requests to a route. The names are the keys of [`Counts::routes`].
    #[must_use]
    pub fn route(&self, route: &str) -> u64 {
        lock(&self.counts).routes.get(route).copied().unwrap_or(0)
    }

    /// The number of issued IAM tokens.
    #[must_use]
    pub fn tokens_issued(&self) -> u64 {
        lock(&self.counts).tokens_issued
    }

    /// The number of requests that were refused because of their credentials.
    #[must_use]
    pub fn unauthenticated(&self) -> u64 {
        lock(&self.counts).unauthenticated
    }

    /// The current values of all counters.
    #[must_use]
    pub fn snapshot(&self) -> Counts {
        lock(&self.counts).clone()
    }

    /// Sets all counters to zero.
    pub fn reset(&self) {
        *lock(&self.counts) = Counts::default();
    }

    pub(crate) fn count(&self, service: Service, route: &str) {
        let mut counts = lock(&self.counts);
        *counts.services.entry(service).or_default() += 1;
        if let Some(count) = counts.routes.get_mut(route) {
            *count += 1;
        } else {
            counts.routes.insert(route.to_owned(), 1);
        }
    }

    pub(crate) fn count_token(&self) {
        lock(&self.counts).tokens_issued += 1;
    }

    pub(crate) fn count_unauthenticated(&self) {
        lock(&self.counts).unauthenticated += 1;
    }
}
