//! A brake for what outsiders can make happen again and again: each time in a row it holds for longer.

use super::schedule::{CEILING, pause};
use crate::system::Now;

/// How often something happened in a row, and until when it should not happen again.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    in_a_row: u32,
    rests_until: Option<Now>,
}

impl Throttle {
    /// Whether it is too early for another one.
    pub(crate) fn is_limited(&self, now: Now) -> bool {
        self.rests_until.is_some_and(|until| now.is_before(&until))
    }

    /// It happens now. The first `free` in a row are not followed by a rest; a quiet minute begins anew.
    pub(crate) fn record(&mut self, now: Now, free: u32, jitter: f64) {
        let long_ago = self.rests_until.is_none_or(|until| !now.is_before(&(until + CEILING)));
        self.in_a_row = if long_ago { 1 } else { self.in_a_row.saturating_add(1) };
        let rests_for = match self.in_a_row.saturating_sub(free) {
            0 => std::time::Duration::ZERO,
            steps => pause(true, steps, None, jitter),
        };
        self.rests_until = Some(now + rests_for);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_first_are_free_then_it_rests_longer_and_longer_and_a_quiet_minute_forgives() {
        let mut now = Now { wall: Duration::from_secs(1_800_000_000), monotonic: Duration::from_secs(5) };
        let mut pace = Throttle::default();
        for rests_for in [0, 0, 1, 3, 7] {
            pace.record(now, 2, 0.99);
            assert_eq!(pace.is_limited(now), rests_for > 0);
            assert!(pace.is_limited(now + Duration::from_secs(rests_for)) == (rests_for > 0));
            now = now + Duration::from_secs(rests_for + 1);
            assert!(!pace.is_limited(now));
        }
        pace.record(now + CEILING + CEILING, 2, 0.99);
        assert!(!pace.is_limited(now + CEILING + CEILING));
    }
}
