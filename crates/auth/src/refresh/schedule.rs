//! When a token is refreshed, and until when it may be sent. Pure: two readings of the clock in, a schedule out.
//!
//! *Fresh* (needs no refresh) and *usable* (may be sent) are two limits. Between them a call gets the old token while a
//! newer one is fetched in the background. Each limit is a moment on two clocks, and has passed as soon as either clock
//! has passed it: the wall clock counts the time of a suspend, and the monotonic one is never set back.

use std::time::Duration;

use super::failures::FLOOR;
use crate::system::Now;
use crate::token::LONGEST_LIFE;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// What may be done with a token now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Send it.
    Fresh,
    /// Send it, and fetch another in the background.
    Stale,
    /// Do not send it.
    Expired,
}

/// The limits of one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// When the source is asked again.
    pub(crate) refresh: Now,
    /// Until when the token may be sent.
    pub(crate) usable: Now,
    /// When the token ends.
    pub(crate) end: Now,
}

/// A moment that no clock reaches.
pub(crate) const NEVER: Now = Now { wall: Duration::MAX, monotonic: Duration::MAX };

impl Schedule {
    /// For a credential that never changes and never ends.
    pub(crate) const FOREVER: Self = Self { refresh: NEVER, usable: NEVER, end: NEVER };

    /// For a token with a known life, counted from the moment the fetch began. `jitter` is in `0.0..1.0`.
    pub(crate) fn for_life(fetched: Now, life: Duration, max_age: Duration, jitter: f64) -> Self {
        let fresh = life.saturating_sub(advisory(life)).min(max_age);
        Self {
            refresh: fetched + jittered(fresh, jitter),
            usable: fetched + (life - margin(life)),
            end: fetched + life,
        }
    }

    /// How long a token is fresh and how long it is usable, counted from the moment the fetch began.
    #[cfg(feature = "shared-cache")]
    pub(crate) fn durations(life: Duration, max_age: Duration, jitter: f64) -> (Duration, Duration) {
        let schedule =
            Self::for_life(Now { wall: Duration::ZERO, monotonic: Duration::ZERO }, life, max_age, jitter);
        (schedule.refresh.wall, schedule.usable.wall)
    }

    /// For a token that another process fetched `age` ago, with the durations that were stored then.
    #[cfg(feature = "shared-cache")]
    pub(crate) fn resumed(
        now: Now,
        age: Duration,
        fresh: Duration,
        usable: Duration,
        life: Duration,
    ) -> Self {
        let left = |whole: Duration| now + whole.saturating_sub(age);
        Self { refresh: left(fresh), usable: left(usable), end: left(life) }
    }

    /// For a token of unknown life that was first seen at `first_seen`.
    pub(crate) fn for_unknown_life(first_seen: Now, fetched: Now, max_age: Duration, jitter: f64) -> Self {
        let usable = first_seen + LONGEST_LIFE;
        Self { refresh: fetched + jittered(max_age, jitter), usable, end: usable }
    }

    /// For a key without an end.
    pub(crate) fn for_unlimited_life(fetched: Now, max_age: Duration, jitter: f64) -> Self {
        Self { refresh: fetched + jittered(max_age, jitter), ..Self::FOREVER }
    }

    /// For a token that the source returned before: the next refresh comes after half of the remaining life.
    pub(crate) fn repeated(self, now: Now) -> Self {
        self.refresh_by(now + (now.until(self.end) / 2).max(FLOOR))
    }

    /// With the refresh at `moment`, if it would come later.
    pub(crate) fn refresh_by(mut self, moment: Now) -> Self {
        self.refresh = Now {
            wall: self.refresh.wall.min(moment.wall),
            monotonic: self.refresh.monotonic.min(moment.monotonic),
        };
        self
    }

    /// Until when the token is both fresh and usable.
    pub(crate) fn fresh(&self) -> Now {
        Now {
            wall: self.refresh.wall.min(self.usable.wall),
            monotonic: self.refresh.monotonic.min(self.usable.monotonic),
        }
    }

    /// What may be done with the token at `now`.
    pub(crate) fn freshness(&self, now: &Now) -> Freshness {
        if now.is_before(&self.fresh()) {
            Freshness::Fresh
        } else if now.is_before(&self.usable) {
            Freshness::Stale
        } else {
            Freshness::Expired
        }
    }
}

