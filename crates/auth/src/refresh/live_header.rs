//! The header of a token that is read for every request: one in a variable, or one that the program sets.
//!
//! No fetch, no wait and no timer: the process of a function stands still between two invocations for as long as the
//! platform likes. So each read compares the token with both clocks, and returns the header or the reason why there is
//! none. A header is made only when the token has changed.

use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::cache::too_short;
use super::cached_header::{CachedHeader, Scheme};
use super::schedule::{Freshness, NEVER, Schedule};
use crate::source::{LiveToken, LiveValue, Validity};
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::system::{Now, System};
use crate::task::notifier::Notifier;
use crate::token::LONGEST_LIFE;
use crate::{Error, Method};

/// A live token as one set of credentials sees it.
pub(crate) struct LiveHeader {
    method: Method,
    token: Arc<dyn LiveToken>,
    last: ArcSwapOption<Last>,
    /// The generation that was returned last.
    returned: AtomicU64,
}

/// The last value, and its header.
struct Last {
    value: Arc<LiveValue>,
    header: Arc<CachedHeader>,
}

impl LiveHeader {
    pub(crate) fn new(method: Method, token: Arc<dyn LiveToken>) -> Self {
        Self { method, token, last: ArcSwapOption::empty(), returned: AtomicU64::new(0) }
    }

    /// The header of the current token, which lives for `min_ttl` more.
    pub(crate) fn read(
        &self,
        system: &System,
        min_ttl: Duration,
        notifier: &Notifier,
    ) -> Result<Arc<CachedHeader>, Error> {
        let value = self.token.read(system).map_err(|error| error.of(self.method))?;
        let now = self.token.now(system);
        let header = self.header_of(value, now);
        header.check_unrevoked()?;
        if header.freshness(&now) == Freshness::Expired {
            return Err(self.token.expired().of(self.method));
        }
        if !header.lives_for(min_ttl, now) {
            return Err(too_short(&header, now, min_ttl, None));
        }
        // The load keeps the common case free of a write that all threads would share.
        if self.returned.load(Ordering::Relaxed) != header.generation
            && self.returned.swap(header.generation, Ordering::Relaxed) != header.generation
        {
            notifier.notify();
        }
        Ok(header)
    }

    fn header_of(&self, value: Arc<LiveValue>, now: Now) -> Arc<CachedHeader> {
        if let Some(last) = &*self.last.load()
            && Arc::ptr_eq(&last.value, &value)
        {
            return Arc::clone(&last.header);
        }
        // Two threads may both make the header of a new token. Either one will do.
        let header = Arc::new(make_header(self.method, &value, now));
        self.last.store(Some(Arc::new(Last { value, header: Arc::clone(&header) })));
        header
    }
}

fn make_header(method: Method, value: &LiveValue, now: Now) -> CachedHeader {
    let token = &value.token;
    let (schedule, first_seen, expires_at) = match value.validity {
        Validity::WhileRead => (Schedule::FOREVER, now, None),
        Validity::Since { received, life } => {
            let schedule = match life {
                Some(life) => Schedule::for_life(received, life, life, 0.0),
                None => Schedule::for_unknown_life(received, received, LONGEST_LIFE, 0.0),
            };
            // No source can be asked for another token, so this one is fresh for as long as it is usable.
            (Schedule { refresh: NEVER, ..schedule }, received, token.life.end(received.wall, life))
        }
    };
    let mut header = CachedHeader::new(
        method,
        Some((Scheme::Bearer, &token.secret)),
        value.generation,
        schedule,
        first_seen,
    );
    header.expires_at = expires_at;
    header
}
