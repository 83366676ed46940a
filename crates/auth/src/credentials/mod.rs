//! What a program holds: a method, and everything that keeps its header fresh.

mod blocking;
mod header;
mod identity;
mod impersonation;
#[cfg(feature = "object-storage")]
mod object_storage;
mod revocation;
mod selected;
#[cfg(feature = "shared-cache")]
mod shared;
#[cfg(all(feature = "object-storage", feature = "shared-cache"))]
mod shared_key;
mod subscription;
mod verification;

use std::fmt;
use std::time::Duration;

pub use self::blocking::Blocking;
pub use self::header::HeaderOptions;
pub use self::impersonation::{ImpersonationAuth, ImpersonationAuthBuilder};
#[cfg(feature = "object-storage")]
pub use self::object_storage::EphemeralAccessKeyOptions;
pub use self::revocation::{RevokeOptions, Revoked};
use self::selected::{Backend, CredentialsSource, Fetcher, Selected, SelectionState};
pub use self::subscription::Subscription;
use crate::cloud::installation::Installation;
use crate::methods::sealed::with_warning;
use crate::methods::{AuthMethod, CustomAuth, Provider};
use crate::refresh::cache::{Cache, Counters};
use crate::refresh::cached_header::{CachedHeader, Snapshot};
use crate::report::Report;
use crate::selection::Automatic;
use crate::selection::string::{ParsedCredential, parse};
use crate::source::TokenSource;
use crate::sync::Arc;
use crate::system::{Progress, System};
use crate::task::notifier::Notifier;
use crate::task::run_detached::run_detached;
use crate::token::Token;
use crate::{Error, Method};

/// A method and everything that keeps its header fresh. Cheap to clone; clones share one token and one fetch.
///
/// Making credentials does no I/O, starts no thread and needs no runtime. The first call fetches a token, on a thread
/// of the library, so any executor can call, or code without one ([`blocking`](Self::blocking)). While a usable token
/// exists, no call fails or waits: the token is refreshed in the background. Dropping the last clone stops the fetch.
///
/// ```
/// use yandex_cloud_auth::{ApiKeyAuth, Credentials};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), yandex_cloud_auth::Error> {
/// let credentials = Credentials::from(ApiKeyAuth::new("AQVN-fake-key")?);
/// let header = credentials.header().await?.unwrap();
/// assert_eq!(header, "Api-Key AQVN-fake-key");
/// assert!(header.is_sensitive());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Credentials {
    inner: Arc<Inner>,
}

struct Inner {
    source: Arc<CredentialsSource>,
    system: System,
    /// Whether [`Credentials::with_system`] set the system. A pinned system stays when other credentials that hold
    /// these are moved to another system.
    pinned: bool,
    selection: Arc<SelectionState>,
    notifier: Arc<Notifier>,
    cache: Cache,
}

impl<M: AuthMethod> From<M> for Credentials {
    fn from(method: M) -> Self {
        Self::new(CredentialsSource::Method(Arc::new(method)), System::real(), false)
    }
}

impl From<Automatic> for Credentials {
    fn from(automatic: Automatic) -> Self {
        automatic.build()
    }
}

impl Automatic {
    /// The credentials. Does no I/O: the selection runs on first use, or with [`select`](Credentials::select).
    #[must_use]
    pub fn build(self) -> Credentials {
        let (system, pinned) = match self.system() {
            Some(system) => (system.clone(), true),
            None => (System::real(), false),
        };
        let automatic = if pinned { self.with_methods_on(&system) } else { self };
        Credentials::new(CredentialsSource::Automatic(automatic), system, pinned)
    }
}

impl Credentials {
    /// Selected by what the machine offers, in the order of [`Automatic`]. Does no I/O yet.
    #[must_use]
    pub fn automatic() -> Self {
        Automatic::new().build()
    }

    /// From a bare string: `t1.…` is an IAM token, `y0_…` an OAuth token, JSON or its base64 a service account key, and
    /// any other token an API key. Quotes around the string are removed.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the string is empty, has a scheme in front (`Bearer …`),
    /// cannot be sent in a header, or is JSON but not a service account key. The error does not show the string.
    ///
    /// ```
    /// use yandex_cloud_auth::{Credentials, Method};
    /// assert_eq!(Credentials::from_string(" t1.fake.token\n")?.method(), Some(Method::IamToken));
    /// assert_eq!(Credentials::from_string("y0_fake")?.method(), Some(Method::OAuthToken));
    /// assert_eq!(Credentials::from_string("AQVN-fake")?.method(), Some(Method::ApiKey));
    /// # Ok::<(), yandex_cloud_auth::Error>(())
    /// ```
    pub fn from_string(text: impl AsRef<str>) -> Result<Self, Error> {
        Ok(match parse(text.as_ref())? {
            ParsedCredential::ApiKey(method) => method.into(),
            ParsedCredential::IamToken(method) => method.into(),
            ParsedCredential::OAuthToken(method) => method.into(),
            #[cfg(feature = "service-account-key")]
            ParsedCredential::ServiceAccountKey(method) => method.into(),
        })
    }

