//! Credentials: what a program holds.

mod blocking;
mod choice;
mod identity;
mod revocation;
mod run_detached;
mod subscription;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use http::HeaderValue;

pub use self::blocking::Blocking;
use self::choice::{Backend, CredentialsSource, Fetcher, Selected};
pub use self::revocation::{RevokeOptions, Revoked};
pub use self::subscription::Subscription;
use crate::cloud::installation::Installation;
use crate::methods::{AuthMethod, Own, Provider, TokenSource};
use crate::refresh::cache::{Cache, Counters, Goal};
use crate::refresh::cached_header::{CachedHeader, CachedHeaderGuard, Snapshot};
use crate::refresh::flight::Deadline;
use crate::refresh::notifier::Notifier;
use crate::selection::{Automatic, Meaning, Report, read};
use crate::system::{BoxFuture, System};
use crate::{Error, ErrorKind, Method};

/// A method and everything that keeps its header fresh. Cheap to clone; clones share one token and one fetch.
///
/// Making one does no I/O, starts nothing and needs no runtime. A token is fetched on first need, on a thread of the
/// library's own, so that any executor may ask, or none ([`blocking`](Self::blocking)). While a usable token exists
/// no call fails or waits: it is renewed beside the calls. When the last clone goes away, so does its fetch.
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
    /// Whether they were put there, and stay there when other credentials that hold them are put elsewhere.
    pinned: bool,
    chosen: Arc<OnceLock<Selected>>,
    changes: Arc<Notifier>,
    cache: Cache,
}

/// What one call asks for beyond a header.
///
/// ```
/// use std::time::Duration;
/// use yandex_cloud_auth::HeaderOptions;
/// let options = HeaderOptions::new().deadline(Duration::from_millis(500)).min_ttl(Duration::from_secs(120));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct HeaderOptions {
    deadline: Option<Duration>,
    min_ttl: Duration,
}

impl HeaderOptions {
    /// A usable header, waited for as long as its method may take: 5 s for metadata, 10 s for IAM, 30 s for yc.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits no longer than this, selection and fetch together. The fetch goes on for the others.
    pub fn deadline(mut self, span: Duration) -> Self {
        self.deadline = Some(span);
        self
    }

    /// Wants a token that lives this much longer. At most one refresh is made for it, shared with other callers; if
    /// its token still is short, the call fails and tells the best life to be had. A life that nobody told is taken
    /// for 12 h from first sight.
    pub fn min_ttl(mut self, span: Duration) -> Self {
        self.min_ttl = span;
        self
    }
}

impl<M: AuthMethod> From<M> for Credentials {
    fn from(method: M) -> Self {
        Self::new(CredentialsSource::Method(Arc::new(method)), System::real(), false)
    }
}

impl Credentials {
    /// Selected by what the machine offers, in the order of [`Automatic`]. Looks at nothing yet.
    #[must_use]
    pub fn automatic() -> Self {
        Automatic::new().build()
    }

    /// Automatic selection with options: slots replaced or removed, lenience.
    pub fn automatic_builder() -> Automatic {
        Automatic::new()
    }

    /// What a bare string is: `t1.…` an IAM token, `y0_…` an OAuth token, a JSON object a service account key, anything
    /// else an API key.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where it is empty, has a scheme in front (`Bearer …`), cannot stand in a header, or is
    /// JSON but no key of a service account. The value is not shown.
    ///
    /// ```
    /// use yandex_cloud_auth::{Credentials, Method};
    /// assert_eq!(Credentials::from_string(" t1.fake.token\n")?.method(), Some(Method::IamToken));
    /// assert_eq!(Credentials::from_string("y0_fake")?.method(), Some(Method::OAuthToken));
    /// assert_eq!(Credentials::from_string("AQVN-fake")?.method(), Some(Method::ApiKey));
    /// # Ok::<(), yandex_cloud_auth::Error>(())
    /// ```
    pub fn from_string(text: impl AsRef<str>) -> Result<Self, Error> {
        Ok(match read(text.as_ref())? {
            Meaning::ApiKey(method) => method.into(),
            Meaning::IamToken(method) => method.into(),
            Meaning::OAuthToken(method) => method.into(),
            #[cfg(feature = "service-account-key")]
            Meaning::ServiceAccountKey(method) => method.into(),
        })
    }

    /// From a token source of your own, kept fresh like any other.
    #[must_use]
    pub fn from_source(source: impl TokenSource) -> Self {
        Self::from(Own::new(source))
    }

    pub(crate) fn from_automatic(automatic: Automatic, system: System, pinned: bool) -> Self {
        Self::new(CredentialsSource::Automatic(automatic), system, pinned)
    }

    /// The same method on another machine than the real one, beginning anew: nothing chosen, nothing fetched.
    ///
    /// Credentials that the method holds, as [`ImpersonationAuth`](crate::ImpersonationAuth) does, go along, unless
    /// they were put on a machine of their own.
    #[must_use]
    pub fn with_system(self, system: System) -> Self {
        self.at(system, true)
    }

