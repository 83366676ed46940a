//! A header made once and handed out many times, with the limits of its token.
//!
//! A `HeaderValue` is cheap to clone but its reference count is one memory word, and cores that share it wait for
//! each other. So there are several copies, each in memory of its own, and a thread always takes the same one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::Guard;
use bytes::Bytes;
use http::HeaderValue;
#[cfg(feature = "tower")]
use http::{HeaderMap, header::AUTHORIZATION};
use zeroize::Zeroizing;

use super::revoked::{self, Known};
use super::schedule::{NEVER, Schedule, State};
use crate::secret::Secret;
use crate::system::Now;
use crate::{Error, Method};

/// How a credential is presented: the first word of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `Authorization: Bearer …`, for IAM tokens.
    Bearer,
    /// `Authorization: Api-Key …`, for API keys.
    ApiKey,
}

impl Scheme {
    /// The word itself.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::ApiKey => "Api-Key",
        }
    }
}

const COPIES: usize = 8;

/// What is sent, and until when.
pub(crate) struct CachedHeader {
    pub(crate) method: Method,
    pub(crate) generation: u64,
    pub(crate) plan: Schedule,
    /// Until when it is fresh: one look at each clock tells.
    fresh: Now,
    /// When this very token was first seen.
    pub(crate) seen: Now,
    /// When it ends, in the words of its issuer.
    pub(crate) expires_at: Option<SystemTime>,
    /// The source gave the token that it had given before.
    pub(crate) given_again: bool,
    /// A server refused it, and the source has nothing else.
    pub(crate) refused: bool,
    revoked: Known,
    scheme: Option<Scheme>,
    copies: [Option<HeaderValue>; COPIES],
}

/// The bytes of one copy, alone on their cache lines, wiped with the last clone.
#[repr(align(128))]
struct Owned(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A header, and which token of its credentials is in it.
#[cfg(feature = "tower")]
pub(crate) struct VersionedHeader {
    pub(crate) header: HeaderValue,
    pub(crate) generation: u64,
}

impl CachedHeader {
    /// A header of `scheme` and `secret`; none where there is nothing to say.
    pub(crate) fn new(
        method: Method,
        value: Option<(Scheme, &Secret)>,
        generation: u64,
        plan: Schedule,
        seen: Now,
    ) -> Self {
        let copy = || {
            let (scheme, secret) = value?;
            let line = Zeroizing::new([scheme.as_str(), " ", secret.expose()].concat().into_bytes());
            // A `Secret` is visible ASCII, so that it always is a header.
            let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(Owned(line))).ok()?;
            header.set_sensitive(true);
            Some(header)
        };
        let copies = std::array::from_fn(|_| copy());
        let fresh = plan.fresh();
        Self {
            method,
            generation,
            plan,
            fresh,
            seen,
            expires_at: None,
            given_again: false,
            refused: false,
            revoked: Known::default(),
            scheme: value.map(|(scheme, _)| scheme),
            copies,
        }
    }

    /// A copy of the header. Allocates nothing.
    #[inline]
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        self.copies[shard()].clone()
    }

    /// The same, with its generation.
    #[cfg(feature = "tower")]
    #[inline]
    pub(crate) fn versioned(&self) -> Option<VersionedHeader> {
        Some(VersionedHeader { header: self.header()?, generation: self.generation })
    }

    #[inline]
    pub(crate) fn state(&self, now: &Now) -> State {
        if self.is_revoked() {
            State::Expired
        } else if now.is_before(&self.fresh) {
            State::Fresh
        } else {
            self.plan.state(now)
        }
    }

    /// Whether this process has had the token revoked.
    #[inline]
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.is_revoked(|| self.secret().is_some_and(revoked::contains))
    }

    /// That this process has not had the token revoked.
    ///
    /// # Errors
    /// `Refused` where it has.
    pub(crate) fn check_unrevoked(&self) -> Result<(), Error> {
        if self.is_revoked() { Err(revoked::error().of(self.method)) } else { Ok(()) }
    }

    /// What is left of the token's life.
    pub(crate) fn remaining(&self, now: Now) -> Duration {
        now.until(self.plan.end)
    }

    /// Whether the token lives for `span` more.
    pub(crate) fn lives_for(&self, span: Duration, now: Now) -> bool {
        self.plan.end == NEVER || self.remaining(now) >= span
    }

    /// The bare credential.
    pub(crate) fn secret(&self) -> Option<&str> {
        let line = std::str::from_utf8(self.copies[0].as_ref()?.as_bytes()).ok()?;
        line.get(self.scheme?.as_str().len() + 1..)
    }

    pub(crate) fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }
}

