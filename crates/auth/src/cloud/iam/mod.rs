//! IAM: its address, which is kept while IAM responds, and the requests to it.

mod exchange;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;

use self::exchange::Proof;
use super::address::Address;
use super::endpoints::{Endpoint, discover};
use super::installation::Installation;
use crate::secret::Secret;
use crate::system::System;
use crate::token::Token;
use crate::{Error, ErrorKind};

/// How long discovery and exchange may take together, unless the program says otherwise.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// The IAM of one source. The endpoint is read once; the address that discovery finds is kept.
pub(crate) struct Iam {
    endpoint: Endpoint,
    /// Whether the endpoint is IAM itself, so that discovery is not needed.
    is_direct: bool,
    timeout: Duration,
    /// The address that discovery found. A request takes the address out, and puts it back after a response of IAM. So
    /// every request that ends without a response, a dropped one too, makes the next request ask discovery again.
    known: Mutex<Option<Address>>,
}

impl Iam {
    /// The IAM of an installation. Each exchange may take `timeout`. `what` names the secret in the warning about a
    /// foreign host.
    ///
    /// # Errors
    /// `Invalid` if the address cannot be read, `Blocked` if the secret would travel without TLS.
    pub(crate) fn new(installation: &Installation, timeout: Duration, what: &str) -> Result<Self, Error> {
        let (endpoint, is_direct) = installation.iam()?;
        endpoint.check()?;
        endpoint.warn_if_foreign(&format!("{what} goes there"));
        Ok(Self { endpoint: endpoint.clone(), is_direct, timeout, known: Mutex::new(None) })
    }

    /// How long discovery and exchange may take together.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Exchanges an OAuth token.
    pub(crate) async fn exchange_oauth(&self, oauth: &Secret, system: &System) -> Result<Token, Error> {
        let iam = self.locate(system).await?;
        let proof = Proof { field: "yandexPassportOauthToken", secret: oauth };
        let token = exchange::exchange(system, &iam.address, proof, self.timeout).await;
        self.remember(iam, token)
    }

    /// Exchanges a JWT. `make` gets the URL of the exchange, for the audience.
    #[cfg(feature = "service-account-key")]
    pub(crate) async fn exchange_jwt(
        &self,
        make: impl FnOnce(String) -> Result<Secret, Error>,
        system: &System,
    ) -> Result<Token, Error> {
        let iam = self.locate(system).await?;
        let jwt = make(iam.address.url(exchange::TOKENS))?;
        let proof = Proof { field: "jwt", secret: &jwt };
        let token = exchange::exchange(system, &iam.address, proof, self.timeout).await;
        self.remember(iam, token)
    }

    /// A token of the service account `id`, with the token in `bearer`.
    pub(crate) async fn for_service_account(
        &self,
        bearer: &HeaderValue,
        id: &str,
        system: &System,
    ) -> Result<Token, Error> {
        let iam = self.locate(system).await?;
        let token = exchange::for_service_account(system, &iam.address, bearer, id, self.timeout).await;
        self.remember(iam, token)
    }

    /// Revokes a token. `bearer` holds the same token. Returns the id of its subject if IAM gives one.
    pub(crate) async fn revoke(
        &self,
        bearer: &HeaderValue,
        token: &Secret,
        system: &System,
    ) -> Result<Option<String>, Error> {
        let iam = self.locate(system).await?;
        let subject = exchange::revoke(system, &iam.address, bearer, token, self.timeout).await;
        self.remember(iam, subject).map_err(|error| match error.kind() {
            ErrorKind::Refused => error.with_help(
                "IAM also refuses to revoke a token that has expired or was revoked before; otherwise check the token and the endpoint",
            ),
            _ => error,
        })
    }

    /// The address of IAM: given in code, known, discovered, or the documented one if a public endpoint is down.
    async fn locate(&self, system: &System) -> Result<Located, Error> {
        let endpoint = &self.endpoint;
        if self.is_direct {
            return Ok(Located { address: endpoint.address.clone(), discovered: false });
        }
        // Taken out, not copied: if this request is dropped, the next one runs discovery again.
        let known = self.known().take();
        if let Some(address) = known {
            return Ok(Located { address, discovered: true });
        }
        // Half of the time, so that a discovery without a response leaves time for the exchange.
        let half = self.timeout / 2;
        match discover(system, endpoint, "iam", half).await {
            Ok(address) => Ok(Located { address, discovered: true }),
            Err(error) if error.kind() == ErrorKind::Blocked => Err(error),
            Err(error) => match endpoint.address.documented_iam() {
                Some(address) => {
                    tracing::debug!(%error, iam = %address, "endpoint discovery is down; the documented address is used");
                    Ok(Located { address, discovered: false })
                }
                None => Err(error),
            },
        }
    }

    /// Keeps an address that gave a response. A refusal counts too.
    fn remember<T>(&self, iam: Located, outcome: Result<T, Error>) -> Result<T, Error> {
        if iam.discovered && !outcome.as_ref().is_err_and(Error::is_transient) {
            *self.known() = Some(iam.address);
        }
        outcome
    }

    fn known(&self) -> MutexGuard<'_, Option<Address>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address of IAM, and whether discovery found it. Only such an address is kept.
struct Located {
    address: Address,
    discovered: bool,
}
