//! Calls in virtual time: one thread polls the calls and the work of the library, and the clock jumps to the next timer
//! when nothing else is left to do. So every run has the same order.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use yandex_cloud_auth::system::{BoxFuture, Clock, Spawner, System};
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Credentials, TokenSource};

use crate::system::empty_system;

/// A clock, and the work that the library has started. Clones share both.
#[derive(Clone, Default)]
pub struct VirtualTime {
    /// The clock. A test may move it too.
    pub clock: TestClock,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    works: Mutex<Vec<BoxFuture<'static, ()>>>,
    woken: AtomicBool,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
    }
}

impl VirtualTime {
    /// A clock at its start, whose jitter is `jitter`.
    #[must_use]
    pub fn new(jitter: f64) -> Self {
        let time = Self::default();
        time.clock.set_random(jitter);
        time
    }

    /// An empty system in this time.
    #[must_use]
    pub fn system(&self) -> System {
        empty_system(&self.clock).with_spawner(self.clone())
    }

    /// Credentials with this source, in this time.
    #[must_use]
    pub fn credentials(&self, source: impl TokenSource) -> Credentials {
        Credentials::from_source(source).with_system(self.system())
    }

    /// The time since the start of the clock.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.clock.now().monotonic - TestClock::new().now().monotonic
    }

    /// The output of `call`. Time passes while it waits.
    pub fn run<T>(&self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        loop {
            if let Poll::Ready(output) = self.poll(&mut call) {
                return output;
            }
            assert!(self.clock.advance_to_next(), "the call waits, and no timer is armed");
        }
    }

    /// The output of `call` if it comes without a timer: time does not pass.
    pub fn poll<T>(&self, call: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
        let waker = Waker::from(Arc::clone(&self.shared));
        let mut context = Context::from_waker(&waker);
        loop {
            self.shared.woken.store(false, Ordering::SeqCst);
            if let Poll::Ready(output) = std::pin::Pin::new(&mut *call).poll(&mut context) {
                return Poll::Ready(output);
            }
            self.poll_works(&mut context);
            if !self.shared.woken.load(Ordering::SeqCst) {
                return Poll::Pending;
            }
        }
    }

    /// Lets the library work for this long.
    pub fn pass(&self, duration: Duration) {
        self.run(self.clock.sleep(duration));
        // What is due now is done now.
        let _ = self.poll(&mut std::future::pending::<()>());
    }

    fn poll_works(&self, context: &mut Context<'_>) {
        let works = std::mem::take(&mut *self.shared.works.lock().unwrap());
        for mut work in works {
            if work.as_mut().poll(context).is_pending() {
                self.shared.works.lock().unwrap().push(work);
            }
        }
    }
}

impl Spawner for VirtualTime {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.shared.works.lock().unwrap().push(work);
        self.shared.woken.store(true, Ordering::SeqCst);
    }
}
