//! IAM: its address, which is cached while IAM responds, and the requests to it.

#[cfg(feature = "object-storage")]
pub(crate) mod ephemeral_key;
mod exchange;

use std::time::Duration;

use http::HeaderValue;

use self::exchange::Proof;
use super::address::Address;
use super::installation::Installation;
use super::service_list::ServiceList;
use crate::log::log;
use crate::secret::Secret;
#[cfg(feature = "service-account-key")]
use crate::system::ClockDifference;
use crate::system::System;
use crate::token::Token;
use crate::{Error, ErrorKind};

/// How long discovery and exchange may take together, unless the program says otherwise.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// The help where another server responds (404, 405).
pub(crate) const NOT_IAM: &str =
    "the address is not that of IAM: check YC_API_ENDPOINT, or the endpoint in code";

/// The IAM of one source. The endpoint is read once.
pub(crate) struct Iam {
    services: ServiceList,
    /// Whether the endpoint is IAM itself, so that discovery is not needed.
    is_direct: bool,
    timeout: Duration,
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
        // Half of the time, so that a discovery without a response leaves time for the exchange.
        Ok(Self { services: ServiceList::new(endpoint.clone(), timeout / 2), is_direct, timeout })
    }

    /// How long discovery and exchange may take together.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Exchanges an OAuth token.
    pub(crate) async fn exchange_oauth(&self, oauth: &Secret, system: &System) -> Result<Token, Error> {
        let proof = Proof { field: "yandexPassportOauthToken", secret: oauth };
        self.request(system, |iam| exchange::exchange(system, iam, proof, self.timeout)).await
    }

    /// Exchanges a JWT. `make` gets the URL of the exchange, for the audience, and the time that dates the JWT.
    ///
    /// If IAM refuses the JWT and its clock differs from ours, makes one more JWT, dated by the clock of IAM. The error
    /// comes with that difference.
    #[cfg(feature = "service-account-key")]
    pub(crate) async fn exchange_jwt(
        &self,
        make: impl Fn(String, Duration) -> Result<Secret, Error> + Send + Sync,
        system: &System,
    ) -> Result<Token, (Error, Option<ClockDifference>)> {
        let mut difference = None;
        let (make, known) = (&make, &mut difference);
        let outcome = self.request(system, |iam| async move {
            let exchange = async |now: Duration| {
                let jwt = make(iam.url(exchange::TOKENS), now)?;
                let proof = Proof { field: "jwt", secret: &jwt };
                exchange::exchange(system, iam.clone(), proof, self.timeout).await
            };
            let error = match exchange(system.clock().now().wall).await {
                Ok(token) => {
                    system.record_clock_difference(None);
                    return Ok(token);
                }
                Err(error) => error,
            };
            *known = self.clock_difference(&iam, &error, system);
            let Some(difference) = *known else { return Err(error) };
            system.record_clock_difference(Some(difference));
            let token = exchange(difference.correct(system.clock().now().wall)).await?;
            log(|| tracing::warn!("{}; the JWT was dated by the clock of IAM", difference.warning()));
            Ok(token)
        });
        let outcome = outcome.await;
        outcome.map_err(|error| (error, difference))
    }

    /// The difference of the clocks that may be why IAM refused a JWT. Only a server that was reached over TLS counts:
    /// IAM itself, else the discovery that has just named it.
    #[cfg(feature = "service-account-key")]
    fn clock_difference(&self, iam: &Address, error: &Error, system: &System) -> Option<ClockDifference> {
        // With 404 and 405 the server is not IAM, and has not read the JWT.
        if !error.is_refusal() || matches!(error.status(), Some(404 | 405)) || !iam.is_tls() {
            return None;
        }
        match error.date() {
            Some(date) => ClockDifference::between(system.clock().now().wall, date),
            None => self.services.clock_difference(system),
        }
    }

    /// A token of the service account `id`, with the token in `bearer`.
    pub(crate) async fn for_service_account(
        &self,
        bearer: &HeaderValue,
        id: &str,
        system: &System,
    ) -> Result<Token, Error> {
        let request = |iam| exchange::for_service_account(system, iam, bearer, id, self.timeout);
        self.request(system, request).await
    }

    /// Revokes a token. `bearer` holds the same token. Returns the id of its subject if IAM gives one.
    pub(crate) async fn revoke(
        &self,
        bearer: &HeaderValue,
        token: &Secret,
        system: &System,
    ) -> Result<Option<String>, Error> {
        let request = |iam| exchange::revoke(system, iam, bearer, token, self.timeout);
        self.request(system, request).await.map_err(|error| match error.is_refusal() {
            true => error.with_help(
                "IAM also refuses to revoke a token that has expired or was revoked before; otherwise check the token and the endpoint",
            ),
            false => error,
        })
    }

    /// Requests an ephemeral access key of Object Storage. `bearer` holds the same token.
    #[cfg(feature = "object-storage")]
    pub(crate) async fn ephemeral_key(
        &self,
        bearer: &HeaderValue,
        token: &Secret,
        key: &ephemeral_key::KeyRequest,
        system: &System,
    ) -> Result<ephemeral_key::EphemeralAccessKey, Error> {
        let request = |iam| ephemeral_key::issue(system, iam, bearer, token, key, self.timeout);
        self.request(system, request).await
    }

    /// Locates IAM and sends a request. A response keeps the list of services, a refusal too. Without a response, also
    /// where the request is dropped, the next request asks discovery again: IAM may have moved.
    async fn request<T, F>(&self, system: &System, send: impl FnOnce(Address) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut forget = ForgetOnDrop(Some(&self.services));
        let iam = self.locate(system).await?;
        let outcome = send(iam).await;
        if !outcome.as_ref().is_err_and(Error::is_transient) {
            forget.0 = None;
        }
        outcome
    }

    /// The address of IAM: given in code, discovered, or the documented one if a public endpoint is down.
    async fn locate(&self, system: &System) -> Result<Address, Error> {
        let endpoint = self.services.endpoint();
        if self.is_direct {
            return Ok(endpoint.address.clone());
        }
        let services = self.services.get("iam", system).await;
        match services.and_then(|services| services.required("iam")) {
            Err(error) if error.kind() != ErrorKind::Blocked => {
                let documented = endpoint.address.documented_iam().ok_or_else(|| error.clone())?;
                log(
                    || tracing::debug!(%error, iam = %documented, "endpoint discovery is down; the documented address is used"),
                );
                // A list without a usable address of IAM is not kept.
                self.services.forget();
                Ok(documented)
            }
            located => located,
        }
    }
}

/// Forgets the list where the request ends or is dropped without a response. A response takes the list out.
struct ForgetOnDrop<'a>(Option<&'a ServiceList>);

impl Drop for ForgetOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(services) = self.0 {
            services.forget();
        }
    }
}
