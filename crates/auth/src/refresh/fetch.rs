//! What the engine needs of the method: one fetch, and how long it may take.

use std::time::Duration;
#[cfg(feature = "shared-cache")]
use std::time::SystemTime;

use super::cached_header::CachedHeader;
#[cfg(feature = "shared-cache")]
use super::schedule::Schedule;
use crate::secret::Secret;
use crate::system::{BoxFuture, Now};
use crate::token::Token;
use crate::{Error, Method};

/// What a fetch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// To select a method.
    Select,
    /// To have a header.
    Header,
}

/// One fetch, as the engine asks for it.
#[cfg_attr(not(feature = "shared-cache"), allow(dead_code, reason = "for the shared cache alone"))]
pub(crate) struct Request {
    pub(crate) goal: Goal,
    pub(crate) current: CurrentToken,
    /// How long the callers still wait.
    pub(crate) time_left: Duration,
}

/// The token that the process has.
#[cfg_attr(not(feature = "shared-cache"), allow(dead_code, reason = "for the shared cache alone"))]
pub(crate) enum CurrentToken {
    /// None.
    Absent,
    /// A usable one, which is stale, or too short-lived for a caller.
    Usable(Secret),
    /// One that a server refused.
    Refused(Secret),
}

/// What a fetch brings.
pub(crate) enum Fetched {
    /// A selected method, and no header that could be cached.
    Selection,
    /// A header that does not come from a token source.
    Fixed(Box<CachedHeader>),
    /// A token whose fetch began at `began`.
    Token { method: Method, token: Token, began: Now, max_age: Duration },
    /// A token that another process fetched, with its limits.
    #[cfg(feature = "shared-cache")]
    Shared { method: Method, secret: Secret, schedule: Schedule, expires_at: Option<SystemTime>, now: Now },
}

impl Fetched {
    /// Whether the token comes from another process.
    pub(crate) fn is_shared(&self) -> bool {
        #[cfg(feature = "shared-cache")]
        return matches!(self, Self::Shared { .. });
        #[cfg(not(feature = "shared-cache"))]
        false
    }
}

/// Selects and fetches once. Runs on the system's spawner.
pub(crate) trait Fetch: Send + Sync + 'static {
    fn fetch(&self, request: Request) -> BoxFuture<'static, Result<Fetched, Error>>;

    /// What the fetch that is under way waits for now; `None` where that is not known.
    fn waiting_for(&self) -> Option<String> {
        None
    }

    /// Why the last attempt inside the fetch that is under way failed; `None` where none has failed.
    fn last_failure(&self) -> Option<Error> {
        None
    }

    /// How long the method may take in all: the time that a caller without a deadline has.
    fn total(&self) -> Duration;
}
