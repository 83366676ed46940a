//! A token that is handed over, invocation by invocation, and the header made of the newest one.
//!
//! Nothing is fetched, nothing waits, and no timer runs: between two invocations the process of a function stands still
//! for as long as the platform likes. So each look asks both clocks, and serves the token at hand or says that there is
//! none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::cache::short;
use super::cached_header::{CachedHeader, Scheme};
use super::notifier::Notifier;
use super::schedule::{self, BadLife, LONGEST_LIFE, NEVER, Schedule, State};
use crate::system::System;
use crate::token::Token;
use crate::{Error, ErrorKind, Method};

/// Where a token is handed over. Those who hand and those who send share it.
pub struct TokenCell {
    method: Method,
    /// Whose clocks count a token's life, from the moment when it is handed over: not from its first use, which may come
    /// after the process has stood still for hours.
    system: System,
    newest: ArcSwapOption<CachedHeader>,
    handing: Mutex<()>,
}

impl TokenCell {
    pub(crate) fn new(method: Method, system: System) -> Self {
        Self { method, system, newest: ArcSwapOption::empty(), handing: Mutex::new(()) }
    }

    /// Puts a token in place of the one before.
    ///
    /// # Errors
    /// The life that cannot be.
    pub(crate) fn set(&self, token: &Token) -> Result<(), BadLife> {
        let now = self.system.clock().now();
        let life = schedule::life(token.life, now)?;
        let _handing = self.handing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.newest.load_full();
        let same = before.as_ref().filter(|ready| ready.secret() == Some(token.expose_secret()));
        let limits = match (life, same) {
            (Some(life), _) => Schedule::for_life(now, life, life, 0.0),
            (None, None) => Schedule::for_unknown_life(now, now, LONGEST_LIFE, 0.0),
            // Nothing is learned of a token that is known.
            (None, Some(_)) => return Ok(()),
        };
        // Nobody can be asked for another, so it is fresh as long as it is usable.
        let plan = Schedule { refresh: NEVER, ..limits };
        let generation = match (same, &before) {
            (Some(same), _) => same.generation,
            (None, Some(other)) => other.generation + 1,
            (None, None) => 1,
        };
        let mut ready =
            CachedHeader::new(self.method, Some((Scheme::Bearer, &token.secret)), generation, plan, now);
        ready.expires_at = token.life.end(now, life);
        self.newest.store(Some(Arc::new(ready)));
        Ok(())
    }
}

/// A cell as one of its credentials sees it.
pub(crate) struct PushedToken {
    cell: Arc<TokenCell>,
    /// The generation that was served last.
    served: AtomicU64,
}

impl PushedToken {
    pub(crate) fn new(cell: Arc<TokenCell>) -> Self {
        Self { cell, served: AtomicU64::new(0) }
    }

    /// The header of the newest token, where that lives for `min_ttl` more.
    pub(crate) fn read(&self, min_ttl: Duration, changes: &Notifier) -> Result<Arc<CachedHeader>, Error> {
        let cell = &*self.cell;
        let Some(ready) = cell.newest.load_full() else {
            return Err(Error::new(ErrorKind::NotConfigured, "no invocation has brought a token yet")
                .of(cell.method)
                .with_help(
                    "hand over the token of each invocation, and attach a service account to the function",
                ));
        };
        ready.check_unrevoked()?;
        let now = cell.system.clock().now();
        if ready.state(&now) == State::Expired {
            return Err(Error::new(
                ErrorKind::Expired,
                "the token of an earlier invocation is over, and none was handed over since",
            )
            .of(cell.method)
            .with_help("hand over the token at the start of each invocation"));
        }
        if !ready.lives_for(min_ttl, now) {
            return Err(short(&ready, ready.remaining(now), min_ttl, None));
        }
        if self.served.load(Ordering::Relaxed) != ready.generation
            && self.served.swap(ready.generation, Ordering::Relaxed) != ready.generation
        {
            changes.notify();
        }
        Ok(ready)
    }
}
