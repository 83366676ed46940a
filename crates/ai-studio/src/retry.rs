//! The retry policy of calls: which failures are repeated, how often, and after which wait.
//!
//! The defaults are those of the Python SDK: 5 attempts, a back-off of 1 s times 1.5, at most 10 s, with up to 1 s of
//! jitter, for `UNAVAILABLE` and `RESOURCE_EXHAUSTED`. Over HTTP these are 503 and 429. 502, which a load balancer
//! returns for a server that is down, and a failed or broken connection count as `UNAVAILABLE`, too. 504 is not
//! repeated: it is `DEADLINE_EXCEEDED`, the server may still work on the request, and the Python SDK does not repeat it
//! either. 500, `INTERNAL`, is not repeated.

use std::time::Duration;

use http::StatusCode;
use yandex_cloud_auth::System;

/// How often the SDK repeats a call, and how long it waits before each attempt.
///
/// All attempts share the deadline of the call: where the wait would outlast the deadline, the call returns the last
/// error at once. A stream is never repeated after the head of its response.
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

    /// Sets the number of attempts. The first attempt counts; zero means one.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// Sets no maximum: only the deadline of the call limits the attempts (a negative number in the Python SDK).
    pub fn unlimited_attempts(mut self) -> Self {
        self.max_attempts = None;
        self
    }

    /// Sets the first wait.
    pub fn initial_backoff(mut self, backoff: Duration) -> Self {
        self.initial_backoff = backoff;
        self
    }

    /// Sets the longest wait, jitter included. The server may ask for a longer one by `Retry-After`.
    pub fn max_backoff(mut self, backoff: Duration) -> Self {
        self.max_backoff = backoff;
        self
    }

    /// Sets the factor between two waits. A factor that is not a positive number counts as 1.
    pub fn backoff_multiplier(mut self, factor: f64) -> Self {
        self.backoff_multiplier = if factor.is_finite() && factor > 0.0 { factor } else { 1.0 };
        self
    }

    /// Sets the maximum random addition to a wait.
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// How long to wait after `attempts` attempts, within the `left` time of the call. `None` where no attempt follows.
    pub(crate) fn wait(
        &self,
        attempts: u32,
        retry_after: Option<Duration>,
        left: Duration,
        system: &System,
    ) -> Option<Duration> {
        // Where the time is too short for the wait, the last error is more useful to the caller than a timeout.
        self.backoff(attempts, retry_after, system.clock().random()).filter(|wait| *wait < left)
    }

    /// `random` is in `0.0..1.0`.
    fn backoff(&self, attempts: u32, retry_after: Option<Duration>, random: f64) -> Option<Duration> {
        if self.max_attempts.is_some_and(|max| attempts >= max) {
            return None;
        }
        let power = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
        let max = self.max_backoff.as_secs_f64();
        let grown = self.initial_backoff.as_secs_f64() * self.backoff_multiplier.powi(power);
        let backoff = (grown + self.jitter.as_secs_f64() * random.clamp(0.0, 1.0)).min(max);
        let backoff = Duration::try_from_secs_f64(backoff).unwrap_or(self.max_backoff);
        Some(backoff.max(retry_after.unwrap_or_default()))
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether another attempt may succeed after a response with this status.
pub(crate) fn is_retryable(status: StatusCode) -> bool {
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
        (1..8)
            .map_while(|attempts| policy.backoff(attempts, None, random))
            .map(|wait| wait.as_millis())
            .collect()
    }

    #[test]
    fn waits_as_long_as_the_python_sdk() {
        assert_eq!(waits(&RetryPolicy::new(), 0.0), [1000, 1500, 2250, 3375]);
        assert_eq!(waits(&RetryPolicy::new(), 1.0), [2000, 2500, 3250, 4375]);
        let long = RetryPolicy::new().unlimited_attempts().backoff_multiplier(3.0);
        assert_eq!(waits(&long, 0.5), [1500, 3500, 9500, 10_000, 10_000, 10_000, 10_000]);
        assert!(waits(&RetryPolicy::none(), 0.0).is_empty());
    }

    #[test]
    fn waits_at_least_as_long_as_the_server_asks() {
        let wait = |seconds| RetryPolicy::new().backoff(1, Some(Duration::from_secs(seconds)), 0.0);
        assert_eq!(wait(0), Some(Duration::from_secs(1)));
        assert_eq!(wait(42), Some(Duration::from_secs(42)));
    }

    #[test]
    fn repeats_only_429_502_and_503() {
        let repeated: Vec<u16> =
            (100..600).filter(|code| is_retryable(StatusCode::from_u16(*code).unwrap())).collect();
        assert_eq!(repeated, [429, 502, 503]);
    }

    proptest! {
        #[test]
        fn never_panics_and_never_exceeds_the_longest_wait(
            attempts: u32, initial: u32, max: u32, jitter: u32, factor: f64, random: f64,
        ) {
            let duration = |seconds: u32| Duration::from_secs(seconds.into());
            let policy = RetryPolicy::new()
                .unlimited_attempts()
                .initial_backoff(duration(initial))
                .max_backoff(duration(max))
                .jitter(duration(jitter))
                .backoff_multiplier(factor);
            prop_assert!(policy.backoff(attempts, None, random).unwrap() <= duration(max));
        }
    }
}
