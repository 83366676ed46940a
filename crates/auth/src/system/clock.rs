//! Time by two clocks: the wall clock, which runs during a suspend, and a monotonic clock, which is never set back.

use std::time::Duration;

use super::BoxFuture;

/// A reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Time since the Unix epoch by the wall clock.
    pub wall: Duration,
    /// Time since an arbitrary start by the monotonic clock.
    pub monotonic: Duration,
}

impl std::ops::Add<Duration> for Now {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self { wall: self.wall.saturating_add(duration), monotonic: self.monotonic.saturating_add(duration) }
    }
}

impl Now {
    /// Whether both clocks are before `moment`. A token is usable only while this holds for its end.
    #[must_use]
    #[inline]
    pub fn is_before(&self, moment: &Self) -> bool {
        (self.wall < moment.wall) & (self.monotonic < moment.monotonic)
    }

    /// The time left until `moment`, by the clock that has less left; zero once either clock has passed it.
    #[must_use]
    pub fn until(self, moment: Self) -> Duration {
        moment.wall.saturating_sub(self.wall).min(moment.monotonic.saturating_sub(self.monotonic))
    }
}

/// A reading of the clock that runs from the start of the machine on, also during a suspend. It is the same for all
/// processes of one boot, and nobody sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinceBoot {
    /// Tells one boot of the machine from another.
    pub boot: String,
    /// Time since the machine started.
    pub elapsed: Duration,
}

/// A source of time, timers, and random jitter.
pub trait Clock: Send + Sync + 'static {
    /// Reads both clocks. Every request does it, so it must be cheap and must not block.
    fn now(&self) -> Now;

    /// Completes after `duration` of the monotonic clock. Polled where fetches run (see [`Spawner`](super::Spawner)).
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Whether a duration of [`sleep`](Self::sleep) is a duration of the operating system. A thread that blocks then waits
    /// for its deadline by itself, and no timer is started.
    fn runs_in_real_time(&self) -> bool {
        false
    }

    /// Reads the clock that all processes of one boot share; `None` where the system has none. The shared cache compares
    /// the ages of its entries by it. May read a file, once.
    fn since_boot(&self) -> Option<SinceBoot> {
        None
    }

    /// A random number in `0.0..1.0`, the jitter of retries and refreshes. It need not be cryptographic.
    fn random(&self) -> f64 {
        use std::hash::BuildHasher;
        // The keys of a thread are copied by a fork, so the number of the process makes the difference.
        let bits = std::hash::RandomState::new().hash_one(std::process::id()) >> 11;
        bits as f64 / (1_u64 << 53) as f64
    }
}

/// The operating system's clocks. On Linux the coarse ones: a few milliseconds of resolution at a tenth of the cost.
#[derive(Debug)]
pub struct SystemClock {
    #[cfg(not(target_os = "linux"))]
    start: std::time::Instant,
}

impl SystemClock {
    /// The operating system's clocks.
    ///
    /// ```
    /// use yandex_cloud_auth::system::{Clock, SystemClock};
    /// let clock = SystemClock::new();
    /// let (first, second) = (clock.now(), clock.now());
    /// assert!(second.monotonic >= first.monotonic);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self {
            #[cfg(not(target_os = "linux"))]
            start: std::time::Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[cfg(target_os = "linux")]
    #[inline]
    fn now(&self) -> Now {
        use rustix::time::{ClockId, Timespec, clock_gettime};
        let read = |id| {
            let Timespec { tv_sec, tv_nsec } = clock_gettime(id);
            Duration::new(u64::try_from(tv_sec).unwrap_or(0), u32::try_from(tv_nsec).unwrap_or(0))
        };
        Now { wall: read(ClockId::RealtimeCoarse), monotonic: read(ClockId::MonotonicCoarse) }
    }

