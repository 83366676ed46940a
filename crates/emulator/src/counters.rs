//! What was asked of the emulator, counted.
//!
//! Known routes are counted by name; all others together, so that neither memory nor what is kept
//! depends on what a client sends.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use serde::Serialize;

use crate::sync::lock;

/// The services that the emulator plays, as faults and counters name them.
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
    /// IAM: making and revoking tokens, over REST and gRPC, and the exchange of tokens at `/oauth/token`.
    Iam,
    /// The metadata service of a virtual machine, on its own port.
    Metadata,
    /// Endpoint discovery, over REST and gRPC.
    Endpoints,
    /// AI Studio: the OpenAI-compatible API and the native one, over REST and gRPC.
    Ai,
    /// Operations that AI Studio began, over REST and gRPC.
    Operation,
    /// The issuer of tokens for workloads, outside of the cloud: its keys, and the address that a job of GitHub
    /// Actions asks.
    Oidc,
    /// Paths that nothing serves.
    Other,
}

impl Service {
    /// The name used over HTTP: `iam`, `metadata`, `endpoints`, `ai`, `operation`, `oidc`, `other`.
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

/// Counts of requests and of issued tokens; clones are handles to the same counts.
///
/// A request counts when it has passed the check of `Host` and `Origin`, also when a fault then eats it.
/// Calls to `/_emulator/` do not count, but for those of [`Service::Oidc`].
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

/// All counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Requests by service.
    pub services: BTreeMap<Service, u64>,
    /// Requests by method and route, such as `POST /iam/v1/tokens`,
    /// `POST /yandex.cloud.iam.v1.IamTokenService/Create` (gRPC) or `GET /endpoints/{id}`.
    /// Paths that nothing serves count together, as `unknown of iam` and the like.
    pub routes: BTreeMap<String, u64>,
    /// IAM tokens made, by any way: exchange, metadata, the control API, code.
    pub tokens_issued: u64,
    /// Requests refused for their credentials (401, or `UNAUTHENTICATED`).
    pub unauthenticated: u64,
}

impl Counters {
    /// How many requests a service has had.
    #[must_use]
    pub fn requests(&self, service: Service) -> u64 {
        lock(&self.counts).services.get(&service).copied().unwrap_or(0)
    }

    /// How many requests a route has had; the names are those of [`Counts::routes`].
    #[must_use]
    pub fn route(&self, route: &str) -> u64 {
        lock(&self.counts).routes.get(route).copied().unwrap_or(0)
    }

    /// How many IAM tokens have been made.
    #[must_use]
    pub fn tokens_issued(&self) -> u64 {
        lock(&self.counts).tokens_issued
    }

    /// How many requests were refused for their credentials.
    #[must_use]
    pub fn unauthenticated(&self) -> u64 {
        lock(&self.counts).unauthenticated
    }

    /// All counts at this moment.
    #[must_use]
    pub fn snapshot(&self) -> Counts {
        lock(&self.counts).clone()
    }

    /// Starts from zero.
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
