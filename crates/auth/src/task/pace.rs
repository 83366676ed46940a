//! The pauses between attempts while callers wait for a service that is down. Pure: readings of the clock in, a pause out.
//!
//! The first pauses are short, so that a service that starts a moment later costs its callers nothing. The pauses grow
//! with the outage, so that a fleet whose callers always wait does not keep the service down. An [`Outage`] lasts from
//! one attempt to the next, whoever makes them.
//!
//! The refresh engine paces a whole fetch with it, selection included: an error of selection that is transient starts
//! the selection again. A method needs no retries of its own.

use std::time::Duration;

use crate::system::Now;

/// The bound of the first pause; each later bound is twice the one before.
const FIRST: Duration = Duration::from_millis(100);

/// The longest pause while the outage is young.
const LONGEST_WHILE_YOUNG: Duration = Duration::from_secs(2);

/// How long an outage is young. The pauses grow beyond [`LONGEST_WHILE_YOUNG`] after that. Without an attempt for this
/// time nothing is known about the outage, and the next failure starts another one.
const YOUNG: Duration = Duration::from_secs(60);

/// The longest pause of our own.
const LONGEST: Duration = Duration::from_secs(30);

/// The shortest pause, whatever the jitter: attempts never follow each other in a loop.
const SHORTEST: Duration = Duration::from_millis(10);

/// The longest pause that a server can ask for with `Retry-After`.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// With this much time left, callers get a last attempt although the pause is longer.
const WORTH_A_LAST_ATTEMPT: Duration = Duration::from_secs(1);

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another attempt, after this pause.
    TryAgain(Duration),
    /// No attempt that the callers could wait for. No attempt at all is made before this pause has passed.
    GiveUp(Duration),
}

/// The failures since the service was last known to work.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    /// When the first attempt failed.
    began: Option<Now>,
    /// When the last pause ended.
    last: Option<Now>,
    failures: u32,
    /// How many of the failures came when the outage was no longer young.
    late_failures: u32,
}

impl Outage {
    /// Records an attempt that failed at `now`, and says what follows. `left` is the time that the callers have;
    /// `requested` is the pause that the server asks for. `jitter` is in `0.0..1.0`.
    pub(crate) fn next(
        &mut self,
        now: Now,
        left: Duration,
        requested: Option<Duration>,
        jitter: f64,
    ) -> Next {
        let requested = requested.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        let pause = self.bound(now).mul_f64(jitter.clamp(0.0, 1.0)).max(SHORTEST).max(requested);
        let next = if pause < left {
            Next::TryAgain(pause)
        } else if self.late_failures == 0 && left >= WORTH_A_LAST_ATTEMPT && requested.is_zero() {
            Next::TryAgain(left.mul_f64(0.75))
        } else {
            Next::GiveUp(pause)
        };
        let (Next::TryAgain(pause) | Next::GiveUp(pause)) = next;
        self.last = Some(now + pause);
        next
    }

    /// The bound of the pause after this failure.
    fn bound(&mut self, now: Now) -> Duration {
        if self.last.is_some_and(|last| !now.is_before(&(last + YOUNG))) {
            *self = Self::default();
        }
        let began = *self.began.get_or_insert(now);
        self.failures = self.failures.saturating_add(1);
        if !now.is_before(&(began + YOUNG)) {
            self.late_failures = self.late_failures.saturating_add(1);
        }
        match self.late_failures {
            0 => doubled(FIRST, self.failures - 1).min(LONGEST_WHILE_YOUNG),
            late => doubled(LONGEST_WHILE_YOUNG, late).min(LONGEST),
        }
    }
}

