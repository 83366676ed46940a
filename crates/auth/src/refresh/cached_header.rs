//! A header that is made once and handed out many times, with the limits of its token.
//!
//! A `HeaderValue` is cheap to clone, but its reference count is one word of memory, and cores that share that word
//! wait for each other. So there are several copies, each on cache lines of its own, and a thread always takes the same
//! one. A thread that calls often has a copy of its own besides: `thread_copies`.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

use super::revoked::{self, RevocationCheck};
use super::schedule::{Freshness, NEVER, Schedule};
use crate::secret::Secret;
use crate::sync::{Arc, AtomicUsize, Ordering};
use crate::system::Now;
use crate::{Error, Method};

/// How a credential is sent: the first word of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `Authorization: Bearer …`, for IAM tokens.
    Bearer,
    /// `Authorization: Api-Key …`, for API keys.
    ApiKey,
}

impl Scheme {
    /// The scheme of what a method sends.
    pub(crate) fn of(method: Method) -> Self {
        match method {
            Method::ApiKey => Self::ApiKey,
            _ => Self::Bearer,
        }
    }

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

/// A header, and until when it may be sent.
pub(crate) struct CachedHeader {
    pub(crate) method: Method,
    pub(crate) generation: u64,
    pub(crate) schedule: Schedule,
    /// Until when the token is fresh. Computed once, so that the ready path compares two numbers.
    fresh_until: Now,
    /// When this very token was first seen.
    pub(crate) first_seen: Now,
    /// When the token ends according to its issuer.
    pub(crate) expires_at: Option<SystemTime>,
    /// The source returned the token that it had returned before.
    pub(crate) repeated: bool,
    /// A server refused the token, and the source has no other.
    pub(crate) refused: bool,
    revoked: RevocationCheck,
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

/// The line of a header in memory of its own. A line of a `Secret` is visible ASCII, so it is always a valid header.
fn own_header(line: Vec<u8>) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(Owned(Zeroizing::new(line)))).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// A header, and the generation of its token.
#[cfg(feature = "tower")]
pub(crate) struct VersionedHeader {
    pub(crate) header: HeaderValue,
    pub(crate) generation: u64,
}

#[cfg(feature = "tower")]
impl VersionedHeader {
    /// A copy of a header; `None` for requests that carry no header.
    pub(crate) fn of(ready: ReadyHeader<'_>) -> Option<Self> {
        Some(Self { header: ready.header?.clone(), generation: ready.generation })
    }
}

impl CachedHeader {
    /// The header of a scheme and a secret; without a value, for requests that carry no header.
    pub(crate) fn new(
        method: Method,
        value: Option<(Scheme, &Secret)>,
        generation: u64,
        schedule: Schedule,
        first_seen: Now,
    ) -> Self {
        let copy = || {
            let (scheme, secret) = value?;
            own_header([scheme.as_str(), " ", secret.expose()].concat().into_bytes())
        };
        Self {
            method,
            generation,
            schedule,
            fresh_until: schedule.fresh(),
            first_seen,
            expires_at: None,
            repeated: false,
            refused: false,
            revoked: RevocationCheck::default(),
            scheme: value.map(|(scheme, _)| scheme),
            copies: std::array::from_fn(|_| copy()),
        }
    }

    /// The header, to look at or to copy. A copy allocates nothing.
    #[inline]
    pub(crate) fn ready(&self) -> ReadyHeader<'_> {
        ReadyHeader { header: self.copies[shard()].as_ref(), generation: self.generation }
    }

