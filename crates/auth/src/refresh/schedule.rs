//! When a token is asked for again, and until when it may be sent. Pure: two readings of the clock in, a plan out.
//!
//! *Fresh* (need not be refreshed) and *usable* (may be sent) are two limits. Between them a call is served with
//! the token at hand while a newer one is fetched beside it. Each limit is a moment on both clocks, and is passed
//! as soon as either clock passes it: the wall's sees a suspend, the monotonic one sees a wall clock set back.

use std::time::{Duration, SystemTime};

use crate::system::Now;
use crate::token::Life;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The longest life of an IAM token (docs, "IAM token"), assumed where nothing is known.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_secs(12 * 3600);

/// The shortest time between two attempts, whoever asks for them.
pub(crate) const FLOOR: Duration = SECOND;

/// The longest wait after failures.
pub(crate) const CEILING: Duration = MINUTE;

/// What may be done with a token now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Send it.
    Fresh,
    /// Send it, and ask for another beside.
    Stale,
    /// Do not send it.
    Expired,
}

/// The limits of one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// When it should be asked for again.
    pub(crate) refresh: Now,
    /// Until when it may be sent.
    pub(crate) usable: Now,
    /// When it ends.
    pub(crate) end: Now,
}

/// A moment that no clock reaches.
pub(crate) const NEVER: Now = Now { wall: Duration::MAX, monotonic: Duration::MAX };

impl Schedule {
    /// For what never changes and never ends.
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

    /// For a token of unknown life, which was first seen at `seen`.
    pub(crate) fn for_unknown_life(seen: Now, fetched: Now, max_age: Duration, jitter: f64) -> Self {
        let usable = seen + LONGEST_LIFE;
        Self { refresh: fetched + jittered(max_age, jitter), usable, end: usable }
    }

    /// For a token that the source gave again: the next ask comes at half of what is left.
    pub(crate) fn given_again(self, now: Now) -> Self {
        self.refresh_by(now + (now.until(self.end) / 2).max(FLOOR))
    }

    /// With the next ask at `moment`, where it would come later.
    pub(crate) fn refresh_by(mut self, moment: Now) -> Self {
        self.refresh = Now {
            wall: self.refresh.wall.min(moment.wall),
            monotonic: self.refresh.monotonic.min(moment.monotonic),
        };
        self
    }

    /// Until when it is both fresh and usable.
    pub(crate) fn fresh(&self) -> Now {
        Now {
            wall: self.refresh.wall.min(self.usable.wall),
            monotonic: self.refresh.monotonic.min(self.usable.monotonic),
        }
    }

    /// What may be done at `now`.
    pub(crate) fn state(&self, now: &Now) -> State {
        if now.is_before(&self.fresh()) {
            State::Fresh
        } else if now.is_before(&self.usable) {
            State::Stale
        } else {
            State::Expired
        }
    }
}

/// How long before its end a token is asked for again: by a table, and a quarter of its life at the most.
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
    (10 * SECOND).min(life / 10)
}

/// Up to a tenth earlier, so that a fleet that started together does not ask together.
fn jittered(span: Duration, jitter: f64) -> Duration {
    span - span.mul_f64(jitter.clamp(0.0, 1.0) / 10.0)
}

/// The life of a token by what its answer said; `None` where it said nothing.
///
/// # Errors
/// The life that cannot be: an IAM token lives for 12 h at the most, so one outside 1 s to 24 h is a bad answer.
pub(crate) fn life(said: Life, fetched: Now) -> Result<Option<Duration>, BadLife> {
    let span = match said {
        Life::Unknown => return Ok(None),
        Life::In(span) => span,
        Life::Until { at, date } => {
            let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let local = at.saturating_sub(fetched.wall);
            match date.and_then(|date| date.duration_since(SystemTime::UNIX_EPOCH).ok()) {
                // The header has whole seconds, so where the two clocks agree the shorter life is the truer.
                Some(date) if date.abs_diff(fetched.wall) <= 5 * SECOND => local.min(at.saturating_sub(date)),
                // Where they do not, the second that the header may have cut is taken off.
                Some(date) => at.saturating_sub(date + SECOND),
                None => local,
            }
        }
    };
    if (SECOND..=24 * HOUR).contains(&span) { Ok(Some(span)) } else { Err(BadLife(span)) }
}

/// A life outside 1 s to 24 h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadLife(pub(crate) Duration);

