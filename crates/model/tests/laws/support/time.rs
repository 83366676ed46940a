//! The clock of a model: a `TestClock` that knows when its next timer ends, also beside timers that nobody polls any more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use yandex_cloud_auth_model::system::{BoxFuture, Clock, Now, SinceBoot};
use yandex_cloud_auth_model::testing::TestClock;

#[derive(Clone, Default)]
pub(crate) struct Time {
    clock: TestClock,
    timers: Arc<Mutex<Timers>>,
}

#[derive(Default)]
struct Timers {
    last: u64,
    ends: BTreeMap<u64, Duration>,
}

impl Time {
    pub(crate) fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    /// Sets the jitter.
    pub(crate) fn set_random(&self, random: f64) {
        self.clock.set_random(random);
    }

    /// Moves to the end of the timer that ends next. Those that have ended wait for their poll.
    pub(crate) fn advance_to_next(&self) {
        let now = self.clock.now().monotonic;
        let next = self.timers.lock().unwrap().ends.values().copied().filter(|end| *end > now).min();
        if let Some(next) = next {
            self.clock.advance(next - now);
        }
    }

    /// How many timers have been polled and not dropped.
    pub(crate) fn sleepers(&self) -> usize {
        self.clock.sleepers()
    }
}

impl Clock for Time {
    fn now(&self) -> Now {
        self.clock.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let end = self.clock.now().monotonic.saturating_add(duration);
        let (sleep, timers) = (self.clock.sleep(duration), Arc::clone(&self.timers));
        let number = {
            let mut timers = timers.lock().unwrap();
            timers.last += 1;
            let number = timers.last;
            timers.ends.insert(number, end);
            number
        };
        let timer = Timer { timers, number };
        Box::pin(async move {
            let _timer = timer;
            sleep.await;
        })
    }

    fn since_boot(&self) -> Option<SinceBoot> {
        self.clock.since_boot()
    }

    fn random(&self) -> f64 {
        self.clock.random()
    }
}

struct Timer {
    timers: Arc<Mutex<Timers>>,
    number: u64,
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.timers.lock().unwrap().ends.remove(&self.number);
    }
}