    /// From an async function that fetches a token, under the rules of [`TokenSource::fetch`]. The token is kept fresh
    /// like that of any method.
    ///
    /// ```
    /// use std::time::Duration;
    /// use yandex_cloud_auth::{Credentials, Token};
    ///
    /// let credentials = Credentials::from_fn(|| async {
    ///     let token = "t1.fake.token-from-a-vault"; // ask the vault here
    ///     Ok(Token::new(token)?.expiring_in(Duration::from_secs(3600)))
    /// });
    /// assert_eq!(credentials.blocking().header()?.unwrap(), "Bearer t1.fake.token-from-a-vault");
    /// # Ok::<(), yandex_cloud_auth::Error>(())
    /// ```
    #[must_use]
    pub fn from_fn<F, Fetched>(fetch: F) -> Self
    where
        F: Fn() -> Fetched + Send + Sync + 'static,
        Fetched: Future<Output = Result<Token, Error>> + Send + 'static,
    {
        Self::from(CustomAuth::from_fn(fetch))
    }

    /// From a token source, for a fetch that uses the [`System`], or has a timeout or a `max_age` of its own.
    #[must_use]
    pub fn from_source(source: impl TokenSource) -> Self {
        Self::from(CustomAuth::new(source))
    }

    fn new(source: CredentialsSource, system: System, pinned: bool) -> Self {
        let source = Arc::new(source);
        let selection = Arc::new(SelectionState::default());
        let progress = Arc::new(Progress::default());
        let notifier = Arc::new(Notifier::default());
        let fetcher = Fetcher {
            source: Arc::clone(&source),
            system: system.clone().with_progress(Arc::clone(&progress)),
            selection: Arc::clone(&selection),
            progress,
        };
        let cache = Cache::new(system.clone(), Box::new(fetcher), Arc::clone(&notifier));
        if let CredentialsSource::Method(method) = &*source
            && let Some(provider) = method.provider_without_io(&system)
        {
            // The warning about a variable would read it. Making credentials reads none.
            let warning = match provider {
                Provider::Live(_) => None,
                _ => method.warning(&system),
            };
            let reason = with_warning("given", warning);
            let selected = Selected::given(method, provider, &system, reason, Vec::new());
            if let Some(mut header) = selected.fixed(&system) {
                header.generation = 1;
                cache.put(header);
            }
            selection.set(selected);
        }
        Self { inner: Arc::new(Inner { source, system, pinned, selection, notifier, cache }) }
    }

    /// The same method on another system, from the start: nothing is selected or fetched yet.
    ///
    /// Credentials that the method holds, as [`ImpersonationAuth`] does, move to this system too, unless they have one
    /// of their own.
    #[must_use]
    pub fn with_system(self, system: System) -> Self {
        Self::new(self.inner.source.with_system(&system), system, true)
    }

    /// The same credentials inside other credentials that are moved to `system`. Pinned ones stay on their own system.
    /// Public for the SDK, which moves credentials to its own system.
    #[doc(hidden)]
    #[must_use]
    pub fn inherit_system(&self, system: &System) -> Self {
        if self.inner.pinned {
            return self.clone();
        }
        Self::new(self.inner.source.with_system(system), system.clone(), false)
    }

    /// The system of the credentials. Public for the SDK, which compares endpoints.
    #[doc(hidden)]
    #[must_use]
    pub fn system(&self) -> &System {
        &self.inner.system
    }

    /// The installation that the tokens belong to, and that may receive them. Selects first, where the method is not
    /// known yet. A profile of yc may name the installation: the first fetch reads it, and yc is asked for it.
    ///
    /// # Errors
    /// As [`header`](Self::header); [`ErrorKind::Invalid`] if an address cannot be read.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    #[doc(hidden)]
    pub async fn resolve_installation(&self) -> Result<Installation, Error> {
        if let None | Some(Method::YandexCloudCli) = self.method() {
            self.select().await?;
        }
        if let Some(Method::Profile | Method::Impersonation) = self.method() {
            self.header().await?;
        }
        if let Some(Backend::Cached(Provider::Source(source))) = self.backend() {
            let (source, system) = (Arc::clone(source), self.inner.system.clone());
            let work = async move { source.learn_installation(&system).await };
            run_detached(&self.inner.system, work).await??;
        }
        self.installation()
    }

    /// As [`resolve_installation`](Self::resolve_installation), as far as it is known without a wait; else the
    /// installation of the system.
    fn installation(&self) -> Result<Installation, Error> {
        match self.backend() {
            Some(Backend::Cached(Provider::Source(source))) => source.installation(&self.inner.system),
            _ => Installation::of(&self.inner.system),
        }
    }

