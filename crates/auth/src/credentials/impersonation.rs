//! `impersonation`: a service account, by way of other credentials.
//!
//! For acting as a service account without a key of its own: a person by way of yc, one service account by way of
//! another. The others need the role `iam.serviceAccounts.tokenCreator` on it (docs, "Impersonation"), and an IAM token
//! of theirs is what IAM is asked with. Both tokens are kept fresh, each by its own credentials. It nests.
//!
//! Variables: `YC_API_ENDPOINT` for the discovery endpoint; none opens a slot of automatic selection, since nobody is to
//! become somebody else without a word in the program. Errors: `Invalid` for what is no id, or credentials without an
//! IAM token, `Refused` where IAM says no, `Blocked` where a token would go to a foreign host, and those of the
//! credentials behind it.

use std::time::Duration;

use http::HeaderValue;

use super::{Credentials, HeaderOptions};
use crate::cloud::iam::{self, Iam};
use crate::cloud::installation::Installation;
use crate::methods::sealed::Sealed;
use crate::methods::{Account, Detection, Identity, Provider};
use crate::refresh::cached_header::{Scheme, Snapshot};
use crate::source::TokenSource;
use crate::sync::{Arc, OnceLock};
use crate::system::{BoxFuture, System};
use crate::token::{MAX_AGE, Token};
use crate::{Error, ErrorKind, Method};

/// As long as yc may take, which is the slowest of all, and then IAM.
const TIMEOUT: Duration = Duration::from_secs(40);

/// A service account, by way of other credentials.
///
/// ```no_run
/// use yandex_cloud_auth::{Credentials, ImpersonationAuth, MetadataAuth};
/// # async fn example() -> Result<(), yandex_cloud_auth::Error> {
/// let auth = ImpersonationAuth::new("ajefakefakefakefakef", MetadataAuth::new());
/// let header = Credentials::from(auth).header().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ImpersonationAuth {
    options: ImpersonationAuthBuilder,
}

/// What can vary about [`ImpersonationAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ImpersonationAuthBuilder {
    account: Account,
    credentials: Credentials,
    timeout: Duration,
    max_age: Duration,
}

impl ImpersonationAuth {
    /// The service account of this id, by way of `credentials`: a method, or [`Credentials`], which then share their token
    /// with their other clones. Nothing is looked at yet: what is wrong is told at first use.
    ///
    /// Put `on` another machine, it takes the credentials along, unless they were put on one of their own.
    #[must_use]
    pub fn new(service_account_id: impl Into<String>, credentials: impl Into<Credentials>) -> Self {
        Self::builder(service_account_id, credentials).build()
    }

    /// The same, with options.
    pub fn builder(
        service_account_id: impl Into<String>,
        credentials: impl Into<Credentials>,
    ) -> ImpersonationAuthBuilder {
        ImpersonationAuthBuilder {
            account: Account::new(service_account_id),
            credentials: credentials.into(),
            timeout: TIMEOUT,
            max_age: MAX_AGE,
        }
    }
}

impl ImpersonationAuthBuilder {
    /// How long the credentials and IAM may take together; 40 s, of which IAM has 10 s at the most.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// How long a token of the service account is used without another one being asked for; 1 h.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// The method.
    #[must_use]
    pub fn build(self) -> ImpersonationAuth {
        ImpersonationAuth { options: self }
    }
}

impl Sealed for ImpersonationAuth {
    fn method(&self) -> Method {
        Method::Impersonation
    }

    fn location(&self, _system: &System) -> String {
        format!("{} by way of {}", self.options.account, self.options.credentials.describe())
    }

    fn provider(&self, _system: &System) -> Result<Provider, Error> {
        let options = &self.options;
        let id = options.account.id().map_err(|error| error.at("service account id"))?.to_owned();
        // Where the method is known, so is what it gives.
        if let Some(method @ (Method::ApiKey | Method::None)) = options.credentials.method() {
            return Err(no_iam_token(method));
        }
        // An address that cannot be used is an error before the credentials are asked for a token.
        let installation = options.credentials.installation()?;
        installation.iam()?.0.check()?;
        Ok(Provider::Source(Arc::new(Impersonation {
            id,
            credentials: options.credentials.clone(),
            iam: OnceLock::new(),
            timeout: options.timeout,
            max_age: options.max_age,
        })))
    }

    fn with_system(&self, system: &System) -> Option<Arc<dyn Sealed>> {
        let mut options = self.options.clone();
        options.credentials = options.credentials.inherit_system(system);
        Some(Arc::new(Self { options }))
    }

