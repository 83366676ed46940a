//! How a call gets a header, and what it can say about the header afterwards.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::HeaderValue;

use super::{Backend, Credentials};
use crate::methods::Provider;
use crate::refresh::cached_header::{ReadyHeader, Snapshot};
use crate::refresh::fetch::Goal;
use crate::refresh::thread_copies::ThreadCopy;
use crate::report::Report;
use crate::secret::Secret;
use crate::system::BoxFuture;
use crate::task::deadline::WaitLimit;
use crate::{Error, ErrorKind};

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
    pub(super) deadline: Option<Duration>,
    min_ttl: Duration,
}

impl HeaderOptions {
    /// A usable header. The call waits for as long as the method may take: 5 s for metadata, 10 s for IAM, 30 s for yc.
    /// A service that fails is tried again in this time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits no longer than this for selection and fetch together. The fetch goes on for other callers.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = Some(limit);
        self
    }

    /// Requires a token that lives this much longer. At most one refresh is made for it, shared with other callers. If
    /// the new token is still too short-lived, the call fails and tells the longest life available. A token of unknown
    /// life counts as living for 12 h from first sight.
    pub fn min_ttl(mut self, life: Duration) -> Self {
        self.min_ttl = life;
        self
    }
}

impl Credentials {
    /// The value for `Authorization`, marked sensitive; `None` for the method `none` alone.
    ///
    /// Returns at once while a usable token is cached. Otherwise waits for the selection and the fetch, which all
    /// callers share.
    ///
    /// # Errors
    /// Any [`ErrorKind`]. Without a usable token, a transient failure is tried again while the call has time: first after
    /// 100 ms, at growing intervals of 2 s at most. The last failure is then remembered: a transient one for 2 s at most
    /// in the first minute of an outage and for 30 s at most later, or for the `Retry-After` of the server, 60 s at most;
    /// another one for 1 s to 5 s. It is returned again in that time.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the fetch goes on.
    #[inline]
    pub fn header(&self) -> impl Future<Output = Result<Option<HeaderValue>, Error>> + Send + '_ {
        // Written by hand, because the body of an `async fn` is not inlined into other crates.
        let mut wait: Option<BoxFuture<'_, _>> = None;
        poll_fn(move |context| {
            if wait.is_none() {
                if let Some(copy) = self.thread_copy() {
                    return Poll::Ready(Ok(copy.header()));
                }
                if let Some(header) = self.shared_header() {
                    return Poll::Ready(header);
                }
            }
            wait.get_or_insert_with(|| Box::pin(self.header_with(HeaderOptions::new())))
                .as_mut()
                .poll(context)
        })
    }

    /// The header without waiting. Unlike [`try_header`](Self::try_header), starts no first fetch.
    #[inline]
    pub(crate) fn cached_header(&self) -> Option<Result<Option<HeaderValue>, Error>> {
        if let Some(copy) = self.thread_copy() {
            return Some(Ok(copy.header()));
        }
        self.shared_header()
    }

    /// The copy of the header that this thread has, if its token is fresh.
    #[inline]
    pub(crate) fn thread_copy(&self) -> Option<Rc<ThreadCopy>> {
        self.inner.cache.thread_copy()
    }

    /// The header for a thread that has no copy of it.
    #[inline(never)]
    fn shared_header(&self) -> Option<Result<Option<HeaderValue>, Error>> {
        self.read_shared(|ready| ready.header.cloned())
    }

    /// Reads the current header in place, without waiting, for a thread that has no copy of it.
    pub(crate) fn read_shared<R>(&self, read: impl Fn(ReadyHeader<'_>) -> R) -> Option<Result<R, Error>> {
        match self.inner.cache.read_shared(&read) {
            Some(read) => Some(Ok(read)),
            None => {
                self.inner.read_live(Duration::ZERO).map(|header| header.map(|header| read(header.ready())))
            }
        }
    }

    /// The header, with a deadline or a minimum remaining life.
    ///
    /// # Errors
    /// As [`header`](Self::header), and: [`ErrorKind::Unavailable`] if the deadline passes first,
    /// [`ErrorKind::Expired`] if no token lives long enough.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the fetch goes on.
    pub async fn header_with(&self, options: HeaderOptions) -> Result<Option<HeaderValue>, Error> {
        self.get(options).await.map(|snapshot| snapshot.header())
    }

    /// The bare IAM token or API key, for a client that builds its own header; `None` for the method `none` alone. Ask
    /// again for each request, as for a header: the token changes.
    ///
    /// ```
    /// use yandex_cloud_auth::{Credentials, IamTokenAuth};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), yandex_cloud_auth::Error> {
    /// let credentials = Credentials::from(IamTokenAuth::new("t1.fake.token")?);
    /// let token = credentials.token().await?.unwrap();
    /// assert_eq!(token.expose_secret(), "t1.fake.token");
    /// assert_eq!(format!("{token:?}"), "Secret(***)");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`header`](Self::header).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the fetch goes on.
    pub async fn token(&self) -> Result<Option<Secret>, Error> {
        self.token_with(HeaderOptions::new()).await
    }

    /// The bare IAM token or API key, with a deadline or a minimum remaining life.
    ///
    /// # Errors
    /// As [`header_with`](Self::header_with).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the fetch goes on.
    pub async fn token_with(&self, options: HeaderOptions) -> Result<Option<Secret>, Error> {
        self.get(options).await.map(|snapshot| snapshot.token())
    }

    /// The snapshot of the header: keep it beside the request, for [`invalidate`](Self::invalidate) if a server refuses
    /// the token.
    ///
    /// # Errors
    /// As [`header_with`](Self::header_with).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the fetch goes on.
    pub async fn get(&self, options: HeaderOptions) -> Result<Snapshot, Error> {
        let inner = &self.inner;
        let mut limit = WaitLimit::new(options.deadline, &inner.system);
        for _ in 0..3 {
            if let Some(header) = inner.read_live(options.min_ttl) {
                return header.map(Snapshot);
            }
            if let Some(header) = inner.cache.get(Goal::Header, options.min_ttl, &mut limit).await? {
                return Ok(Snapshot(header));
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "every token was refused as soon as it arrived"))
    }

    /// The header without waiting: `None` if there is none yet. Never selects; starts a fetch if one is due.
    ///
    /// # Errors
    /// The failure that is remembered now, if there is one; for `env-iam-token`, what is wrong with the variable.
    #[inline]
    pub fn try_header(&self) -> Option<Result<Option<HeaderValue>, Error>> {
        if let Some(copy) = self.thread_copy() {
            return Some(Ok(copy.header()));
        }
        self.shared_header_or_prewarm()
    }

    // Not inlined: where two ways to a result meet, the compiler moves the result, which is slow for a new header.
    #[inline(never)]
    fn shared_header_or_prewarm(&self) -> Option<Result<Option<HeaderValue>, Error>> {
        self.shared_header().or_else(|| self.failure_or_prewarm())
    }

    #[cold]
    fn failure_or_prewarm(&self) -> Option<Result<Option<HeaderValue>, Error>> {
        if let Some(error) = self.inner.cache.failure() {
            return Some(Err(error));
        }
        // Without a method a fetch would select first.
        if self.method().is_some() {
            self.inner.cache.prewarm();
        }
        None
    }

    /// Selects the method now, and returns why. The selection stays; a failure is remembered for seconds.
    ///
    /// # Errors
    /// What is invalid or missing; [`Error::report`] has what was tried.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the selection goes on.
    pub async fn select(&self) -> Result<Report, Error> {
        let inner = &self.inner;
        let mut limit = WaitLimit::new(None, &inner.system);
        for _ in 0..2 {
            if inner.selection.get().is_none() {
                let outcome = inner.cache.get(Goal::Select, Duration::ZERO, &mut limit).await;
                if inner.selection.get().is_none() {
                    outcome?;
                }
            }
            if inner.selection.get().is_some()
                && let Some(report) = inner.report()
            {
                return Ok(report);
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "the selection ended without a method"))
    }

    /// Starts the selection and the first fetch, if they are due, and returns at once.
    pub fn prewarm(&self) {
        if !matches!(self.backend(), Some(Backend::Live(_))) {
            self.inner.cache.prewarm();
        }
    }

    /// Drops exactly the token of this snapshot, because a server refused it: the next call fetches.
    ///
    /// Returns false if that changes nothing: a newer token has replaced it, the method has no newer one to give
    /// (`api-key`, `iam-token`, `none`), or the source returned the same token again after an earlier refusal. In this
    /// last case the token keeps its generation and is still sent, since other services may accept it, while the source
    /// is asked for another one at growing intervals.
    ///
    /// Where servers refuse one token after another, the first four in a row are replaced at once, and later ones at
    /// growing intervals: each replacement is a request to the source.
    pub fn invalidate(&self, refused: &Snapshot) -> bool {
        match self.backend() {
            Some(Backend::Cached(Provider::Source(_))) => self.inner.cache.invalidate(&refused.0),
            Some(Backend::Live(_)) => {
                let current = self.inner.read_live(Duration::ZERO);
                current.is_some_and(|current| {
                    current.is_ok_and(|current| current.generation != refused.generation())
                })
            }
            _ => false,
        }
    }
}