fn doubled(duration: Duration, times: u32) -> Duration {
    duration.saturating_mul(2_u32.saturating_pow(times))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Now = Now { wall: Duration::from_secs(1_800_000_000), monotonic: Duration::from_secs(500) };
    const PATIENT: Duration = Duration::from_secs(3600);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_pauses_double_to_two_seconds_and_after_a_minute_to_thirty() {
        let (mut outage, mut now) = (Outage::default(), START);
        for bound in [100, 200, 400, 800, 1600, 2000, 2000] {
            assert_eq!(outage.next(now, PATIENT, None, 0.5), Next::TryAgain(millis(bound) / 2));
            now = now + millis(bound) / 2;
        }
        for bound in [4, 8, 16, 30, 30] {
            assert_eq!(outage.next(START + secs(60), PATIENT, None, 0.5), Next::TryAgain(secs(bound) / 2));
        }
    }

    #[test]
    fn a_server_may_ask_for_a_longer_pause_of_a_minute_at_most() {
        for (requested, pause) in [(0, millis(10)), (7, secs(7)), (86_400, secs(60))] {
            let mut outage = Outage::default();
            assert_eq!(outage.next(START, PATIENT, Some(secs(requested)), 0.0), Next::TryAgain(pause));
        }
        assert_eq!(
            Outage::default().next(START, secs(5), Some(secs(7)), 0.0),
            Next::GiveUp(secs(7)),
            "the request of the server is kept, although callers have a second and more"
        );
    }

    #[test]
    fn callers_are_given_up_when_the_next_attempt_comes_too_late_for_them() {
        let young = || {
            let mut outage = Outage::default();
            for _ in 0..6 {
                outage.next(START, PATIENT, None, 0.0);
            }
            outage
        };
        for (left, next) in [
            (2500, Next::TryAgain(millis(1800))),
            // A last attempt inside the time that is left.
            (1600, Next::TryAgain(millis(1200))),
            (1000, Next::TryAgain(millis(750))),
            (900, Next::GiveUp(millis(1800))),
            (0, Next::GiveUp(millis(1800))),
        ] {
            assert_eq!(young().next(START, millis(left), None, 0.9), next, "{left} ms left");
        }
        let mut old = young();
        old.next(START + secs(30), PATIENT, None, 0.0);
        assert_eq!(old.next(START + secs(61), secs(3), None, 0.9), Next::GiveUp(millis(3600)));
    }

    #[test]
    fn a_minute_without_an_attempt_starts_another_outage() {
        let mut outage = Outage::default();
        for second in 0..100 {
            outage.next(START + secs(second), PATIENT, None, 0.0);
        }
        assert_eq!(outage.next(START + secs(150), PATIENT, None, 0.5), Next::TryAgain(secs(15)));
        // The minute begins where the pause ends.
        let last = START + secs(165 + 59);
        assert_eq!(outage.next(last, PATIENT, None, 0.5), Next::TryAgain(secs(15)));
        let pause_ends = last + secs(15);
        assert_eq!(outage.next(pause_ends + secs(60), PATIENT, None, 0.5), Next::TryAgain(millis(50)));
    }

    /// Attempts of one node in each minute of an outage of ten minutes. Callers always wait, and each has the time
    /// `limit`. With `renewed`, another caller with all of its time joins the flight at each moment.
    fn attempts_of_a_node(random: &mut impl FnMut() -> f64, limit: Duration, renewed: bool) -> [u64; 10] {
        let (mut outage, mut attempts) = (Outage::default(), [0; 10]);
        let (mut now, mut began) = (Duration::ZERO, Duration::ZERO);
        while now < secs(600) {
            attempts[usize::try_from(now.as_secs() / 60).unwrap()] += 1;
            let left = if renewed { limit } else { limit.saturating_sub(now - began) };
            match outage.next(START + now, left, None, random()) {
                Next::TryAgain(pause) => now += pause,
                Next::GiveUp(pause) => {
                    now += pause;
                    began = now;
                }
            }
        }
        attempts
    }

    #[test]
    fn a_fleet_that_starts_into_an_outage_sends_few_requests() {
        let mut state = 0x5eed_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        for (nodes, limit, renewed) in [
            (10_000, secs(10), false),
            (10_000, secs(10), true),
            (1000, millis(50), false),
            (1000, millis(300), false),
            (1000, millis(300), true),
            (1000, secs(1), false),
            (1000, millis(1500), false),
            (1000, secs(5), false),
            (1000, secs(30), false),
            (1000, secs(3600), false),
        ] {
            let mut fleet = [0; 10];
            for _ in 0..nodes {
                let node = attempts_of_a_node(&mut random, limit, renewed);
                fleet.iter_mut().zip(node).for_each(|(all, one)| *all += one);
            }
            let rates = fleet.map(|attempts| attempts as f64 / f64::from(nodes) / 60.0);
            assert!(rates[0] <= 1.5, "{rates:?} with {limit:?}");
            assert!(rates[2..].iter().all(|rate| *rate <= 0.1), "{rates:?} with {limit:?}");
        }
    }

    proptest! {
        #[test]
        fn a_pause_fits_the_time_of_the_callers_and_is_never_zero(
            failures in 0_u32..200, left in 0_u64..100_000, requested: Option<u64>, jitter in 0.0..1.0_f64, age in 0_u64..1000,
        ) {
            let mut outage = Outage::default();
            for _ in 0..failures {
                outage.next(START, PATIENT, None, jitter);
            }
            let left = millis(left);
            match outage.next(START + secs(age), left, requested.map(secs), jitter) {
                Next::TryAgain(pause) => prop_assert!(pause >= SHORTEST && pause < left),
                Next::GiveUp(pause) => prop_assert!(pause >= SHORTEST && pause <= LONGEST_RETRY_AFTER),
            }
        }
    }
}
