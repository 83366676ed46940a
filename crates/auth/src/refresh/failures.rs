//! How long failures and refusals are remembered. Pure: readings of the clock in, a decision out.

use std::time::Duration;

use crate::Error;
use crate::system::Now;
use crate::task::pace::{LONGEST_RETRY_AFTER, Next, Outage};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The shortest time between two fetches that no caller waits for.
pub(crate) const FLOOR: Duration = SECOND;

/// The longest pause of our own after failures that no caller waits for.
const CEILING: Duration = MINUTE;

/// How long a failure is remembered while a usable token is at hand. `failures` counts this one. `jitter` is in
/// `0.0..1.0`.
///
/// Transient: exponential with full jitter, 1 s to 60 s, or what the server asked for where that is longer, 60 s at
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
    own.max(requested.min(LONGEST_RETRY_AFTER))
}

/// The pause of a refresh that failed, where the current token is usable for `usable_for` more. A pause of our own takes
/// half of that time at most, so that more than one attempt is left. No pause reaches past the end of the token, because
/// callers wait from then on.
pub(crate) fn within_life(pause: Duration, requested: Option<Duration>, usable_for: Duration) -> Duration {
    let requested = requested.unwrap_or_default().min(LONGEST_RETRY_AFTER);
    pause.min((usable_for / 2).max(FLOOR)).max(requested).min(usable_for)
}

/// The failures since the last success.
#[derive(Default)]
pub(crate) struct Failures {
    /// Failures in a row while a usable token was at hand.
    in_a_row: u32,
    /// Failures while callers had to wait.
    outage: Outage,
    last: Option<Remembered>,
    /// Why the last attempt failed, for people. Unlike `last`, it stays until a success.
    pub(crate) last_error: Option<Error>,
}

/// A failure that is remembered.
pub(crate) struct Remembered {
    pub(crate) error: Error,
    pub(crate) until: Now,
    pub(crate) of: FlightKind,
}

/// What a failed flight was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlightKind {
    /// Callers waited for it, and were told.
    Waited,
    /// No usable token was at hand, and no caller waited.
    Unwaited,
    /// A usable token was at hand.
    Refresh,
}

impl Failures {
    /// The failure that answers calls at `now` instead of another fetch.
    pub(crate) fn remembered(&self, now: &Now) -> Option<&Remembered> {
        self.last.as_ref().filter(|last| now.is_before(&last.until))
    }

    /// Records a failed attempt to replace a token that is usable for `usable_for` more. Returns the pause before the
    /// next attempt.
    pub(crate) fn record_refresh(&mut self, error: &Error, usable_for: Duration, jitter: f64) -> Duration {
        self.last_error = Some(error.clone());
        self.in_a_row = self.in_a_row.saturating_add(1);
        let pause = backoff(error.is_transient(), self.in_a_row, error.retry_after(), jitter);
        within_life(pause, error.retry_after().filter(|_| error.is_transient()), usable_for)
    }

    /// Records a failed attempt without a usable token at hand. `left` is the time that the callers have.
    pub(crate) fn record_attempt(&mut self, error: &Error, now: Now, left: Duration, jitter: f64) -> Next {
        self.last_error = Some(error.clone());
        if !error.is_transient() {
            return Next::GiveUp(backoff(false, 1, None, jitter));
        }
        let left = if error.is_worth_a_retry() { left } else { Duration::ZERO };
        self.outage.next(now, left, error.retry_after(), jitter)
    }

    /// Remembers the failure of a whole flight.
    pub(crate) fn remember(&mut self, error: &Error, until: Now, of: FlightKind) {
        self.last = Some(Remembered { error: error.clone(), until, of });
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

/// So many refusals in a row set no limit. The next one is still answered by a new token, and sets the first limit.
pub(super) const REFUSALS: u32 = 3;

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
            (true, 1, Some(86_400), 0.0, 60.0),
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
    fn the_back_off_of_a_stale_token_ends_before_the_token() {
        // pause, requested, usable for -> the pause, in seconds
        for (pause, requested, usable_for, expected) in [
            (60, None, 300, 60),
            (60, None, 100, 50),
            (60, None, 1, 1),
            (60, Some(300), 300, 60),
            (60, Some(300), 15, 15),
            (2, Some(30), 100, 30),
        ] {
            let capped = within_life(secs(pause), requested.map(secs), secs(usable_for));
            assert_eq!(capped, secs(expected), "{pause} {requested:?} {usable_for}");
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
        fn backoff_is_between_a_second_and_a_minute(transient: bool, failures: u32, requested in 0_u64..u64::MAX, jitter in 0.0..1.0_f64) {
            let pause = backoff(transient, failures, Some(secs(requested)), jitter);
            prop_assert!(pause >= FLOOR && pause <= MINUTE);
        }
    }
}