    #[cfg(not(target_os = "linux"))]
    fn now(&self) -> Now {
        use std::time::SystemTime;
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now { wall, monotonic: self.start.elapsed() }
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move { tokio::time::sleep(duration).await })
    }

    fn runs_in_real_time(&self) -> bool {
        true
    }

    #[cfg(target_os = "linux")]
    fn since_boot(&self) -> Option<SinceBoot> {
        use rustix::time::{ClockId, clock_gettime};
        static BOOT: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
        let boot = BOOT.get_or_init(|| {
            let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
            Some(id.trim().to_owned()).filter(|id| !id.is_empty())
        });
        let reading = clock_gettime(ClockId::Boottime);
        let elapsed =
            Duration::new(u64::try_from(reading.tv_sec).ok()?, u32::try_from(reading.tv_nsec).ok()?);
        Some(SinceBoot { boot: boot.clone()?, elapsed })
    }
}

#[cfg(any(test, feature = "testing"))]
pub use self::double::TestClock;

#[cfg(any(test, feature = "testing"))]
mod double {
    use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
    use std::task::{Poll, Waker};
    use std::time::Duration;

    use super::super::BoxFuture;
    use super::{Clock, Now, SinceBoot};

    /// A clock for tests that moves only when the test moves it. Clones share it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use yandex_cloud_auth::system::Clock;
    /// use yandex_cloud_auth::testing::TestClock;
    ///
    /// let clock = TestClock::new();
    /// let before = clock.now();
    /// clock.suspend(Duration::from_secs(60));
    /// assert_eq!(clock.now().wall, before.wall + Duration::from_secs(60));
    /// assert_eq!(clock.now().monotonic, before.monotonic);
    /// ```
    #[derive(Clone, Debug, Default)]
    pub struct TestClock {
        shared: Arc<Shared>,
    }

    #[derive(Debug, Default)]
    struct Shared {
        state: Mutex<State>,
        changed: Condvar,
    }

    #[derive(Debug)]
    struct State {
        now: Now,
        boots: u32,
        since_boot: Duration,
        random: f64,
        next_sleeper: u64,
        sleepers: Vec<(u64, Duration, Option<Waker>)>,
    }

    impl Default for State {
        fn default() -> Self {
            // 2026-11-24T00:00:00Z, and a monotonic clock that has run for an hour.
            let now = Now { wall: Duration::from_secs(1_795_478_400), monotonic: Duration::from_secs(3600) };
            let since_boot = now.monotonic;
            Self { now, boots: 1, since_boot, random: 0.0, next_sleeper: 0, sleepers: Vec::new() }
        }
    }

    /// How long [`TestClock::wait_for_sleepers`] waits in real time. Only a test that fails waits that long.
    const REAL_TIME_LIMIT: Duration = Duration::from_secs(60);

    impl TestClock {
        /// A clock at 2026-11-24T00:00:00Z whose jitter is always zero.
        #[must_use]
        pub fn new() -> Self {
            Self::default()
        }

        fn state(&self) -> MutexGuard<'_, State> {
            self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
        }

        fn change(&self, change: impl FnOnce(&mut State)) {
            let mut due = Vec::new();
            {
                let mut state = self.state();
                change(&mut state);
                let now = state.now.monotonic;
                for sleeper in &mut state.sleepers {
                    if sleeper.1 <= now {
                        due.extend(sleeper.2.take());
                    }
                }
            }
            due.into_iter().for_each(Waker::wake);
        }

        /// Moves both clocks forward.
        pub fn advance(&self, duration: Duration) {
            self.change(|state| {
                state.now = state.now + duration;
                state.since_boot = state.since_boot.saturating_add(duration);
            });
        }

        /// Moves both clocks to the end of the timer that ends first; false if no timer is armed.
        ///
        /// Callers wait through an outage of a service, and the library tries again at growing intervals. A test that
        /// calls this method in a loop passes such an outage at once.
        pub fn advance_to_next(&self) -> bool {
            let next = {
                let state = self.state();
                let ends = state.sleepers.iter().map(|sleeper| sleeper.1);
                ends.min().map(|end| end.saturating_sub(state.now.monotonic))
            };
            if let Some(next) = next {
                self.advance(next);
            }
            next.is_some()
        }

