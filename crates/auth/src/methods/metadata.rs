//! `metadata`: the service account of the machine the program runs on.
//!
//! For virtual machines, functions, containers, and pods of Managed Kubernetes with workload identity. The metadata
//! service caches its token, and sends the remaining life of the token with it.
//!
//! Variable: `YC_METADATA_ADDR` for another address (`host`, `host:port` or `http://host:port`). Errors: `Unavailable`
//! without a response, `Refused` for a 404 (no service account), `Invalid` for a text that is not an address.

use std::time::Duration;

use super::options::duration_options;
use super::sealed::Sealed;
use super::{Detection, EnvIamTokenAuth, Identity, IdentityField, Method, Provider, TokenSource};
use crate::Error;
use crate::cloud::endpoint_input::EndpointInput;
use crate::cloud::folder::{folder_and_cloud, missing};
use crate::cloud::machine::sign_of_yandex_cloud;
use crate::cloud::metadata::{
    Failure, FailureKind, MetadataAddress, ProbeTimeouts, fetch_token, fetch_token_patiently, is_absent,
};
use crate::log::log;
use crate::system::{BoxFuture, HttpFault, System};
use crate::token::{MAX_AGE, Token};

/// The metadata service.
///
/// ```no_run
/// use yandex_cloud_auth::{Credentials, MetadataAuth};
/// # async fn example() -> Result<(), yandex_cloud_auth::Error> {
/// let header = Credentials::from(MetadataAuth::new()).header().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MetadataAuth {
    options: MetadataAuthBuilder,
}

/// The options of [`MetadataAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct MetadataAuthBuilder {
    address: Option<EndpointInput>,
    connect_timeout: Option<Duration>,
    timeout: Duration,
    max_age: Duration,
}

impl MetadataAuth {
    /// The variable with the address of the service.
    pub const VARIABLE: &'static str = crate::cloud::metadata::VARIABLE;

    /// The service at the address in `YC_METADATA_ADDR`, or at the link-local one. The variable is read at first use.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// With options.
    pub fn builder() -> MetadataAuthBuilder {
        MetadataAuthBuilder {
            address: None,
            connect_timeout: None,
            timeout: ProbeTimeouts::DEFAULT.response,
            max_age: MAX_AGE,
        }
    }
}

impl Default for MetadataAuth {
    fn default() -> Self {
        Self::new()
    }
}

impl MetadataAuthBuilder {
    /// The address: `host`, `host:port` or `http://host:port`. A wrong address is an error of the first call.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.address = Some(EndpointInput::new(address));
        self
    }

    /// How long one connection may take; 1 s. Automatic selection tries three connections of 100 ms each at the default
    /// address, unless the machine shows that it is one of Yandex Cloud's.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = Some(limit);
        self
    }

    duration_options! {
        timeout: "How long one request may take, with its connection; 5 s.",
        max_age: "How long a token is used before the next request; 1 h."
    }

    /// The method.
    #[must_use]
    pub fn build(self) -> MetadataAuth {
        MetadataAuth { options: self }
    }
}

impl MetadataAuth {
    fn timeouts(&self) -> ProbeTimeouts {
        let default = ProbeTimeouts::DEFAULT;
        ProbeTimeouts {
            connect_timeout: self.options.connect_timeout.unwrap_or(default.connect_timeout),
            response: self.options.timeout,
            ..default
        }
    }

    fn source(&self, at: MetadataAddress) -> Provider {
        let service = Service { at, timeouts: self.timeouts(), max_age: self.options.max_age };
        Provider::Source(std::sync::Arc::new(service))
    }

    fn selection_timeouts(&self) -> ProbeTimeouts {
        match self.options.connect_timeout {
            None => self.timeouts().of_short_probe(),
            Some(_) => self.timeouts(),
        }
    }

