//! `workload-identity`: a token of another issuer, exchanged for an IAM token of a service account.
//!
//! For pipelines and pods: GitHub Actions, GitLab and Kubernetes identify them with a token of their own (OIDC), so no
//! secret of Yandex Cloud is stored there. `docs/` shows how to set up a federation for each.
//!
//! Variables: `YC_SERVICE_ACCOUNT_ID` is the id of the service account. The subject token is in `YC_OIDC_TOKEN_FILE` (a
//! path) or in `YC_OIDC_TOKEN` (the token), not in both: the two may differ. If neither is set, the two variables that
//! GitHub Actions sets in a job with `permissions: id-token: write`. `YC_OAUTH_ENDPOINT` is the authorization server;
//! an installation other than the public one needs it. Errors: `Invalid` for a text that is not a JWT or not an id, or
//! if a variable is missing, `Refused` if the authorization server refuses, `Blocked` if a token would travel without
//! TLS.
//!
//! The subject token is read for each exchange. It goes to the authorization server only, and is not kept.

mod claims;
mod github;
mod jwt;
mod subject;
mod variables;

use std::sync::Arc;
use std::time::Duration;

pub use self::claims::{ClaimsRecord, SubjectClaims};
pub use self::subject::SubjectToken;
use super::sealed::Sealed;
use super::secret_file::read_within;
use super::service_account_id::ServiceAccountId;
use super::{Detection, Identity, IdentityField, Method, Provider, TokenSource};
use crate::Error;
use crate::cloud::authorization::{AuthorizationServer, NOT_THE_SERVER};
use crate::cloud::installation::Installation;
use crate::cloud::timestamp::rfc3339;
use crate::secret::Secret;
#[cfg(feature = "shared-cache")]
use crate::shared_cache::CacheIdentity;
use crate::system::{BoxFuture, Pipe, System};
use crate::token::Token;

/// A service account through a workload identity federation.
///
/// `docs/github-actions.md`, `docs/gitlab.md` and `docs/kubernetes.md` in the repository show how to set up a
/// federation. If Managed Kubernetes exchanges the tokens itself, use [`MetadataAuth`](crate::MetadataAuth).
///
/// The exchange follows the documentation of Yandex Cloud, and has not been tried against the cloud itself.
///
/// ```no_run
/// use yandex_cloud_auth::{Credentials, SubjectToken, WorkloadIdentityAuth};
/// # async fn example() -> Result<(), yandex_cloud_auth::Error> {
/// let subject = SubjectToken::file("/var/run/secrets/tokens/yandex-cloud");
/// let auth = WorkloadIdentityAuth::new("ajefakefakefakefakef", subject);
/// let header = Credentials::from(auth).header().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WorkloadIdentityAuth {
    options: WorkloadIdentityAuthBuilder,
    /// The subject token, if `YC_OIDC_TOKEN_FILE` names a pipe.
    pipe: Pipe,
}

/// The options of [`WorkloadIdentityAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct WorkloadIdentityAuthBuilder {
    /// The account and the subject token; `None` for those of the variables.
    given: Option<(ServiceAccountId, SubjectToken)>,
    audience: Option<String>,
    timeout: Duration,
    max_age: Option<Duration>,
    record: Option<ClaimsRecord>,
}

impl WorkloadIdentityAuth {
    /// The variable with the path of the file that holds the subject token.
    pub const VARIABLE: &'static str = "YC_OIDC_TOKEN_FILE";
    /// The variable with the subject token itself.
    pub const TOKEN_VARIABLE: &'static str = "YC_OIDC_TOKEN";
    /// The variable with the id of the service account.
    pub const ACCOUNT_VARIABLE: &'static str = "YC_SERVICE_ACCOUNT_ID";
    /// The variable with the authorization server.
    pub const ENDPOINT_VARIABLE: &'static str = crate::cloud::authorization::VARIABLE;

    /// The service account with this id, and its federated credential. Both are checked at first use.
    #[must_use]
    pub fn new(service_account_id: impl Into<String>, subject: SubjectToken) -> Self {
        Self::builder(service_account_id, subject).build()
    }

    /// The account and the subject token of the variables, which are read at first use.
    #[must_use]
    pub fn from_env() -> Self {
        Self::builder_from_env().build()
    }

    /// The service account with this id, with options.
    pub fn builder(
        service_account_id: impl Into<String>,
        subject: SubjectToken,
    ) -> WorkloadIdentityAuthBuilder {
        WorkloadIdentityAuthBuilder::new(Some((ServiceAccountId::new(service_account_id), subject)))
    }

    /// The account and the subject token of the variables, with options.
    pub fn builder_from_env() -> WorkloadIdentityAuthBuilder {
        WorkloadIdentityAuthBuilder::new(None)
    }
}

impl WorkloadIdentityAuthBuilder {
    fn new(given: Option<(ServiceAccountId, SubjectToken)>) -> Self {
        Self { given, audience: None, timeout: Duration::from_secs(10), max_age: None, record: None }
    }

    /// The audience that the command or program asks for where the subject token is that of a job of GitHub Actions or
    /// Forgejo Actions; by default the issuer decides. It has to be one of the federation. No effect on a subject token in
    /// a file, a variable or a function: its audience is decided already.
    ///
    /// ```
    /// use yandex_cloud_auth::WorkloadIdentityAuth;
    /// let auth = WorkloadIdentityAuth::builder_from_env().audience("https://ci.example/yandex-cloud").build();
    /// ```
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// How long reading the subject token and the exchange may take together; 10 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// How long an IAM token is used before the next exchange; 1 h. For a subject token in a variable 12 h: the
    /// variable does not change, so the first IAM token is used for its whole life.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Writes the claims of each subject token into `record`, for a program that explains a refusal.
    #[doc(hidden)]
    pub fn record_claims(mut self, record: ClaimsRecord) -> Self {
        self.record = Some(record);
        self
    }

