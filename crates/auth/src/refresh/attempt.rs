//! One attempt of a flight: what the fetch is told about the current token and the time of the callers.

use std::time::Duration;

use super::cached_header::CachedHeader;
use super::fetch::{CurrentToken, Fetched, Goal, Request};
use super::flight::Flight;
use super::refresher::Refresher;
use crate::Error;
use crate::secret::Secret;
use crate::sync::Arc;
use crate::system::BoxFuture;

impl Refresher {
    /// One attempt of a flight.
    pub(super) fn attempt(&self, goal: Goal, flight: &Flight) -> BoxFuture<'static, Result<Fetched, Error>> {
        let now = self.system.clock().now();
        let refused = self.state().refused.clone();
        let secret = |header: &Arc<CachedHeader>| header.secret().map(Secret::from_checked);
        let usable = self.header.load_full().filter(|header| header.is_usable(&now));
        let current = match (refused.as_ref().and_then(secret), usable.as_ref().and_then(secret)) {
            (Some(refused), _) => CurrentToken::Refused(refused),
            (None, Some(usable)) => CurrentToken::Usable(usable),
            (None, None) => CurrentToken::Absent,
        };
        let total = self.fetch.total();
        // Without callers, as for a refresh in the background, the method has its whole time.
        let time_left = match flight.time_left(now.monotonic, total) {
            Duration::ZERO => total,
            left => left,
        };
        self.fetch.fetch(Request { goal, current, time_left })
    }
}