    /// A copy of the header. Allocates nothing.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        self.ready().header.cloned()
    }

    /// A header that shares no memory with the others.
    pub(super) fn own_copy(&self) -> Option<HeaderValue> {
        own_header(self.copies[0].as_ref()?.as_bytes().to_vec())
    }

    /// Until when the token is fresh.
    pub(super) fn fresh_until(&self) -> Now {
        self.fresh_until
    }

    /// A copy of the header, with its generation.
    #[cfg(feature = "tower")]
    pub(crate) fn versioned(&self) -> Option<VersionedHeader> {
        VersionedHeader::of(self.ready())
    }

    #[inline]
    pub(crate) fn freshness(&self, now: &Now) -> Freshness {
        if self.is_revoked() {
            Freshness::Expired
        } else if now.is_before(&self.fresh_until) {
            Freshness::Fresh
        } else {
            self.schedule.freshness(now)
        }
    }

    /// Whether the token may be sent.
    pub(crate) fn is_usable(&self, now: &Now) -> bool {
        self.freshness(now) != Freshness::Expired
    }

    /// Whether this process has revoked the token.
    #[inline]
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.is_revoked(|| self.secret().is_some_and(revoked::contains))
    }

    /// Takes note of all revocations so far, without a look at the list.
    #[cfg(test)]
    pub(super) fn see_revocations(&self) {
        self.revoked.see_all();
    }

    /// Checks that this process has not revoked the token.
    ///
    /// # Errors
    /// `Refused` if it has.
    pub(crate) fn check_unrevoked(&self) -> Result<(), Error> {
        if self.is_revoked() { Err(revoked::error().of(self.method)) } else { Ok(()) }
    }

    /// The rest of the token's life.
    pub(crate) fn remaining(&self, now: Now) -> Duration {
        now.until(self.schedule.end)
    }

    /// Whether the token lives for `duration` more.
    pub(crate) fn lives_for(&self, duration: Duration, now: Now) -> bool {
        self.schedule.end == NEVER || self.remaining(now) >= duration
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

/// A header that may be sent now, for the moment of a call.
#[derive(Clone, Copy)]
pub(crate) struct ReadyHeader<'a> {
    /// `None` for requests that carry no header.
    pub(crate) header: Option<&'a HeaderValue>,
    /// The number of the token.
    pub(crate) generation: u64,
}

/// The index of the copy that this thread takes.
#[inline]
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: usize = NEXT.fetch_add(1, Ordering::Relaxed) % COPIES;
    }
    // A thread that is being torn down has lost its shard. Any copy will do.
    SHARD.try_with(|shard| *shard).unwrap_or(0)
}

/// A header with its generation and expiry. A snapshot does not change; a newer one takes its place.
///
/// Keep the snapshot that a request was made with: [`Credentials::invalidate`](crate::Credentials::invalidate) drops
/// exactly that token when a server refuses it.
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

    /// The number of this token: it counts the different tokens of these credentials. A token that the source returns
    /// again keeps its number.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// When the token ends according to its issuer; `None` if the issuer did not say.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.expires_at
    }

    /// The method that the token came from.
    #[must_use]
    pub fn method(&self) -> Method {
        self.0.method
    }

    /// The first word of the header; `None` for the method `none`.
    #[must_use]
    pub fn scheme(&self) -> Option<Scheme> {
        self.0.scheme()
    }

    /// The bare token or key, without its scheme; `None` for the method `none`.
    #[must_use]
    pub fn token(&self) -> Option<Secret> {
        self.expose_secret().map(Secret::from_checked)
    }

    /// The text of the bare token or key. Any reader of this text can act for its owner.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn threads_read_copies_in_different_places() {
        let now = Now { wall: Duration::ZERO, monotonic: Duration::ZERO };
        let secret = Secret::parse("AQVN-fake-shared").unwrap();
        let value = Some((Scheme::ApiKey, &secret));
        let header = Arc::new(CachedHeader::new(Method::ApiKey, value, 1, Schedule::FOREVER, now));
        let places: BTreeSet<usize> = (0..2 * COPIES)
            .map(|_| {
                let header = Arc::clone(&header);
                let place = move || header.ready().header.unwrap().as_bytes().as_ptr().addr();
                std::thread::spawn(place).join().unwrap()
            })
            .collect();
        // Threads of other tests take turns too, so one of these threads need not get each of the copies.
        assert!(places.len() > 1, "{places:?}");
    }
}