/// What is at hand, borrowed for a moment: taken and given back without a count that threads share.
pub(crate) struct CachedHeaderGuard(pub(super) Guard<Option<Arc<CachedHeader>>>);

impl CachedHeaderGuard {
    /// The same, for longer.
    pub(super) fn keep(self) -> Option<Arc<CachedHeader>> {
        Guard::into_inner(self.0)
    }

    /// A copy of the header. Allocates nothing.
    #[inline]
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        self.0.as_ref()?.header()
    }

    /// The same, with its generation.
    #[cfg(feature = "tower")]
    pub(crate) fn versioned(&self) -> Option<VersionedHeader> {
        self.0.as_ref()?.versioned()
    }

    /// Which token is in the header; none where there is no header.
    #[cfg(feature = "tower")]
    #[inline]
    pub(crate) fn generation(&self) -> Option<u64> {
        let ready = self.0.as_ref()?;
        ready.scheme().map(|_| ready.generation)
    }

    /// Puts the header among others, on the shortest way: each stop on it is a copy.
    #[cfg(feature = "tower")]
    #[inline]
    pub(crate) fn put_on(&self, headers: &mut HeaderMap) {
        if let Some(header) = self.header() {
            headers.insert(AUTHORIZATION, header);
        }
    }
}

impl From<Arc<CachedHeader>> for CachedHeaderGuard {
    fn from(ready: Arc<CachedHeader>) -> Self {
        Self(Guard::from_inner(Some(ready)))
    }
}

/// The copy that this thread takes.
#[inline]
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: usize = NEXT.fetch_add(1, Ordering::Relaxed) % COPIES;
    }
    // A thread that is being torn down has lost its shard; any copy will do.
    SHARD.try_with(|shard| *shard).unwrap_or(0)
}

/// A ready-made header with its generation and expiry. It does not change; newer ones take its place.
///
/// Keep the one that a request was made with: [`Credentials::invalidate`](crate::Credentials::invalidate) drops
/// exactly that generation when a server refuses it.
///
/// ```
/// use yandex_cloud_auth::{ApiKeyAuth, Credentials, HeaderOptions, Method, Scheme};
///
/// let credentials = Credentials::from(ApiKeyAuth::new("AQVN-fake")?);
/// let snapshot = credentials.blocking().get(HeaderOptions::new())?;
/// assert_eq!(snapshot.header().unwrap(), "Api-Key AQVN-fake");
/// assert_eq!((snapshot.method(), snapshot.scheme()), (Method::ApiKey, Some(Scheme::ApiKey)));
/// assert_eq!(snapshot.expires_at(), None); // keys do not expire by themselves
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct Snapshot(pub(crate) Arc<CachedHeader>);

impl Snapshot {
    /// The value for `Authorization`, marked sensitive; `None` for the method `none`.
    #[must_use]
    pub fn header(&self) -> Option<HeaderValue> {
        self.0.header()
    }

    /// Counts the different tokens of these credentials. The same token again keeps its generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// When the token ends, in the words of its issuer; `None` where nobody said.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.expires_at
    }

    /// The method that it came from.
    #[must_use]
    pub fn method(&self) -> Method {
        self.0.method
    }

    /// How it is presented; `None` for the method `none`.
    #[must_use]
    pub fn scheme(&self) -> Option<Scheme> {
        self.0.scheme()
    }

    /// The bare token or key, without its scheme. Whoever sees it can act for its owner.
    #[must_use]
    pub fn expose_secret(&self) -> Option<&str> {
        self.0.secret()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Snapshot")
            .field("method", &self.0.method)
            .field("generation", &self.0.generation)
            .field("expires_at", &self.0.expires_at)
            .finish_non_exhaustive()
    }
}
