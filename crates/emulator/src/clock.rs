//! The emulator's time: the machine's, moved by hand.
//!
//! Issue, expiry and the `Date` header follow this clock; the latency of a fault does not.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sync::lock;

/// The last second that has a place in every time zone's year 9999, so that any client can print it.
const LATEST: i128 = 253_402_207_200 * NANOS;
const NANOS: i128 = 1_000_000_000;

/// A clock that a test moves: real time plus an offset, or a moment that stands still.
///
/// Clones are handles to the same clock. Times are kept between 1970 and the end of 9999.
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
    /// This moment, in nanoseconds since 1970.
    Frozen(i128),
}

#[derive(Clone, Copy, Debug)]
enum Start {
    RealTime,
    At(SystemTime),
}

impl VirtualClock {
    /// A running clock that shows real time.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Arc::new(Mutex::new(State::Running(0))), start: Start::RealTime }
    }

    /// A running clock that shows `start` now.
    #[must_use]
    pub fn starting_at(start: SystemTime) -> Self {
        let clock = Self { state: Arc::new(Mutex::new(State::Running(0))), start: Start::At(start) };
        clock.set(start);
        clock
    }

    /// What time it is here.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        from_nanos(self.nanos())
    }

    /// Moves the clock forward, running or frozen.
    pub fn advance(&self, by: Duration) {
        let by = i128::try_from(by.as_nanos()).unwrap_or(LATEST);
        self.put(self.nanos().saturating_add(by));
    }

    /// Sets the clock to a moment, in the past too; it stays running or frozen.
    pub fn set(&self, to: SystemTime) {
        self.put(to_nanos(to));
    }

    /// Stops the clock where it is.
    pub fn freeze(&self) {
        let now = self.nanos();
        *lock(&self.state) = State::Frozen(now);
    }

    /// Lets a frozen clock run on from where it stood.
    pub fn unfreeze(&self) {
        let now = self.nanos();
        *lock(&self.state) = State::Running(now - real());
    }

    /// Whether the clock stands still.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        matches!(*lock(&self.state), State::Frozen(_))
    }

    /// Puts the clock back to how it began: running, at its start or at real time.
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

/// RFC 3339 in UTC, as the REST answers carry time.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::from_nanosecond(to_nanos(time)).map(|t| t.to_string()).unwrap_or_default()
}

/// Reads RFC 3339; `None` when it is not.
pub(crate) fn from_rfc3339(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().map(|t| from_nanos(t.as_nanosecond()))
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
