//! A moment that the ready path reads without a lock.

use std::time::Duration;

use crate::sync::{AtomicU64, Ordering};
use crate::system::Now;

/// A moment on both clocks, in milliseconds, that is read and set without a lock.
#[derive(Default)]
pub(super) struct AtomicMoment {
    wall: AtomicU64,
    monotonic: AtomicU64,
}

impl AtomicMoment {
    pub(super) fn set(&self, moment: Now) {
        self.wall.store(millis(moment.wall), Ordering::Relaxed);
        self.monotonic.store(millis(moment.monotonic), Ordering::Relaxed);
    }

    /// Whether either clock has passed it.
    pub(super) fn has_passed(&self, now: Now) -> bool {
        millis(now.wall) >= self.wall.load(Ordering::Relaxed)
            || millis(now.monotonic) >= self.monotonic.load(Ordering::Relaxed)
    }
}

/// The whole milliseconds of a duration.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