        /// Suspends the computer: the wall clock moves forward, the monotonic clock stands still.
        pub fn suspend(&self, duration: Duration) {
            self.change(|state| {
                state.now.wall = state.now.wall.saturating_add(duration);
                state.since_boot = state.since_boot.saturating_add(duration);
            });
        }

        /// Restarts the computer: the clock of the boot begins again. Only the shared cache notices.
        pub fn reboot(&self) {
            self.change(|state| {
                state.boots += 1;
                state.since_boot = Duration::ZERO;
            });
        }

        /// Sets the wall clock forward. The other clocks do not move.
        pub fn set_wall_forward(&self, duration: Duration) {
            self.change(|state| state.now.wall = state.now.wall.saturating_add(duration));
        }

        /// Sets the wall clock back.
        pub fn set_wall_back(&self, duration: Duration) {
            self.change(|state| state.now.wall = state.now.wall.saturating_sub(duration));
        }

        /// Sets the jitter, in `0.0..1.0`.
        pub fn set_random(&self, random: f64) {
            self.change(|state| state.random = random);
        }

        /// Blocks until `count` timers are armed, so that a test can move the time after that.
        ///
        /// # Panics
        /// Where they are not armed within 60 s of real time, so that the test fails instead of hanging.
        pub fn wait_for_sleepers(&self, count: usize) {
            let too_few = |state: &mut State| state.sleepers.len() < count;
            let waited = self.shared.changed.wait_timeout_while(self.state(), REAL_TIME_LIMIT, too_few);
            let (state, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
            let armed = state.sleepers.len();
            drop(state);
            assert!(!outcome.timed_out(), "{armed} timers are armed, expected {count}");
        }

        /// The number of armed timers.
        #[must_use]
        pub fn sleepers(&self) -> usize {
            self.state().sleepers.len()
        }
    }

    impl Clock for TestClock {
        fn now(&self) -> Now {
            self.state().now
        }

        fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
            let (key, until) = {
                let mut state = self.state();
                state.next_sleeper += 1;
                (state.next_sleeper, state.now.monotonic.saturating_add(duration))
            };
            let mut sleep = Sleep { clock: self.clone(), key, until };
            Box::pin(std::future::poll_fn(move |context| sleep.poll(context.waker())))
        }

        fn since_boot(&self) -> Option<SinceBoot> {
            let state = self.state();
            Some(SinceBoot { boot: format!("boot-{}", state.boots), elapsed: state.since_boot })
        }

        fn random(&self) -> f64 {
            self.state().random
        }
    }

    struct Sleep {
        clock: TestClock,
        key: u64,
        until: Duration,
    }

    impl Sleep {
        fn poll(&mut self, waker: &Waker) -> Poll<()> {
            let mut state = self.clock.state();
            if state.now.monotonic >= self.until {
                return Poll::Ready(());
            }
            match state.sleepers.iter_mut().find(|sleeper| sleeper.0 == self.key) {
                Some(sleeper) => sleeper.2 = Some(waker.clone()),
                None => state.sleepers.push((self.key, self.until, Some(waker.clone()))),
            }
            self.clock.shared.changed.notify_all();
            Poll::Pending
        }
    }

    impl Drop for Sleep {
        fn drop(&mut self) {
            self.clock.state().sleepers.retain(|sleeper| sleeper.0 != self.key);
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_longest_duration_does_not_overflow() {
            let clock = TestClock::new();
            let forever = poll_once(clock.sleep(Duration::MAX));
            assert_eq!(forever, Poll::Pending);
            for pass in [TestClock::suspend, TestClock::advance, TestClock::suspend, TestClock::advance] {
                pass(&clock, Duration::MAX);
            }
            assert_eq!(clock.now(), Now { wall: Duration::MAX, monotonic: Duration::MAX });
            assert_eq!(poll_once(clock.sleep(Duration::MAX)), Poll::Ready(()));
            clock.set_wall_back(Duration::MAX);
            assert_eq!(clock.now().wall, Duration::ZERO);
        }

        fn poll_once(mut sleep: BoxFuture<'static, ()>) -> Poll<()> {
            sleep.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop()))
        }
    }
}