/// How long before its end a token is refreshed: by a table, and a quarter of its life at most.
fn advisory(life: Duration) -> Duration {
    let by_table = match life {
        life if life <= HOUR => 5 * MINUTE,
        life if life <= 6 * HOUR => 15 * MINUTE,
        _ => HOUR,
    };
    by_table.min(life / 4)
}

/// How long before its end a token is no longer sent: time for the request to arrive.
fn margin(life: Duration) -> Duration {
    Duration::from_secs(10).min(life / 10)
}

/// Up to a tenth earlier, so that processes that started together do not all fetch together.
fn jittered(duration: Duration, jitter: f64) -> Duration {
    duration - duration.mul_f64(jitter.clamp(0.0, 1.0) / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::MAX_AGE;
    use proptest::prelude::*;

    const START: Now = Now { wall: Duration::from_secs(1_800_000_000), monotonic: Duration::from_secs(500) };

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn limits_follow_the_table() {
        // life, max_age -> fresh for, usable for
        for (life, max_age, fresh, usable) in [
            (12 * 3600, 3600, 3600, 12 * 3600 - 10),
            (12 * 3600, 24 * 3600, 11 * 3600, 12 * 3600 - 10),
            (2 * 3600, 24 * 3600, 2 * 3600 - 15 * 60, 2 * 3600 - 10),
            (3600, 3600, 3600 - 5 * 60, 3590),
            (300, 3600, 225, 290),
            (60, 3600, 45, 54),
            (4, 3600, 3, 3),
        ] {
            let schedule = Schedule::for_life(START, secs(life), secs(max_age), 0.0);
            assert_eq!(schedule.refresh, START + secs(fresh), "fresh, life {life}");
            let usable_for = schedule.usable.monotonic - START.monotonic;
            assert_eq!(usable_for.as_secs(), usable, "usable, life {life}");
            assert_eq!(schedule.end, START + secs(life));
        }
    }

    #[test]
    fn either_clock_ends_a_token() {
        let schedule = Schedule::for_life(START, secs(3600), MAX_AGE, 0.0);
        let suspended = Now { wall: START.wall + secs(3600), ..START };
        let set_back = Now { wall: START.wall - secs(86_400), monotonic: START.monotonic + secs(3600) };
        assert_eq!(schedule.freshness(&START), Freshness::Fresh);
        assert_eq!(schedule.freshness(&(START + secs(3400))), Freshness::Stale);
        assert_eq!(schedule.freshness(&suspended), Freshness::Expired);
        assert_eq!(schedule.freshness(&set_back), Freshness::Expired);
    }

    #[test]
    fn a_repeated_token_is_refreshed_after_half_of_its_remaining_life() {
        let schedule = Schedule::for_life(START, secs(1000), secs(3600), 0.0).repeated(START);
        assert_eq!(schedule.refresh, START + secs(500));
        let near_the_end = START + Duration::from_millis(999_500);
        let schedule = Schedule::for_life(START, secs(1000), secs(3600), 0.0);
        let later = Schedule { refresh: NEVER, ..schedule }.repeated(near_the_end);
        assert_eq!(later.refresh, near_the_end + FLOOR);
    }

    #[test]
    fn a_token_of_unknown_life_is_fresh_for_max_age_and_usable_for_twelve_hours_from_first_sight() {
        let later = START + secs(3600);
        let schedule = Schedule::for_unknown_life(START, later, MAX_AGE, 0.0);
        assert_eq!(schedule.refresh, later + MAX_AGE);
        assert_eq!(schedule.usable, START + LONGEST_LIFE);
    }

    proptest! {
        #[test]
        fn fresh_ends_before_usable_and_usable_before_the_end(life in 1_u64..86_400, max_age in 0_u64..100_000, jitter in 0.0..1.0_f64) {
            let schedule = Schedule::for_life(START, secs(life), secs(max_age), jitter);
            prop_assert!(schedule.refresh.wall < schedule.usable.wall);
            prop_assert!(schedule.usable.wall < schedule.end.wall);
            prop_assert_eq!(schedule.freshness(&schedule.end), Freshness::Expired);
        }
    }
}