    /// The same beside other credentials that are put on this machine; those that were put elsewhere stay there.
    pub(crate) fn inherit_system(&self, system: &System) -> Self {
        if self.inner.pinned { self.clone() } else { self.at(system.clone(), false) }
    }

    fn at(&self, system: System, pinned: bool) -> Self {
        let source = self.inner.source.with_system(&system);
        Self::new(source, system, pinned)
    }

    /// The installation that their tokens belong to, and that may see them. A profile of yc, and what stands on one,
    /// tells it once a token was fetched; before that, it is that of the system.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where an address cannot be read.
    #[doc(hidden)]
    pub fn installation(&self) -> Result<Installation, Error> {
        match self.inner.chosen.get().map(|chosen| &chosen.backend) {
            Some(Backend::Cached(Provider::Source(source))) => source.installation(&self.inner.system),
            _ => Installation::of(&self.inner.system),
        }
    }

    /// What they are called in a sentence: by the method, or by whom it impersonates.
    pub(crate) fn describe(&self) -> String {
        match &*self.inner.source {
            CredentialsSource::Method(method) if method.method() == Method::Impersonation => {
                method.location(&self.inner.system)
            }
            CredentialsSource::Method(method) => method.method().name().to_owned(),
            CredentialsSource::Automatic(_) => {
                let chosen = self.inner.chosen.get().map(|chosen| chosen.method.name());
                chosen.unwrap_or("automatic selection").to_owned()
            }
        }
    }

    fn new(source: CredentialsSource, system: System, pinned: bool) -> Self {
        let source = Arc::new(source);
        let chosen = Arc::new(OnceLock::new());
        let changes = Arc::new(Notifier::default());
        let fetcher =
            Fetcher { source: Arc::clone(&source), system: system.clone(), chosen: Arc::clone(&chosen) };
        let cache = Cache::new(system.clone(), Box::new(fetcher), Arc::clone(&changes));
        if let CredentialsSource::Method(method) = &*source
            && let Some(provider) = method.provider_without_io(&system)
        {
            let choice = Selected::given(method, provider, &system, "given".to_owned(), Vec::new());
            if let Some(mut ready) = choice.fixed(&system) {
                ready.generation = 1;
                cache.put(ready);
            }
            let _ = chosen.set(choice);
        }
        Self { inner: Arc::new(Inner { source, system, pinned, chosen, changes, cache }) }
    }

