//! What the engine logs, written when no caller waits for it.
//!
//! A log subscriber is code of the program. It may block, panic, or use the same credentials. So an entry is written
//! without a lock and after the waiters are woken, and a panic ends here.

use std::time::Duration;

use super::atomic_moment::millis;
use super::cached_header::CachedHeader;
use super::schedule::NEVER;
use crate::log::log;
use crate::sync::Arc;
use crate::system::Now;
use crate::task::notifier::Notifier;
use crate::{Error, Method};

/// One event of the engine.
pub(super) enum Entry {
    /// A token arrived. `notifier` has the subscribers, if the token is a new one.
    Fetched { header: Arc<CachedHeader>, now: Now, notifier: Option<Arc<Notifier>> },
    /// An attempt failed, and the flight goes on.
    TriedAgain { error: Error, pause: Duration },
    /// A flight failed.
    Failed { error: Error, remaining: Option<Duration>, pause: Duration },
    /// A server refused the current token.
    Refused { header: Arc<CachedHeader> },
}

impl Entry {
    /// Tells the subscribers of the credentials, then the log.
    pub(super) fn write(self) {
        if let Self::Fetched { notifier: Some(notifier), .. } = &self {
            notifier.notify();
        }
        log(|| self.log());
    }

    fn log(&self) {
        match self {
            Self::Fetched { header, now, .. } => {
                tracing::debug!(
                    method = %header.method,
                    generation = header.generation,
                    remaining_seconds = (header.schedule.end != NEVER).then(|| header.remaining(*now).as_secs()),
                    repeated = header.repeated,
                    "a token was fetched"
                );
                if header.refused {
                    tracing::warn!(method = %header.method, "a server refused the token, and the source returned the same one again");
                }
            }
            Self::TriedAgain { error, pause } => {
                let method = error.method().map(Method::name);
                tracing::debug!(method, %error, pause_ms = millis(*pause), "an attempt failed; callers wait for another one");
            }
            Self::Failed { error, remaining, pause } => {
                let method = error.method().map(Method::name);
                let remaining_seconds = remaining.map(|remaining| remaining.as_secs());
                tracing::warn!(method, %error, remaining_seconds, backoff_ms = millis(*pause), "the fetch of a token failed");
            }
            Self::Refused { header } => {
                tracing::debug!(method = %header.method, generation = header.generation, "a server refused the token; dropped");
            }
        }
    }
}
