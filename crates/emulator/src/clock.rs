//! The virtual clock: real time plus an offset, or a frozen time.
//!
//! Token issue, token expiry and the `Date` header use this clock. The latency of a fault uses real time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::sync::lock;

/// The last second that is in the year 9999 in every time zone, so that every client can print it.
const LATEST: i128 = 253_402_207_200 * NANOS;
const NANOS: i128 = 1_000_000_000;

/// A clock that a test moves: real time plus an offset, or a frozen time.
///
/// Clones are handles to the same clock. The time is always between 1970 and the end of 9999.
///
/// ```
/// use std::time::Duration;
/// use yandex_cloud_emulator::VirtualClock;
///
/// let clock = VirtualClock::new();
/// clock.freeze();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now(), before + Duration::from_secs(3600));
/// ```
#[derive(Clone, Debug)]
pub struct VirtualClock {
    state: Arc<Mutex<State>>,
    start: Start,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Real time plus this many nanoseconds.
    Running(i128),
    /// A frozen time, in nanoseconds since 1970.
    Frozen(i128),
}

#[derive(Clone, Copy, Debug)]
enum Start {
    RealTime,
    At(SystemTime),
}

impl VirtualClock {
    /// A running clock with the real time.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Arc::new(Mutex::new(State::Running(0))), start: Start::RealTime }
    }

    /// A running clock whose current time is `start`.
    #[must_use]
    pub fn starting_at(start: SystemTime) -> Self {
        let clock = Self { state: Arc::new(Mutex::new(State::Running(0))), start: Start::At(start) };
        clock.set(start);
        clock
    }

    /// The current time of the clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        from_nanos(self.nanos())
    }

    /// Moves a running or frozen clock forward.
    pub fn advance(&self, by: Duration) {
        let by = i128::try_from(by.as_nanos()).unwrap_or(LATEST);
        self.put(self.nanos().saturating_add(by));
    }

    /// Sets the time, also to the past. A running clock stays running, a frozen clock stays frozen.
    pub fn set(&self, to: SystemTime) {
        self.put(to_nanos(to));
    }

    /// Stops the clock at its current time.
    pub fn freeze(&self) {
        let now = self.nanos();
        *lock(&self.state) = State::Frozen(now);
    }

    /// Continues a frozen clock from its frozen time.
    pub fn unfreeze(&self) {
        let now = self.nanos();
        *lock(&self.state) = State::Running(now - real());
    }

    /// Whether the clock is frozen.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        matches!(*lock(&self.state), State::Frozen(_))
    }

    /// Restores the initial state: running, from the start time or with the real time.
    pub fn reset(&self) {
        *lock(&self.state) = State::Running(0);
        if let Start::At(start) = self.start {
            self.set(start);
        }
    }

    fn nanos(&self) -> i128 {
        let nanos = match *lock(&self.state) {
            State::Running(offset) => real().saturating_add(offset),
            State::Frozen(at) => at,
        };
        nanos.clamp(0, LATEST)
    }

    fn put(&self, nanos: i128) {
        let nanos = nanos.clamp(0, LATEST);
        let mut state = lock(&self.state);
        *state = match *state {
            State::Running(_) => State::Running(nanos - real()),
            State::Frozen(_) => State::Frozen(nanos),
        };
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

/// `time + by`, never past the last moment that the wire formats can carry.
pub(crate) fn later(time: SystemTime, by: Duration) -> SystemTime {
    let by = i128::try_from(by.as_nanos()).unwrap_or(LATEST);
    from_nanos(to_nanos(time).saturating_add(by))
}

/// Whole seconds since 1970.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// RFC 3339 in UTC, the time format of REST responses.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(to_nanos(time)).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

/// Parses RFC 3339. `None` if the text is not RFC 3339.
pub(crate) fn from_rfc3339(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(|time| from_nanos(time.unix_timestamp_nanos()))
}

fn real() -> i128 {
    to_nanos(SystemTime::now())
}

fn to_nanos(time: SystemTime) -> i128 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or(LATEST).min(LATEST)
}

fn from_nanos(nanos: i128) -> SystemTime {
    let nanos = nanos.clamp(0, LATEST);
    let seconds = u64::try_from(nanos / NANOS).unwrap_or(0);
    let rest = u32::try_from(nanos % NANOS).unwrap_or(0);
    UNIX_EPOCH + Duration::new(seconds, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_leaves_the_range_of_the_wire_formats() {
        let clock = VirtualClock::new();
        clock.advance(Duration::MAX);
        assert_eq!(rfc3339(clock.now()), "9999-12-30T22:00:00Z");
        clock.set(UNIX_EPOCH - Duration::from_secs(1));
        assert!(clock.now() >= UNIX_EPOCH);
    }

    #[test]
    fn times_are_written_with_the_fraction_that_they_have() {
        let noon = UNIX_EPOCH + Duration::from_secs(1_795_521_600);
        for (nanos, text) in [
            (0, "2026-11-24T12:00:00Z"),
            (500_000_000, "2026-11-24T12:00:00.5Z"),
            (1_000, "2026-11-24T12:00:00.000001Z"),
            (123_456_789, "2026-11-24T12:00:00.123456789Z"),
        ] {
            let time = noon + Duration::from_nanos(nanos);
            assert_eq!(rfc3339(time), text);
            assert_eq!(from_rfc3339(text), Some(time));
        }
        assert_eq!(from_rfc3339("2026-11-24t15:00:00+03:00"), Some(noon));
        assert_eq!(from_rfc3339("2026-11-24T12:00:00"), None);
    }

    #[test]
    fn resets_to_its_start() {
        let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let clock = VirtualClock::starting_at(start);
        clock.freeze();
        clock.advance(Duration::from_secs(86_400));
        clock.reset();
        assert!(!clock.is_frozen());
        assert!(clock.now().duration_since(start).unwrap() < Duration::from_secs(60));
    }
}
