//! How long failures and refusals are remembered. Pure: two readings of the clock in, a decision out.

use std::time::Duration;

use crate::Error;
use crate::system::Now;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The shortest time between two fetches, whatever asks for them.
pub(crate) const FLOOR: Duration = SECOND;

/// The longest pause of our own after failures.
const CEILING: Duration = MINUTE;

/// How long a failure is remembered. `failures` counts this one. `jitter` is in `0.0..1.0`.
///
/// Transient: exponential with full jitter, 1 s to 60 s, or what the server asked for where that is longer, 5 min at
/// most. Other kinds need a person to correct something, so 1 s to 5 s: the correction shows soon.
pub(crate) fn backoff(
    transient: bool,
    failures: u32,
    retry_after: Option<Duration>,
    jitter: f64,
) -> Duration {
    let bound =
        if transient { CEILING.min(SECOND * 2_u32.saturating_pow(failures.min(10))) } else { 5 * SECOND };
    let own = bound.mul_f64(jitter.clamp(0.0, 1.0)).max(FLOOR);
    let requested = retry_after.filter(|_| transient).unwrap_or_default();
    own.max(requested.min(5 * MINUTE))
}

/// The failures since the last success.
#[derive(Default)]
pub(crate) struct Failures {
    in_a_row: u32,
    last: Option<(Error, Now)>,
}

impl Failures {
    /// The failure that answers calls at `now` instead of another fetch.
    pub(crate) fn remembered(&self, now: &Now) -> Option<&Error> {
        self.last.as_ref().filter(|(_, until)| now.is_before(until)).map(|(error, _)| error)
    }

    /// Records a failure, and returns how long it is remembered.
    pub(crate) fn record(&mut self, error: &Error, now: Now, jitter: f64) -> Duration {
        self.in_a_row = self.in_a_row.saturating_add(1);
        let pause = backoff(error.is_transient(), self.in_a_row, error.retry_after(), jitter);
        self.last = Some((error.clone(), now + pause));
        pause
    }

    /// Lets the next call fetch at once, with the back-off where it was.
    pub(crate) fn forget_last(&mut self) {
        self.last = None;
    }

    /// Starts over after a success.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// A limit for what servers and callers can make happen again and again: each time in a row it lasts longer.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    in_a_row: u32,
    limited_until: Option<Now>,
}

impl Throttle {
    /// Whether it is too early for another one.
    pub(crate) fn is_limited(&self, now: Now) -> bool {
        self.limited_until.is_some_and(|until| now.is_before(&until))
    }

    /// Records that it happens now. The first `burst` in a row set no limit. A quiet minute ends a row.
    pub(crate) fn record(&mut self, now: Now, burst: u32, jitter: f64) {
        let was_quiet = self.limited_until.is_none_or(|until| !now.is_before(&(until + CEILING)));
        self.in_a_row = if was_quiet { 1 } else { self.in_a_row.saturating_add(1) };
        let pause = match self.in_a_row.saturating_sub(burst) {
            0 => Duration::ZERO,
            beyond_burst => backoff(true, beyond_burst, None, jitter),
        };
        self.limited_until = Some(now + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn backoff_grows_to_a_minute_and_follows_retry_after() {
        // transient, failures, retry_after, jitter -> seconds
        for (transient, failures, retry_after, jitter, expected) in [
            (true, 1, None, 0.0, 1.0),
            (true, 1, None, 0.75, 1.5),
            (true, 4, None, 0.5, 8.0),
            (true, 30, None, 0.999, 59.94),
            (true, u32::MAX, None, 1.0, 60.0),
            (true, 1, Some(20), 0.0, 20.0),
            (true, 1, Some(86_400), 0.0, 300.0),
            (false, 9, None, 0.999, 4.995),
            (false, 9, None, 0.0, 1.0),
            (false, 9, Some(60), 0.0, 1.0),
        ] {
            let pause = backoff(transient, failures, retry_after.map(secs), jitter).as_secs_f64();
            assert!(
                (pause - expected).abs() < 1e-6,
                "{transient} {failures} {retry_after:?} {jitter}: {pause}"
            );
        }
    }

    #[test]
    fn the_throttle_passes_a_burst_then_limits_for_longer_and_longer_and_resets_after_a_quiet_minute() {
        let mut now = Now { wall: secs(1_800_000_000), monotonic: secs(5) };
        let mut throttle = Throttle::default();
        for limited_for in [0, 0, 1, 3, 7] {
            throttle.record(now, 2, 0.99);
            assert_eq!(throttle.is_limited(now), limited_for > 0);
            assert!(throttle.is_limited(now + secs(limited_for)) == (limited_for > 0));
            now = now + secs(limited_for + 1);
            assert!(!throttle.is_limited(now));
        }
        throttle.record(now + CEILING + CEILING, 2, 0.99);
        assert!(!throttle.is_limited(now + CEILING + CEILING));
    }

    proptest! {
        #[test]
        fn backoff_is_between_a_second_and_five_minutes(transient: bool, failures: u32, requested in 0_u64..u64::MAX, jitter in 0.0..1.0_f64) {
            let pause = backoff(transient, failures, Some(secs(requested)), jitter);
            prop_assert!(pause >= FLOOR && pause <= 5 * MINUTE);
        }
    }
}