    async fn probe(&self, system: &System) -> Result<Detection, Error> {
        let mut at = MetadataAddress::resolve(self.options.address.as_deref(), system)?;
        let warning = at.warning();
        if let Some(warning) = &warning {
            log(|| tracing::warn!("{warning}"));
        }
        // On a machine of Yandex Cloud the service exists, so no connection is an outage.
        if !at.configured {
            at.machine = sign_of_yandex_cloud(system).await;
        }
        // The life of the token counts from the request: it may have begun before the response arrived.
        let began = system.clock().now();
        let failure = match self.first_token(&at, system).await {
            Ok(token) => {
                let reason = warning
                    .map_or_else(|| "gave a token".to_owned(), |warning| format!("gave a token; {warning}"));
                return Ok(Detection::Found {
                    provider: self.source(at),
                    first: Some((token, began)),
                    reason,
                });
            }
            Err(failure) => failure,
        };
        let reason = failure.error.reason().to_owned();
        Ok(match (failure.kind, at.machine) {
            (FailureKind::NoConnection(_), Some(machine)) if is_replaceable(system) => {
                Detection::Unreachable { reason, machine: Some(machine) }
            }
            // The time of the service has run out, so callers with more time are told at once too.
            (FailureKind::NoConnection(_), Some(_)) => Detection::Invalid(failure.error.without_retry()),
            // Counts as absent, but the report and the log name it: the service may only be slow.
            (FailureKind::NoConnection(HttpFault::ConnectTimeout | HttpFault::ConnectRefused), None)
                if !at.configured =>
            {
                Detection::Unreachable { reason, machine: None }
            }
            (kind, _) if is_absent(kind, at.configured) => Detection::Absent(reason),
            // Also where this build has no transport: without a request, the service may be there.
            _ => Detection::Invalid(failure.error),
        })
    }

    /// The token of selection. At a configured address a failure to connect is transient: the selection starts again
    /// while callers wait. On a machine of Yandex Cloud the time of the service is the limit, whatever time callers have.
    async fn first_token(&self, at: &MetadataAddress, system: &System) -> Result<Token, Failure> {
        let timeouts = self.timeouts();
        if at.machine.is_some() {
            let limit = if is_replaceable(system) { WAIT_IF_REPLACEABLE } else { timeouts.total() };
            let on_failure = |error: Error| system.attempt_failed(error.of(Method::Metadata));
            return fetch_token_patiently(system, at, timeouts, limit, on_failure).await;
        }
        let timeouts = if at.configured { timeouts } else { self.selection_timeouts() };
        fetch_token(system, at, timeouts).await
    }
}

/// How long selection waits for a connection where the machine gives another identity of its own.
const WAIT_IF_REPLACEABLE: Duration = Duration::from_secs(2);

/// Whether the machine gives another identity of its own, so that selection need not insist on the metadata service:
/// DataSphere sets `YC_TOKEN`, and has no sign of its own.
fn is_replaceable(system: &System) -> bool {
    system.variable(EnvIamTokenAuth::VARIABLE).is_ok_and(|token| token.is_some())
}

impl Sealed for MetadataAuth {
    fn method(&self) -> Method {
        Method::Metadata
    }

    fn location(&self, system: &System) -> String {
        MetadataAddress::resolve(self.options.address.as_deref(), system)
            .map_or_else(|_| Self::VARIABLE.to_owned(), |at| at.address.to_string())
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        let at = MetadataAddress::resolve(self.options.address.as_deref(), system)?;
        if let Some(warning) = at.warning() {
            log(|| tracing::warn!("{warning}"));
        }
        Ok(self.source(at))
    }

    fn identity<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Identity> {
        Box::pin(async move {
            let mut identity = Identity::of(self.method()).remark("the service account of the machine");
            let at = match MetadataAddress::resolve(self.options.address.as_deref(), system) {
                Ok(at) => at,
                Err(error) => {
                    let fields = [IdentityField::Folder, IdentityField::Cloud];
                    return identity.without_answer(&fields, error.to_string());
                }
            };
            let [folder, cloud] = folder_and_cloud(system, &at).await;
            for (found, id, field, noun) in [
                (folder, &mut identity.folder_id, IdentityField::Folder, "folder"),
                (cloud, &mut identity.cloud_id, IdentityField::Cloud, "cloud"),
            ] {
                match found {
                    Ok(Some(found)) => *id = Some(found),
                    Ok(None) => identity.remarks.push(missing(noun)),
                    Err(error) => {
                        identity.unanswered.push(field);
                        identity.remarks.push(error.to_string());
                    }
                }
            }
            identity
        })
    }

    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Detection, Error>> {
        Box::pin(self.probe(system))
    }
}

/// The source of tokens. The address stays as it was read first, even if the variable changes.
struct Service {
    at: MetadataAddress,
    timeouts: ProbeTimeouts,
    max_age: Duration,
}

impl TokenSource for Service {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            fetch_token(system, &self.at, self.timeouts).await.map_err(|failure| failure.error)
        })
    }

    fn timeout(&self) -> Duration {
        self.timeouts.total()
    }

    fn max_age(&self) -> Duration {
        self.max_age
    }
}
