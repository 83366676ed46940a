//! When a call is made again: a pure rule, from what happened to how long to wait.
//!
//! The defaults are the Python SDK's: 5 attempts, 1 s times 1.5, 10 s at the most with up to 1 s of jitter, for
//! `UNAVAILABLE` and `RESOURCE_EXHAUSTED`. Over HTTP those are 503 and 429; 502, which a balancer says in front of a
//! server that is down, and a connection that could not be made or broke are `UNAVAILABLE` too. 504 is not among them:
//! it is `DEADLINE_EXCEEDED`, the server may be at work on the request, and the Python SDK does not repeat that
//! either; nor 500, which is `INTERNAL`.

use std::time::Duration;

use http::StatusCode;

/// How often a call is made again, and how long to wait before.
///
/// All attempts share the one deadline of the call: where there is no time for the wait, the last error is told at
/// once. A stream is never made again once its first byte has come.
///
/// ```
/// use std::time::Duration;
/// use yandex_ai_studio_sdk::RetryPolicy;
///
/// let patient = RetryPolicy::new().max_attempts(10).max_backoff(Duration::from_secs(30));
/// assert_ne!(patient, RetryPolicy::new());
/// assert_eq!(RetryPolicy::none(), RetryPolicy::new().max_attempts(1));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct RetryPolicy {
    max_attempts: Option<u32>,
    initial_backoff: Duration,
    max_backoff: Duration,
    backoff_multiplier: f64,
    jitter: Duration,
}

impl RetryPolicy {
    /// The defaults: 5 attempts with 1 s, 1.5 s, 2.25 s and 3.4 s between them, and up to 1 s of jitter on each.
    pub fn new() -> Self {
        Self {
            max_attempts: Some(5),
            initial_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(10),
            backoff_multiplier: 1.5,
            jitter: Duration::from_secs(1),
        }
    }

    /// One attempt.
    #[doc(alias = "NoRetryPolicy")]
    pub fn none() -> Self {
        Self::new().max_attempts(1)
    }

    /// How many attempts in all; the first counts, and zero is one.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// As many attempts as the deadline of the call leaves room for (a negative number in the Python SDK).
    pub fn unlimited_attempts(mut self) -> Self {
        self.max_attempts = None;
        self
    }

    /// The first wait.
    pub fn initial_backoff(mut self, span: Duration) -> Self {
        self.initial_backoff = span;
        self
    }

    /// The longest wait, jitter included. A server's `Retry-After` may be longer.
    pub fn max_backoff(mut self, span: Duration) -> Self {
        self.max_backoff = span;
        self
    }

    /// By how much a wait is longer than the one before; what is no positive number is 1.
    pub fn backoff_multiplier(mut self, factor: f64) -> Self {
        self.backoff_multiplier = if factor.is_finite() && factor > 0.0 { factor } else { 1.0 };
        self
    }

    /// Up to how much is added to a wait by chance.
    pub fn jitter(mut self, span: Duration) -> Self {
        self.jitter = span;
        self
    }

    /// How long to wait after `attempts` attempts, or `None` where there is to be no other. `random` is in `0.0..1.0`.
    pub(crate) fn wait(&self, attempts: u32, asked: Option<Duration>, random: f64) -> Option<Duration> {
        if self.max_attempts.is_some_and(|most| attempts >= most) {
            return None;
        }
        let power = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
        let most = self.max_backoff.as_secs_f64();
        let grown = self.initial_backoff.as_secs_f64() * self.backoff_multiplier.powi(power);
        let backoff = (grown + self.jitter.as_secs_f64() * random.clamp(0.0, 1.0)).min(most);
        let backoff = Duration::try_from_secs_f64(backoff).unwrap_or(self.max_backoff);
        Some(backoff.max(asked.unwrap_or_default()))
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether an answer with this status may be different next time.
pub(crate) fn is_retried(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn waits(policy: &RetryPolicy, random: f64) -> Vec<u128> {
        (1..8).map_while(|made| policy.wait(made, None, random)).map(|wait| wait.as_millis()).collect()
    }

    #[test]
    fn waits_as_the_python_sdk_is_set_to() {
        assert_eq!(waits(&RetryPolicy::new(), 0.0), [1000, 1500, 2250, 3375]);
        assert_eq!(waits(&RetryPolicy::new(), 1.0), [2000, 2500, 3250, 4375]);
        let long = RetryPolicy::new().unlimited_attempts().backoff_multiplier(3.0);
        assert_eq!(waits(&long, 0.5), [1500, 3500, 9500, 10_000, 10_000, 10_000, 10_000]);
        assert!(waits(&RetryPolicy::none(), 0.0).is_empty());
    }

    #[test]
    fn waits_no_shorter_than_the_server_asks() {
        let asked = |seconds| RetryPolicy::new().wait(1, Some(Duration::from_secs(seconds)), 0.0);
        assert_eq!(asked(0), Some(Duration::from_secs(1)));
        assert_eq!(asked(42), Some(Duration::from_secs(42)));
    }

    #[test]
    fn repeats_what_is_unavailable_or_exhausted_and_nothing_else() {
        let repeated: Vec<u16> =
            (100..600).filter(|code| is_retried(StatusCode::from_u16(*code).unwrap())).collect();
        assert_eq!(repeated, [429, 502, 503]);
    }

    proptest! {
        #[test]
        fn no_policy_panics_or_waits_too_long(
            attempts: u32, initial: u32, most: u32, jitter: u32, factor: f64, random: f64,
        ) {
            let span = |seconds: u32| Duration::from_secs(seconds.into());
            let policy = RetryPolicy::new()
                .unlimited_attempts()
                .initial_backoff(span(initial))
                .max_backoff(span(most))
                .jitter(span(jitter))
                .backoff_multiplier(factor);
            prop_assert!(policy.wait(attempts, None, random).unwrap() <= span(most));
        }
    }
}