    fn backend(&self) -> Option<&Backend> {
        self.inner.selection.get().map(|selected| &selected.backend)
    }

    /// What the credentials are called in a sentence: by their method, or by the service account that they impersonate.
    fn describe(&self) -> String {
        match &*self.inner.source {
            CredentialsSource::Method(method) if method.method() == Method::Impersonation => {
                method.location(&self.inner.system)
            }
            _ => self.method().map_or("automatic selection", Method::name).to_owned(),
        }
    }

    /// The method: known from the start if it was given, else once it is selected.
    #[must_use]
    pub fn method(&self) -> Option<Method> {
        match &*self.inner.source {
            CredentialsSource::Method(method) => Some(method.method()),
            CredentialsSource::Automatic(_) => self.inner.selection.get().map(|selected| selected.method),
        }
    }

    /// Why this method was selected; after a selection that failed, what it tried. `None` before the first selection
    /// has ended. A note tells how far the clock of the machine is off, if IAM has refused a JWT for it.
    ///
    /// ```
    /// use yandex_cloud_auth::testing::TestEnvironment;
    /// use yandex_cloud_auth::{Credentials, Outcome, System};
    ///
    /// let environment = TestEnvironment::new([("YC_API_KEY", "t1.fake.token")]); // not an API key
    /// let credentials = Credentials::automatic().with_system(System::real().with_environment(environment));
    /// assert!(credentials.report().is_none());
    /// assert!(credentials.blocking().header().is_err());
    /// assert_eq!(credentials.report().unwrap().attempts()[0].outcome, Outcome::Broken);
    /// ```
    #[must_use]
    pub fn report(&self) -> Option<Report> {
        self.inner.report()
    }

    /// The usable header with its generation and expiry; `None` if there is none now.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        match self.inner.read_live(Duration::ZERO) {
            Some(header) => header.ok().map(Snapshot),
            None => self.inner.cache.usable().map(Snapshot),
        }
    }

    /// The [`generation`](Snapshot::generation) of the usable header; `None` if there is none now. For a program that keeps
    /// the header in a form of its own: an equal number means that the kept form is still right. Cheaper than a
    /// snapshot, and refreshes a stale token in the background like every look at the header.
    ///
    /// ```
    /// use yandex_cloud_auth::{ApiKeyAuth, Credentials};
    /// let credentials = Credentials::from(ApiKeyAuth::new("AQVN-fake-key")?);
    /// assert_eq!(credentials.generation(), credentials.snapshot().map(|snapshot| snapshot.generation()));
    /// # Ok::<(), yandex_cloud_auth::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        match self.thread_copy() {
            Some(copy) => Some(copy.generation),
            None => self.read_shared(|ready| ready.generation)?.ok(),
        }
    }

    /// What the selection or the fetch that is under way waits for now: the slot, and the address, program or file.
    /// `None` between two fetches. For a message about time that ran out.
    ///
    /// ```
    /// use yandex_cloud_auth::{ApiKeyAuth, Credentials};
    /// let credentials = Credentials::from(ApiKeyAuth::new("AQVN-fake-key")?);
    /// assert_eq!(credentials.waiting_for(), None);
    /// # Ok::<(), yandex_cloud_auth::Error>(())
    /// ```
    #[must_use]
    pub fn waiting_for(&self) -> Option<String> {
        self.inner.cache.waiting_for()
    }

    /// Why the last attempt to fetch a token failed; `None` after a success, and before the first attempt. Callers see no
    /// failure while the last token is usable: show this one to people.
    #[must_use]
    pub fn last_failure(&self) -> Option<Error> {
        self.inner.cache.last_failure()
    }

    /// How often things happened.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.inner.cache.counters()
    }

    /// Tells of every new token from now on.
    ///
    /// A subscription refreshes nothing by itself: calls refresh tokens, so some part of the program has to make calls.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription::new(Arc::downgrade(&self.inner), &self.inner.notifier)
    }

    /// The same calls for code without an executor: each blocks its thread.
    #[must_use]
    pub fn blocking(&self) -> Blocking {
        Blocking { credentials: self.clone() }
    }
}

impl Inner {
    /// The report of the selection, with what is known about the clock now.
    fn report(&self) -> Option<Report> {
        let report = self.selection.report()?;
        Some(match self.system.clock_warning() {
            Some(warning) => report.with_note(warning),
            None => report,
        })
    }

    /// The header of a live token; `None` for a method whose header is in the cache.
    fn read_live(&self, min_ttl: Duration) -> Option<Result<Arc<CachedHeader>, Error>> {
        match &self.selection.get()?.backend {
            Backend::Live(header) => Some(header.read(&self.system, min_ttl, &self.notifier)),
            Backend::Cached(_) => None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").field("method", &self.method()).finish_non_exhaustive()
    }
}

impl std::str::FromStr for Credentials {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_string(text)
    }
}
