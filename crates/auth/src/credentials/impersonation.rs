//! `impersonation`: a service account, via other credentials.
//!
//! For a program that acts as a service account without having its key: a person via yc, or one service account via
//! another. The underlying credentials need the role `iam.serviceAccounts.tokenCreator` on the service account (docs,
//! "Impersonation"), and their IAM token authorises the request to IAM. Both tokens are kept fresh, each by its own
//! credentials. Impersonation nests.
//!
//! Variables: `YC_API_ENDPOINT` for the discovery endpoint. No variable adds impersonation to automatic selection: only
//! the program itself may change its identity. Errors: `Invalid` if the id is not an id, or the credentials have no IAM
//! token; `Refused` if IAM refuses; `Blocked` if a token would go to a foreign host; and those of the underlying
//! credentials.

use std::time::Duration;

use http::HeaderValue;

use super::{Credentials, HeaderOptions};
use crate::cloud::iam::{self, Iam};
use crate::cloud::installation::Installation;
use crate::methods::options::duration_options;
use crate::methods::sealed::Sealed;
use crate::methods::{Identity, Provider, ServiceAccountId};
use crate::refresh::cached_header::{Scheme, Snapshot};
#[cfg(feature = "shared-cache")]
use crate::shared_cache::CacheIdentity;
use crate::source::TokenSource;
use crate::sync::{Arc, OnceLock};
use crate::system::{BoxFuture, System};
use crate::token::{MAX_AGE, Token};
use crate::{Error, ErrorKind, Method};

/// The time of yc, the slowest method, plus the time of IAM.
const TIMEOUT: Duration = Duration::from_secs(40);

/// A service account, impersonated via other credentials.
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

/// The options of [`ImpersonationAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ImpersonationAuthBuilder {
    account: ServiceAccountId,
    credentials: Credentials,
    timeout: Duration,
    max_age: Duration,
}

impl ImpersonationAuth {
    /// The service account of this id, via `credentials`: a method, or [`Credentials`] that share their token with
    /// their other clones. Nothing is checked yet: the first use returns the errors.
    ///
    /// [`Credentials::with_system`] moves the underlying credentials too, unless they have a system of their own.
    #[must_use]
    pub fn new(service_account_id: impl Into<String>, credentials: impl Into<Credentials>) -> Self {
        Self::builder(service_account_id, credentials).build()
    }

    /// The same method, with options.
    pub fn builder(
        service_account_id: impl Into<String>,
        credentials: impl Into<Credentials>,
    ) -> ImpersonationAuthBuilder {
        ImpersonationAuthBuilder {
            account: ServiceAccountId::new(service_account_id),
            credentials: credentials.into(),
            timeout: TIMEOUT,
            max_age: MAX_AGE,
        }
    }
}

impl ImpersonationAuthBuilder {
    duration_options! {
        timeout: "How long the underlying credentials and IAM may take together; 40 s by default. IAM gets 10 s of it \
                  at most.",
        max_age: "How long a token of the service account is used before the next one is requested; 1 h by default."
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
        format!("{} via {}", self.options.account, self.options.credentials.describe())
    }

    fn provider(&self, _system: &System) -> Result<Provider, Error> {
        let options = &self.options;
        let id = options.account.id().map_err(|error| error.at("service account id"))?.to_owned();
        // A method that is known now tells now that it has no IAM token.
        if let Some(method @ (Method::ApiKey | Method::None)) = options.credentials.method() {
            return Err(no_iam_token(method));
        }
        // An address that cannot be used is an error before the credentials fetch a token.
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
                Ok(via) => identity.via = Some(Box::new(via)),
                Err(error) => identity.remarks.push(error.to_string()),
            }
            identity
        })
    }
}

/// The source: requests a token from IAM, authorised by the token of the underlying credentials.
struct Impersonation {
    id: String,
    credentials: Credentials,
    /// Where the token of the credentials goes. Known once they have a token, because a profile of yc may name the
    /// endpoint.
    iam: OnceLock<Iam>,
    timeout: Duration,
    max_age: Duration,
}

