//! `workload-identity`: a token of another issuer, exchanged for one of a service account.
//!
//! For pipelines and pods: GitHub Actions, GitLab and Kubernetes vouch for them with a token of their own (OIDC), and
//! no secret of Yandex Cloud has to be stored there. `docs/` tells how a federation is set up for each.
//!
//! Variables: `YC_SERVICE_ACCOUNT_ID` says whom. `YC_OIDC_TOKEN_FILE` (a path) or `YC_OIDC_TOKEN` (the token) says by
//! what; one of them, since two may differ. Without either, the two that GitHub Actions sets in a job with
//! `permissions: id-token: write`. `YC_OAUTH_ENDPOINT` names another authorization server. Errors: `Invalid` for what is
//! no JWT or no id, or where a variable is missing, `Refused` where the authorization server says no, `Blocked` where a
//! token would go without TLS.
//!
//! The subject token is looked up anew for each exchange. It goes to the authorization server and nowhere else, and is
//! not kept.

mod github;
mod jwt;
mod subject;
mod variables;

use std::sync::Arc;
use std::time::Duration;

pub use self::subject::SubjectToken;
use super::account::Account;
use super::file::unread;
use super::sealed::Sealed;
use super::{Detection, Identity, Method, Provider, TokenSource};
use crate::cloud::authorization::AuthorizationServer;
use crate::secret::Secret;
use crate::system::{BoxFuture, System};
use crate::token::Token;
use crate::{Error, ErrorKind};

/// A service account by way of a workload identity federation.
///
/// `docs/github-actions.md`, `docs/gitlab.md` and `docs/kubernetes.md` in the repository show how to set up a federation.
/// Where Managed Kubernetes exchanges the tokens itself, the method is [`MetadataAuth`](crate::MetadataAuth).
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
}

/// What can vary about [`WorkloadIdentityAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct WorkloadIdentityAuthBuilder {
    /// Who, and by what; else as the variables say.
    given: Option<(Account, SubjectToken)>,
    timeout: Duration,
    max_age: Option<Duration>,
}

impl WorkloadIdentityAuth {
    /// The variable with the path of the file that holds the subject token.
    pub const VARIABLE: &'static str = "YC_OIDC_TOKEN_FILE";
    /// The variable with the subject token itself.
    pub const TOKEN_VARIABLE: &'static str = "YC_OIDC_TOKEN";
    /// The variable with the id of the service account.
    pub const ACCOUNT_VARIABLE: &'static str = "YC_SERVICE_ACCOUNT_ID";
    /// The variable with another authorization server.
    pub const ENDPOINT_VARIABLE: &'static str = crate::cloud::authorization::VARIABLE;

    /// The service account of this id, for whom `subject` is a federated credential. Nothing is looked at yet: what is
    /// wrong with either is told at first use.
    #[must_use]
    pub fn new(service_account_id: impl Into<String>, subject: SubjectToken) -> Self {
        Self::builder(service_account_id, subject).build()
    }

    /// As the variables say, which are read at first use.
    #[must_use]
    pub fn from_env() -> Self {
        Self::builder_from_env().build()
    }

    /// The service account of this id, with options.
    pub fn builder(
        service_account_id: impl Into<String>,
        subject: SubjectToken,
    ) -> WorkloadIdentityAuthBuilder {
        WorkloadIdentityAuthBuilder::new(Some((Account::new(service_account_id), subject)))
    }

    /// As the variables say, with options.
    pub fn builder_from_env() -> WorkloadIdentityAuthBuilder {
        WorkloadIdentityAuthBuilder::new(None)
    }
}

impl WorkloadIdentityAuthBuilder {
    fn new(given: Option<(Account, SubjectToken)>) -> Self {
        Self { given, timeout: Duration::from_secs(10), max_age: None }
    }

    /// How long the subject token and the exchange may take together; 10 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// How long an IAM token is used without another exchange; 1 h. Where the subject token stands in a variable, which
    /// does not change, 12 h: the first IAM token is used for its whole life.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// The method.
    #[must_use]
    pub fn build(self) -> WorkloadIdentityAuth {
        WorkloadIdentityAuth { options: self }
    }
}