    /// The value for `Authorization`, marked sensitive; `None` for the method `none` alone.
    ///
    /// Returns at once while a usable token is at hand. Otherwise waits for the selection and the fetch, which it
    /// shares with every other caller.
    ///
    /// # Errors
    /// Any [`ErrorKind`]; a failure is remembered for a while (1 s to 60 s) and told again in that time.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the fetch goes on.
    #[inline]
    pub fn header(&self) -> impl Future<Output = Result<Option<HeaderValue>, Error>> + Send + '_ {
        // By hand, because the body of an `async fn` is not inlined into other crates.
        let mut wait: Option<BoxFuture<'_, _>> = None;
        std::future::poll_fn(move |context| {
            if wait.is_none()
                && let Some(header) = self.cached_header()
            {
                return Poll::Ready(header);
            }
            wait.get_or_insert_with(|| Box::pin(self.header_with(HeaderOptions::new())))
                .as_mut()
                .poll(context)
        })
    }

    /// The header where it needs no waiting. Unlike [`try_header`](Self::try_header), starts no first fetch.
    #[inline]
    pub(crate) fn cached_header(&self) -> Option<Result<Option<HeaderValue>, Error>> {
        match self.get_cached()? {
            Ok(ready) => Some(Ok(ready.header())),
            Err(error) => Some(Err(error)),
        }
    }

    /// The system that the credentials use.
    #[cfg(feature = "tower")]
    pub(crate) fn system(&self) -> &System {
        &self.inner.system
    }

    /// What needs no waiting.
    #[inline]
    pub(crate) fn get_cached(&self) -> Option<Result<CachedHeaderGuard, Error>> {
        match self.inner.cache.get_cached() {
            Some(ready) => Some(Ok(ready)),
            None => self.inner.read(Duration::ZERO).map(|read| read.map(CachedHeaderGuard::from)),
        }
    }

    /// The same, with a deadline or a least remaining life.
    ///
    /// # Errors
    /// As [`header`](Self::header), and: [`ErrorKind::Unavailable`] where the deadline passes first,
    /// [`ErrorKind::Expired`] where no token lives long enough.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the fetch goes on.
    pub async fn header_with(&self, options: HeaderOptions) -> Result<Option<HeaderValue>, Error> {
        self.get(options).await.map(|snapshot| snapshot.header())
    }

    /// The whole snapshot instead of its header alone: keep it beside the request, to
    /// [`invalidate`](Self::invalidate) it where a server refuses it.
    ///
    /// # Errors
    /// As [`header_with`](Self::header_with).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the fetch goes on.
    pub async fn get(&self, options: HeaderOptions) -> Result<Snapshot, Error> {
        let mut deadline = Deadline::after(options.deadline);
        for _ in 0..3 {
            if let Some(read) = self.inner.read(options.min_ttl) {
                return read.map(Snapshot);
            }
            if let Some(ready) = self.inner.cache.get(Goal::Header, options.min_ttl, &mut deadline).await? {
                return Ok(Snapshot(ready));
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "the token was refused as fast as it came"))
    }

    /// The header without waiting: `None` where there is none yet. Never selects; starts a fetch where one is due.
    ///
    /// # Errors
    /// The failure that is remembered now, where there is one; for `env-iam-token`, what is wrong with the variable.
    #[inline]
    pub fn try_header(&self) -> Option<Result<Option<HeaderValue>, Error>> {
        self.cached_header().or_else(|| self.try_harder())
    }

    #[cold]
    fn try_harder(&self) -> Option<Result<Option<HeaderValue>, Error>> {
        if let Some(error) = self.inner.cache.failure() {
            return Some(Err(error));
        }
        if self.inner.chosen.get().is_some() || matches!(&*self.inner.source, CredentialsSource::Method(_)) {
            self.inner.cache.prewarm();
        }
        None
    }

    /// Chooses the method now, and says why. The choice stays; a failure is remembered for seconds.
    ///
    /// # Errors
    /// What is broken or missing; [`Error::report`] says what was looked at.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the selection goes on.
    pub async fn select(&self) -> Result<Report, Error> {
        let mut deadline = Deadline::after(None);
        for _ in 0..2 {
            if let Some(chosen) = self.inner.chosen.get() {
                return Ok(chosen.report.clone());
            }
            let outcome = self.inner.cache.get(Goal::Select, Duration::ZERO, &mut deadline).await;
            if self.inner.chosen.get().is_none() {
                outcome?;
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "the selection ended without a choice"))
    }

    /// Starts the selection and the first fetch, where they are due, and returns at once.
    pub fn prewarm(&self) {
        match self.inner.chosen.get().map(|chosen| &chosen.backend) {
            Some(Backend::Variable(_) | Backend::PushedToken(_)) => {}
            Some(Backend::Cached(_)) | None => self.inner.cache.prewarm(),
        }
    }

    /// Drops exactly the token of this snapshot, because a server refused it: the next call fetches.
    ///
    /// False where that changes nothing: a newer token is at hand, the method has nothing newer to give (`api-key`,
    /// `iam-token`, `none`), or the source gave the same token again after an earlier refusal. In that last case the
    /// refusal stands: the token keeps its generation and is still sent, since other services may take it, while the
    /// source is asked for another at growing intervals. And where servers refuse one token after another, the first three
    /// in a row are replaced at once, later ones at growing intervals: each replacement is a request to the source.
    pub fn invalidate(&self, refused: &Snapshot) -> bool {
        match self.inner.chosen.get().map(|chosen| &chosen.backend) {
            Some(Backend::Cached(Provider::Source(_))) => self.inner.cache.invalidate(&refused.0),
            Some(Backend::Variable(_) | Backend::PushedToken(_)) => {
                let read = self.inner.read(Duration::ZERO);
                read.is_some_and(|read| read.is_ok_and(|now| now.generation != refused.generation()))
            }
            _ => false,
        }
    }

    /// The usable header at hand with its generation and expiry; `None` where there is none now.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        match self.inner.read(Duration::ZERO) {
            Some(read) => read.ok().map(Snapshot),
            None => self.inner.cache.usable().map(Snapshot),
        }
    }

    /// The method: known from the start where one was given, else once it is chosen.
    #[must_use]
    pub fn method(&self) -> Option<Method> {
        match &*self.inner.source {
            CredentialsSource::Method(method) => Some(method.method()),
            CredentialsSource::Automatic(_) => self.inner.chosen.get().map(|chosen| chosen.method),
        }
    }

    /// Why this method; `None` before it is chosen.
    #[must_use]
    pub fn report(&self) -> Option<Report> {
        self.inner.chosen.get().map(|chosen| chosen.report.clone())
    }

    /// How often things happened.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.inner.cache.counters()
    }

    /// Tells of every new generation from now on.
    ///
    /// It renews nothing by itself: tokens are renewed beside calls, so somebody has to make calls.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription::new(Arc::downgrade(&self.inner), &self.inner.changes)
    }

    /// The same calls for code without an executor: each blocks its thread.
    #[must_use]
    pub fn blocking(&self) -> Blocking {
        Blocking { credentials: self.clone() }
    }
}

impl Inner {
    /// What stands there now, where the method is one that is read for every request.
    fn read(&self, min_ttl: Duration) -> Option<Result<Arc<CachedHeader>, Error>> {
        match &self.chosen.get()?.backend {
            Backend::Variable(variable) => Some(variable.read(&self.system, &self.changes)),
            Backend::PushedToken(handed) => Some(handed.read(min_ttl, &self.changes)),
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