    /// The method.
    #[must_use]
    pub fn build(self) -> WorkloadIdentityAuth {
        WorkloadIdentityAuth { options: self, pipe: Pipe::default() }
    }
}

impl WorkloadIdentityAuth {
    fn account_and_subject(&self, system: &System) -> Result<(ServiceAccountId, SubjectToken), Error> {
        let (account, subject) = match &self.options.given {
            Some(given) => given.clone(),
            None => variables::read(system, &self.pipe)?,
        };
        let subject = match &self.options.audience {
            Some(audience) => subject.for_audience(audience),
            None => subject,
        };
        Ok((account, subject))
    }

    fn exchange(&self, system: &System) -> Result<Exchange, Error> {
        let options = &self.options;
        let (account, subject) = self.account_and_subject(system)?;
        let location = if options.given.is_some() { "service account id" } else { Self::ACCOUNT_VARIABLE };
        let id = account.id().map_err(|error| error.at(location))?.to_owned();
        let server = AuthorizationServer::new(&Installation::of(system)?, system, "the subject token")?;
        let max_age = options.max_age.unwrap_or_else(|| subject.max_age());
        Ok(Exchange {
            id,
            subject,
            server,
            timeout: options.timeout,
            max_age,
            record: options.record.clone(),
        })
    }

    /// Whether a subject token is available, checked without a request. If the variables are set, the slot is selected
    /// or invalid: the next slot would be another identity.
    async fn probe(&self, system: &System) -> Result<Detection, Error> {
        let exchange = self.exchange(system)?;
        let subject = &exchange.subject;
        read_within(exchange.timeout, system, &subject.location(), subject.check(system)).await?;
        let reason = format!("set, for the service account {}", exchange.id);
        Ok(Detection::Found { provider: Provider::Source(Arc::new(exchange)), first: None, reason })
    }
}

impl Sealed for WorkloadIdentityAuth {
    fn method(&self) -> Method {
        Method::WorkloadIdentity
    }

    fn location(&self, system: &System) -> String {
        match &self.options.given {
            Some((_, subject)) => subject.location(),
            None => variables::location(system).to_owned(),
        }
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        Ok(Provider::Source(Arc::new(self.exchange(system)?)))
    }

    fn identity<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Identity> {
        let mut identity = Identity::of(self.method());
        let found = self.account_and_subject(system);
        match found.as_ref().map_err(ToString::to_string).and_then(|(account, subject)| {
            account.id().map(|id| (id, subject)).map_err(|error| error.to_string())
        }) {
            Ok((id, subject)) => {
                identity.subject_id = Some(id.to_owned());
                identity = identity.remark(format!("by a token of another issuer ({})", subject.location()));
            }
            Err(error) => identity = identity.without_answer(&[IdentityField::Subject], error),
        }
        Box::pin(std::future::ready(identity))
    }

    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Detection, Error>> {
        Box::pin(self.probe(system))
    }
}

/// The source of tokens. The account and the location of the subject token are read once. The subject token is read for
/// each exchange.
struct Exchange {
    id: String,
    subject: SubjectToken,
    server: AuthorizationServer,
    timeout: Duration,
    max_age: Duration,
    record: Option<ClaimsRecord>,
}

impl TokenSource for Exchange {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            // Half of the time, so that a slow issuer leaves time for the exchange.
            let subject = self.subject.fetch(self.timeout / 2, system).await?;
            if let Some(record) = &self.record {
                record.set(SubjectClaims::of(&subject, &self.id));
            }
            let token = self.server.exchange(&subject, &self.id, self.timeout, system).await;
            token.map_err(|error| self.explain(error, &subject, system))
        })
    }

    #[cfg(feature = "shared-cache")]
    fn cache_identity<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Option<CacheIdentity>> {
        Box::pin(async {
            let credential = self.subject.cache_credential(system).await?;
            Some(CacheIdentity {
                method: Method::WorkloadIdentity,
                endpoint: self.server.cache_name(),
                // Two jobs may name one service account, and only one of them may be allowed to use it. So the entry has
                // no public id: its name depends on the subject token.
                audience: Some(self.subject.cache_audience(&self.id)),
                identity: None,
                credential: zeroize::Zeroizing::new(credential.expose().as_bytes().to_vec()),
            })
        })
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn max_age(&self) -> Duration {
        self.max_age
    }
}

impl Exchange {
    /// A refusal, with what to do about it. The messages of the server are not documented, so they are shown and not
    /// interpreted.
    fn explain(&self, error: Error, subject: &Secret, system: &System) -> Error {
        if !error.is_refusal() {
            return error;
        }
        if matches!(error.status(), Some(404 | 405)) {
            return error.with_help(NOT_THE_SERVER);
        }
        let now = i64::try_from(system.clock().now().wall.as_secs()).unwrap_or(i64::MAX);
        if let Some(expiry) = jwt::expiry(subject).filter(|expiry| *expiry <= now) {
            let when = rfc3339(expiry).map_or_else(String::new, |at| format!(" at {at}"));
            return error.with_help(format!(
                "the subject token ({}) has expired{when}, as its `exp` says: get a new one from its issuer, or check \
                 the clock of this machine",
                self.subject.location()
            ));
        }
        error.with_help(format!(
            "compare the subject token ({}) with the set-up: `iss` and `aud` with the issuer and the audiences of the federation, \
             `sub`, letter by letter, with the external subject id of a federated credential of the service account {} \
             (`yc iam workload-identity federated-credential list --service-account-id {}`)",
            self.subject.location(),
            self.id,
            self.id
        ))
    }
}