impl WorkloadIdentityAuth {
    fn who(&self, system: &System) -> Result<(Account, SubjectToken), Error> {
        match &self.options.given {
            Some(given) => Ok(given.clone()),
            None => variables::read(system),
        }
    }

    fn exchange(&self, system: &System) -> Result<Exchange, Error> {
        let options = &self.options;
        let (account, subject) = self.who(system)?;
        let place = if options.given.is_some() { "service account id" } else { Self::ACCOUNT_VARIABLE };
        let id = account.id().map_err(|error| error.at(place))?.to_owned();
        let server = AuthorizationServer::new(system)?;
        let max_age = options.max_age.unwrap_or_else(|| subject.max_age());
        Ok(Exchange { id, subject, server, timeout: options.timeout, max_age })
    }

    /// Whether there is a subject token, so far as that needs no asking: a slot whose variables are set is taken or
    /// broken, since the next one would be somebody else.
    async fn probe(&self, system: &System) -> Detection {
        let exchange = match self.exchange(system) {
            Ok(exchange) => exchange,
            Err(error) if error.kind() == ErrorKind::NotConfigured => {
                return Detection::Absent(error.reason().to_owned());
            }
            Err(error) => return Detection::Invalid(error),
        };
        match system.within(exchange.timeout, exchange.subject.check(system)).await {
            Some(Ok(())) => {
                let reason = format!("set, for the service account {}", exchange.id);
                Detection::Found { provider: Provider::Source(Arc::new(exchange)), first: None, reason }
            }
            Some(Err(error)) if error.kind() == ErrorKind::NotConfigured => {
                Detection::Absent(error.reason().to_owned())
            }
            Some(Err(error)) => Detection::Invalid(error),
            None => Detection::Invalid(unread(exchange.timeout).at(exchange.subject.location())),
        }
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
        let who = self.who(system);
        match who.as_ref().map_err(ToString::to_string).and_then(|(account, subject)| {
            account.id().map(|id| (id, subject)).map_err(|error| error.to_string())
        }) {
            Ok((id, subject)) => {
                identity.subject_id = Some(id.to_owned());
                identity = identity.remark(format!("by a token of another issuer ({})", subject.location()));
            }
            Err(error) => identity = identity.remark(error),
        }
        Box::pin(std::future::ready(identity))
    }

    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Detection> {
        Box::pin(self.probe(system))
    }
}

/// The source: who and by what was read once; the subject token itself is looked up for each exchange.
struct Exchange {
    id: String,
    subject: SubjectToken,
    server: AuthorizationServer,
    timeout: Duration,
    max_age: Duration,
}

impl TokenSource for Exchange {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            let subject = self.subject.fetch(self.timeout / 2, system).await?;
            let token = self.server.exchange(&subject, &self.id, self.timeout, system).await;
            token.map_err(|error| self.explain(error, &subject, system))
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
    /// What to do about a refusal. Its words are not documented, so they are told and not interpreted.
    fn explain(&self, error: Error, subject: &Secret, system: &System) -> Error {
        if error.kind() != ErrorKind::Refused {
            return error;
        }
        if matches!(error.status(), Some(404 | 405)) {
            return error.with_help(
                "no authorization server answers there: look at YC_OAUTH_ENDPOINT, or the endpoint in code",
            );
        }
        let now = i64::try_from(system.clock().now().wall.as_secs()).unwrap_or(i64::MAX);
        if let Some(expiry) = jwt::expiry(subject).filter(|expiry| *expiry <= now) {
            let when =
                jiff::Timestamp::from_second(expiry).map_or_else(|_| String::new(), |at| format!(" at {at}"));
            return error.with_help(format!(
                "the subject token ({}) says of itself that it has expired{when}: let its issuer write a new one, or look \
                 at the clock of this machine",
                self.subject.location()
            ));
        }
        error.with_help(format!(
            "compare the subject token ({}) with what was set up: its `iss` and `aud` with the federation's issuer and audiences, \
             its `sub`, letter by letter, with the external subject id of a federated credential of the service account {} \
             (`yc iam workload-identity federated-credential list --service-account-id {}`)",
            self.subject.location(),
            self.id,
            self.id
        ))
    }
}
