//! IAM: where it is, found once and remembered while it answers, and what it is asked for.

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

/// IAM as one source sees it: where it is was read once, and the address is kept once discovery named it.
pub(crate) struct Iam {
    endpoint: Endpoint,
    /// Whether the endpoint is IAM itself: discovery is not asked.
    is_direct: bool,
    timeout: Duration,
    /// Where discovery found IAM, while no request to it is under way. A request takes the address, and puts it back when
    /// IAM answered. So the address is forgotten however the request ends without an answer, dropped too.
    known: Mutex<Option<Address>>,
}

impl Iam {
    /// IAM of an installation, for at most `timeout` each time. `what` goes there, as the warning about a foreign host
    /// says it.
    ///
    /// # Errors
    /// `Invalid` where the address cannot be read, `Blocked` where secrets would travel without TLS.
    pub(crate) fn new(installation: &Installation, timeout: Duration, what: &str) -> Result<Self, Error> {
        let (endpoint, is_direct) = installation.iam()?;
        endpoint.check()?;
        endpoint.warn_if_foreign(&format!("{what} goes there"));
        Ok(Self { endpoint: endpoint.clone(), is_direct, timeout, known: Mutex::new(None) })
    }

    /// How long one asking may take in all.
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

    /// Exchanges a JWT, made for the URL that it goes to.
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

    /// A token of the service account `id`, for whoever `bearer` is.
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

    /// Revokes a token, by its own word, which is also in `bearer`; whose it was, where IAM says so.
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
                "a token that is over or was revoked before is refused here as well; else look at which token it is, and at the endpoint",
            ),
            _ => error,
        })
    }

    /// The address of IAM: given, known, discovered, or the documented one of a public endpoint that is down.
    async fn locate(&self, system: &System) -> Result<Located, Error> {
        let endpoint = &self.endpoint;
        if self.is_direct {
            return Ok(Located { address: endpoint.address.clone(), discovered: false });
        }
        let known = self.known().take();
        if let Some(address) = known {
            return Ok(Located { address, discovered: true });
        }
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

    /// Keeps an address that answered, were it with a "no".
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

/// An address of IAM, and whether it was found by discovery, and so is worth remembering.
struct Located {
    address: Address,
    discovered: bool,
}