    fn identity<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Identity> {
        Box::pin(async {
            let mut identity = Identity::of(self.method());
            match self.options.account.id() {
                Ok(id) => identity.subject_id = Some(id.to_owned()),
                Err(error) => identity.remarks.push(error.to_string()),
            }
            match self.options.credentials.identity(HeaderOptions::new()).await {
                Ok(behind) => identity.by_way_of = Some(Box::new(behind)),
                Err(error) => identity.remarks.push(error.to_string()),
            }
            identity
        })
    }

    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Detection> {
        // It has no variable: whoever has put it into a slot means it.
        Box::pin(std::future::ready(match self.provider(system) {
            Ok(provider) => Detection::Found { provider, first: None, reason: "given".to_owned() },
            Err(error) => Detection::Invalid(error),
        }))
    }
}

/// The source: asks IAM with whatever token the credentials have.
struct Impersonation {
    id: String,
    credentials: Credentials,
    /// Where the token of the credentials goes. Known once they have a token: a profile of yc is read for it.
    iam: OnceLock<Iam>,
    timeout: Duration,
    max_age: Duration,
}

impl TokenSource for Impersonation {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(self.impersonate(system))
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn max_age(&self) -> Duration {
        self.max_age
    }

    fn installation(&self, _system: &System) -> Result<Installation, Error> {
        self.credentials.installation()
    }
}

impl Impersonation {
    async fn impersonate(&self, system: &System) -> Result<Token, Error> {
        let (snapshot, bearer) = self.bearer().await?;
        let iam = self.iam()?;
        let refused = match iam.for_service_account(&bearer, &self.id, system).await {
            Err(error) if error.status() == Some(401) => error,
            outcome => return outcome.map_err(|error| self.explain(error)),
        };
        // The token was dead before its time: dropped, it is replaced once, where there is anything to replace it with.
        self.credentials.invalidate(&snapshot);
        let (fresh, bearer) = self.bearer().await?;
        if fresh.generation() == snapshot.generation() {
            return Err(self.explain(refused));
        }
        let outcome = iam.for_service_account(&bearer, &self.id, system).await;
        outcome.map_err(|error| self.explain(error))
    }

    /// The IAM of the installation that the credentials belong to: their token never goes to another one.
    fn iam(&self) -> Result<&Iam, Error> {
        if let Some(iam) = self.iam.get() {
            return Ok(iam);
        }
        let timeout = iam::TIMEOUT.min(self.timeout);
        let iam = Iam::new(&self.credentials.installation()?, timeout, "the token of the credentials")?;
        Ok(self.iam.get_or_init(|| iam))
    }

    /// The IAM token of the credentials, as a header.
    async fn bearer(&self) -> Result<(Snapshot, HeaderValue), Error> {
        let snapshot = self.credentials.get(HeaderOptions::new()).await.map_err(of_the_credentials)?;
        match (snapshot.scheme(), snapshot.header()) {
            (Some(Scheme::Bearer), Some(header)) => Ok((snapshot, header)),
            _ => Err(no_iam_token(snapshot.method())),
        }
    }

    /// What to do about a "no" of IAM.
    fn explain(&self, error: Error) -> Error {
        let (id, who) = (&self.id, self.credentials.describe());
        if error.kind() != ErrorKind::Refused {
            return error;
        }
        match error.status() {
            Some(401) => error.with_help(format!(
                "IAM does not take the token of the credentials behind it ({who}), nor a fresh one where there is any: look \
                 at them alone"
            )),
            Some(403) => error.with_help(format!(
                "whoever stands behind it ({who}) needs the role `iam.serviceAccounts.tokenCreator` on the service account or \
                 on its folder: `yc iam service-account add-access-binding {id} --role iam.serviceAccounts.tokenCreator \
                 --subject …`"
            )),
            _ => error.with_help(format!(
                "is {id} the id, and not the name, of a service account that there is? `yc iam service-account get {id}`"
            )),
        }
    }
}

/// An error of the credentials behind it, with all that it says.
fn of_the_credentials(cause: Error) -> Error {
    let mut error = Error::new(cause.kind(), format!("no token of the credentials behind it: {cause}"));
    if let Some(help) = cause.help() {
        error = error.with_help(help.to_owned());
    }
    if let Some(wait) = cause.retry_after() {
        error = error.with_retry_after(wait);
    }
    if let Some(report) = cause.report() {
        error = error.with_report(report.clone());
    }
    error.with_source(cause)
}

fn no_iam_token(method: Method) -> Error {
    Error::new(ErrorKind::Invalid, format!("the credentials behind it have no IAM token: they are `{method}`"))
        .with_help(
            "IAM is asked with an IAM token: impersonate by way of metadata, a service account key, workload identity or \
             the yc CLI",
        )
}