impl TokenSource for Impersonation {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(self.impersonate(system))
    }

    #[cfg(feature = "shared-cache")]
    fn cache_identity<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Option<CacheIdentity>> {
        Box::pin(async { Some(self.credentials.cache_identity().await?.impersonating(&self.id)) })
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

    fn learn_installation<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { self.credentials.resolve_installation().await.map(drop) })
    }
}

impl Impersonation {
    async fn impersonate(&self, system: &System) -> Result<Token, Error> {
        system.begin_step(&format!(
            "the token of the credentials that impersonate ({})",
            self.credentials.describe()
        ));
        let (snapshot, bearer) = self.bearer().await?;
        let iam = self.iam().await?;
        let outcome = self.exchange(iam, &bearer, system).await;
        if outcome.as_ref().err().and_then(Error::status) != Some(401) {
            return outcome;
        }
        // IAM refused the token before its expiry: drop it, and try once more if the source has another one.
        self.credentials.invalidate(&snapshot);
        let (fresh, bearer) = self.bearer().await?;
        if fresh.generation() == snapshot.generation() {
            return outcome;
        }
        self.exchange(iam, &bearer, system).await
    }

    async fn exchange(&self, iam: &Iam, bearer: &HeaderValue, system: &System) -> Result<Token, Error> {
        let token = iam.for_service_account(bearer, &self.id, system).await;
        token.map_err(|error| self.explain(error))
    }

    /// The IAM of the installation that the credentials belong to. Their token never goes to another installation.
    async fn iam(&self) -> Result<&Iam, Error> {
        if let Some(iam) = self.iam.get() {
            return Ok(iam);
        }
        let installation = self.credentials.resolve_installation().await?;
        let timeout = iam::TIMEOUT.min(self.timeout);
        let iam = Iam::new(&installation, timeout, "the token of the credentials")?;
        Ok(self.iam.get_or_init(|| iam))
    }

    /// The IAM token of the credentials, as a header.
    async fn bearer(&self) -> Result<(Snapshot, HeaderValue), Error> {
        let snapshot = self.credentials.get(HeaderOptions::new()).await.map_err(underlying_error)?;
        match (snapshot.scheme(), snapshot.header()) {
            (Some(Scheme::Bearer), Some(header)) => Ok((snapshot, header)),
            _ => Err(no_iam_token(snapshot.method())),
        }
    }

    /// The error with what to do about a refusal of IAM.
    fn explain(&self, error: Error) -> Error {
        let (id, underlying) = (&self.id, self.credentials.describe());
        if !error.is_refusal() {
            return error;
        }
        match error.status() {
            Some(401) => error.with_help(format!(
                "IAM refuses the token of the underlying credentials ({underlying}), and a new one if they have one: check \
                 these credentials without impersonation"
            )),
            Some(403) => error.with_help(format!(
                "the underlying credentials ({underlying}) need the role `iam.serviceAccounts.tokenCreator` on the service \
                 account or on its folder: `yc iam service-account add-access-binding {id} --role iam.serviceAccounts.tokenCreator \
                 --subject …`"
            )),
            _ => error.with_help(format!(
                "check that {id} is the id of an existing service account, and not a name: `yc iam service-account get {id}`"
            )),
        }
    }
}

/// The error of the underlying credentials, with its help, its report and its time to wait.
fn underlying_error(cause: Error) -> Error {
    let mut error = Error::new(cause.kind(), format!("no token from the underlying credentials: {cause}"));
    if let Some(help) = cause.help() {
        error = error.with_help(help.to_owned());
    }
    if let Some(wait) = cause.retry_after() {
        error = error.with_retry_after(wait);
    }
    if let Some(report) = cause.report() {
        error = error.with_report(report.clone());
    }
    // The underlying credentials have tried again for as long as their method may take.
    if !cause.is_worth_a_retry() {
        error = error.without_retry();
    }
    error.with_source(cause)
}

fn no_iam_token(method: Method) -> Error {
    Error::new(ErrorKind::Invalid, format!("the underlying credentials have no IAM token: their method is `{method}`"))
        .with_help(
            "impersonation needs an IAM token: impersonate via metadata, a service account key, workload identity or the yc \
             CLI",
        )
}
