//! `metadata`: the service account of the machine the program runs on.
//!
//! For virtual machines, functions, containers, and pods of Managed Kubernetes with workload identity. The token is
//! the metadata service's, already aged; its remaining life comes with it.
//!
//! Variable: `YC_METADATA_ADDR` for another address (`host`, `host:port` or `http://host:port`). Errors: `Unavailable`
//! where nobody answers, `Refused` for a 404 (no service account), `Invalid` for an address that is none.

use std::time::Duration;

use super::sealed::Sealed;
use super::{Detection, Identity, Method, Provider, TokenSource};
use crate::Error;
use crate::cloud::address::Given;
use crate::cloud::folder_and_cloud;
use crate::cloud::metadata::{Failure, MetadataAddress, Patience, What, fetch_token, is_absent};
use crate::system::{BoxFuture, System};
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

/// What can vary about [`MetadataAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct MetadataAuthBuilder {
    address: Option<Given>,
    connect_timeout: Option<Duration>,
    timeout: Duration,
    max_age: Duration,
}

impl MetadataAuth {
    /// The variable with another address.
    pub const VARIABLE: &'static str = crate::cloud::metadata::VARIABLE;

    /// The service at the address in `YC_METADATA_ADDR`, or at the link-local one. The variable is read at first use.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// The same as [`new`](Self::new), named as with the other methods.
    #[must_use]
    pub fn from_env() -> Self {
        Self::new()
    }

    /// With options.
    pub fn builder() -> MetadataAuthBuilder {
        MetadataAuthBuilder {
            address: None,
            connect_timeout: None,
            timeout: Patience::USUAL.answer,
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
    /// The address: `host`, `host:port` or `http://host:port`; what is wrong with it is told at first use.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.address = Some(Given::new(address));
        self
    }

    /// How long one connection may take to be made; 1 s, and 100 ms for each of three at the default address of
    /// automatic selection.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = Some(limit);
        self
    }

    /// How long the answer may take, once connected; 5 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// How long a token is used without another look; 1 h.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// The method.
    #[must_use]
    pub fn build(self) -> MetadataAuth {
        MetadataAuth { options: self }
    }
}

impl MetadataAuth {
    fn patience(&self) -> Patience {
        let usual = Patience::USUAL;
        Patience {
            connect_timeout: self.options.connect_timeout.unwrap_or(usual.connect_timeout),
            answer: self.options.timeout,
            ..usual
        }
    }

    fn source(&self, at: MetadataAddress) -> Provider {
        let service = Service { at, patience: self.patience(), max_age: self.options.max_age };
        Provider::Source(std::sync::Arc::new(service))
    }

    fn first_patience(&self, at: &MetadataAddress) -> Patience {
        match self.options.connect_timeout {
            None => self.patience().at_first(at),
            Some(_) => self.patience(),
        }
    }

    async fn probe(&self, system: &System) -> Detection {
        let at = match MetadataAddress::resolve(self.options.address.as_deref(), system) {
            Ok(at) => at,
            Err(error) => return Detection::Invalid(error),
        };
        let warning = at.warning();
        if let Some(warning) = &warning {
            tracing::warn!("{warning}");
        }
        let began = system.clock().now();
        match fetch_token(system, &at, self.first_patience(&at)).await {
            Ok(token) => Detection::Found {
                provider: self.source(at),
                first: Some((token, began)),
                reason: warning
                    .map_or_else(|| "answered".to_owned(), |warning| format!("answered; {warning}")),
            },
            Err(Failure { what: What::NoConnection { timed_out: true }, .. }) if !at.configured => {
                Detection::TimedOut("no connection in time".to_owned())
            }
            Err(failure) if is_absent(failure.what, at.configured) => {
                Detection::Absent(failure.error.reason().to_owned())
            }
            Err(failure) => Detection::Invalid(failure.error),
        }
    }
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
            tracing::warn!("{warning}");
        }
        Ok(self.source(at))
    }

    fn identity<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Identity> {
        Box::pin(async move {
            let identity = Identity::of(self.method()).remark("the service account of the machine");
            let at = match MetadataAddress::resolve(self.options.address.as_deref(), system) {
                Ok(at) => at,
                Err(error) => return identity.remark(error.to_string()),
            };
            let [folder, cloud] = folder_and_cloud(system, &at).await;
            let mut identity = identity;
            for (found, field) in [(folder, &mut identity.folder_id), (cloud, &mut identity.cloud_id)] {
                match found {
                    Ok(id) => *field = Some(id),
                    Err(reason) => identity.remarks.push(reason),
                }
            }
            identity
        })
    }

    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Detection> {
        Box::pin(self.probe(system))
    }
}

/// The source: the address that was found at first, which stays though the variable may change.
struct Service {
    at: MetadataAddress,
    patience: Patience,
    max_age: Duration,
}

impl TokenSource for Service {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            fetch_token(system, &self.at, self.patience).await.map_err(|failure| failure.error)
        })
    }

    fn timeout(&self) -> Duration {
        self.patience.total()
    }

    fn max_age(&self) -> Duration {
        self.max_age
    }
}
