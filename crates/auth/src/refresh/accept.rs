//! From a fetched token to the header that is cached: its limits, its generation, and whether it may be sent at all.

use std::time::Duration;
#[cfg(feature = "shared-cache")]
use std::time::SystemTime;

use super::cached_header::{CachedHeader, Scheme};
use super::failures::backoff;
use super::fetch::Fetched;
use super::refresher::{RefreshState, Refresher};
use super::schedule::{Freshness, Schedule};
use super::thread_copies;
#[cfg(feature = "shared-cache")]
use crate::secret::Secret;
use crate::sync::Arc;
use crate::system::Now;
use crate::token::{BadLife, Life, Token};
use crate::{Error, ErrorKind, Method};

impl Refresher {
    /// Stores the header of what was fetched; returns it, and whether its token is a new one.
    pub(super) fn accept(
        &self,
        state: &mut RefreshState,
        fetched: Fetched,
        now: Now,
    ) -> Result<Option<(Arc<CachedHeader>, bool)>, Error> {
        let before = state.generation;
        let header = match fetched {
            Fetched::Selection => return Ok(None),
            Fetched::Fixed(mut header) => {
                state.generation += 1;
                header.generation = state.generation;
                *header
            }
            Fetched::Token { method, token, began, max_age } => {
                self.make_header(state, method, &token, began, max_age, now)?
            }
            #[cfg(feature = "shared-cache")]
            Fetched::Shared { method, secret, schedule, expires_at, now } => {
                shared_header(state, method, &secret, schedule, expires_at, now)
            }
        };
        header.check_unrevoked()?;
        let header = Arc::new(header);
        self.replace_header(Some(Arc::clone(&header)));
        Ok(Some((header, state.generation != before)))
    }

    /// Replaces the header. Every change passes here, because the copies of the threads have to end with it. Called with
    /// the lock of the state.
    pub(super) fn replace_header(&self, header: Option<Arc<CachedHeader>>) {
        // Where there was no header, there is no copy of it: a first token costs the other threads nothing.
        if self.header.swap(header).is_some() {
            thread_copies::record_change();
        }
    }

    /// Makes the header of a token, with the limits that its life and its history give it.
    fn make_header(
        &self,
        state: &mut RefreshState,
        method: Method,
        token: &Token,
        began: Now,
        max_age: Duration,
        now: Now,
    ) -> Result<CachedHeader, Error> {
        let jitter = self.system.clock().random();
        let life = token.life.length(began.wall).map_err(|life| bad_life(life).of(method))?;
        let current = self.header.load_full();
        let is_same = |header: &&Arc<CachedHeader>| header.secret() == Some(token.secret.expose());
        let refused = state.refused.as_ref().filter(is_same).cloned();
        let previous = refused.as_ref().or(current.as_ref()).filter(is_same);
        let first_seen = previous.map_or(began, |previous| previous.first_seen);
        let mut schedule = match life {
            Some(life) => Schedule::for_life(began, life, max_age, jitter),
            None if token.life == Life::Unlimited => Schedule::for_unlimited_life(began, max_age, jitter),
            None => Schedule::for_unknown_life(first_seen, began, max_age, jitter),
        };
        if previous.is_some() {
            schedule = schedule.repeated(now);
        }
        if schedule.freshness(&now) == Freshness::Expired {
            let error =
                Error::new(ErrorKind::Expired, "the source returns a token that has expired").of(method);
            return Err(error.with_help(
                "make the source renew its token (for yc: `yc init`), or check the clocks of both machines",
            ));
        }
        let refused_again = refused.is_some() || previous.is_some_and(|previous| previous.refused);
        if refused_again {
            state.refusals_in_a_row = state.refusals_in_a_row.saturating_add(1);
            // `refresh_by` only brings the refresh forward: a source that is asked more often than this, such as a
            // file, still is.
            schedule = schedule.refresh_by(now + backoff(true, state.refusals_in_a_row, None, jitter));
        } else {
            state.refusals_in_a_row = 0;
        }
        state.refused = None;
        if previous.is_none() {
            state.generation += 1;
        }
        let generation = previous.map_or(state.generation, |previous| previous.generation);
        let mut header = CachedHeader::new(
            method,
            Some((Scheme::of(method), &token.secret)),
            generation,
            schedule,
            first_seen,
        );
        header.repeated = previous.is_some();
        header.refused = refused_again;
        header.expires_at = token.life.end(began.wall, life);
        Ok(header)
    }
}

/// Makes the header of a token that another process fetched. Its limits are known.
#[cfg(feature = "shared-cache")]
fn shared_header(
    state: &mut RefreshState,
    method: Method,
    secret: &Secret,
    schedule: Schedule,
    expires_at: Option<SystemTime>,
    now: Now,
) -> CachedHeader {
    state.generation += 1;
    state.refused = None;
    state.refusals_in_a_row = 0;
    let value = Some((Scheme::of(method), secret));
    let mut header = CachedHeader::new(method, value, state.generation, schedule, now);
    header.expires_at = expires_at;
    header
}

fn bad_life(BadLife(life): BadLife) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("the response gives the token a lifetime of {} s, outside 1 s to 24 h", life.as_secs()),
    )
    .with_help("check the clock of this machine and the source of the token")
}