/// How long a failure is remembered. `failures` counts this one. `jitter` is in `0.0..1.0`.
///
/// Transient: exponential with full jitter, 1 s to 60 s, or what the server asked for where that is longer, 5 min
/// at the most. Permanent kinds, which somebody mends by hand: 1 s to 5 s.
pub(crate) fn pause(transient: bool, failures: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
    let bound =
        if transient { CEILING.min(SECOND * 2_u32.saturating_pow(failures.min(10))) } else { 5 * SECOND };
    let own = bound.mul_f64(jitter.clamp(0.0, 1.0)).max(FLOOR);
    let asked = retry_after.filter(|_| transient).unwrap_or_default();
    own.max(asked.min(5 * MINUTE))
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
            let plan = Schedule::for_life(START, secs(life), secs(max_age), 0.0);
            assert_eq!(plan.refresh, START + secs(fresh), "fresh, life {life}");
            let usable_for = plan.usable.monotonic - START.monotonic;
            assert_eq!(usable_for.as_secs(), usable, "usable, life {life}");
            assert_eq!(plan.end, START + secs(life));
        }
    }

    #[test]
    fn either_clock_ends_a_token() {
        let plan = Schedule::for_life(START, secs(3600), MAX_AGE, 0.0);
        let suspended = Now { wall: START.wall + secs(3600), ..START };
        let set_back = Now { wall: START.wall - secs(86_400), monotonic: START.monotonic + secs(3600) };
        assert_eq!(plan.state(&START), State::Fresh);
        assert_eq!(plan.state(&(START + secs(3400))), State::Stale);
        assert_eq!(plan.state(&suspended), State::Expired);
        assert_eq!(plan.state(&set_back), State::Expired);
    }

    #[test]
    fn a_token_given_again_is_asked_for_at_half_of_what_is_left() {
        let plan = Schedule::for_life(START, secs(1000), secs(3600), 0.0).given_again(START);
        assert_eq!(plan.refresh, START + secs(500));
        let nearly_over = START + Duration::from_millis(999_500);
        let plan = Schedule::for_life(START, secs(1000), secs(3600), 0.0);
        let later = Schedule { refresh: NEVER, ..plan }.given_again(nearly_over);
        assert_eq!(later.refresh, nearly_over + FLOOR);
    }

    #[test]
    fn unknown_life_is_fresh_for_max_age_and_used_for_twelve_hours_from_first_sight() {
        let later = START + secs(3600);
        let plan = Schedule::for_unknown_life(START, later, MAX_AGE, 0.0);
        assert_eq!(plan.refresh, later + MAX_AGE);
        assert_eq!(plan.usable, START + LONGEST_LIFE);
    }

    #[test]
    fn life_comes_from_the_servers_clock_where_it_shows_one() {
        let at = |seconds| SystemTime::UNIX_EPOCH + secs(seconds);
        let wall = START.wall.as_secs();
        // said -> life
        for (said, life_is) in [
            (Life::Unknown, Ok(None)),
            (Life::In(secs(300)), Ok(Some(secs(300)))),
            (Life::In(secs(0)), Err(BadLife(secs(0)))),
            (Life::In(secs(86_401)), Err(BadLife(secs(86_401)))),
            (Life::Until { at: at(wall + 60), date: None }, Ok(Some(secs(60)))),
            // Our clock is two days slow, then two days fast.
            (Life::Until { at: at(wall + 172_860), date: Some(at(wall + 172_800)) }, Ok(Some(secs(59)))),
            (Life::Until { at: at(wall - 172_740), date: Some(at(wall - 172_800)) }, Ok(Some(secs(59)))),
            // The header was cut to a whole second: the shorter life counts.
            (Life::Until { at: at(wall + 3), date: Some(at(wall - 1)) }, Ok(Some(secs(3)))),
            (Life::Until { at: at(wall - 1), date: None }, Err(BadLife(secs(0)))),
        ] {
            assert_eq!(life(said, START), life_is, "{said:?}");
        }
    }

    #[test]
    fn pauses_grow_to_a_minute_and_honour_the_server() {
        // transient, failures, retry_after, jitter -> seconds
        for (transient, failures, retry_after, jitter, pause_is) in [
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
            let pause = pause(transient, failures, retry_after.map(secs), jitter).as_secs_f64();
            assert!(
                (pause - pause_is).abs() < 1e-6,
                "{transient} {failures} {retry_after:?} {jitter}: {pause}"
            );
        }
    }

    proptest! {
        #[test]
        fn fresh_ends_before_usable_and_usable_before_the_end(life in 1_u64..86_400, max_age in 0_u64..100_000, jitter in 0.0..1.0_f64) {
            let plan = Schedule::for_life(START, secs(life), secs(max_age), jitter);
            prop_assert!(plan.refresh.wall < plan.usable.wall);
            prop_assert!(plan.usable.wall < plan.end.wall);
            prop_assert_eq!(plan.state(&plan.end), State::Expired);
        }

        #[test]
        fn a_pause_is_between_a_second_and_five_minutes(transient: bool, failures: u32, asked in 0_u64..u64::MAX, jitter in 0.0..1.0_f64) {
            let pause = pause(transient, failures, Some(secs(asked)), jitter);
            prop_assert!(pause >= FLOOR && pause <= 5 * MINUTE);
        }
    }
}
