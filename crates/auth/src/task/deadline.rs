//! A moment on the clock of a system, and waiting no longer than until that moment.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use super::block_on::poll_again_after;
use super::shared_task::{SharedTask, Wait};
use crate::sync::Arc;
use crate::system::{BoxFuture, System};

/// When a call has to end, by the monotonic clock of its system.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Duration,
    limit: Duration,
}

impl Deadline {
    /// The moment `limit` from now.
    #[must_use]
    pub fn after(limit: Duration, system: &System) -> Self {
        Self { at: system.clock().now().monotonic.saturating_add(limit), limit }
    }

    /// The moment `limit` after `start`, a moment of the monotonic clock.
    pub(crate) fn from(start: Duration, limit: Duration) -> Self {
        Self { at: start.saturating_add(limit), limit }
    }

    /// How long the call may take in all.
    #[must_use]
    pub fn limit(self) -> Duration {
        self.limit
    }

    /// How much time is left; zero once the deadline has passed.
    #[must_use]
    pub fn left(self, system: &System) -> Duration {
        self.at.saturating_sub(system.clock().now().monotonic)
    }
}

/// Waits for a [`Deadline`].
pub struct Timer {
    deadline: Deadline,
    sleep: BoxFuture<'static, ()>,
}

impl Timer {
    /// A timer that runs where it is polled. The caller needs what the clock of `system` needs: a tokio runtime, for
    /// the real one.
    #[must_use]
    pub fn new(deadline: Deadline, system: &System) -> Self {
        Self { deadline, sleep: system.clock().sleep(deadline.left(system)) }
    }

    /// A timer that runs on the spawner of `system`. The caller needs no runtime.
    #[must_use]
    pub(crate) fn detached(deadline: Deadline, system: &System) -> Self {
        let task = SharedTask::new();
        let sleep = system.clock().sleep(deadline.left(system));
        // A timer that the spawner drops ends the wait too, so that no caller waits for ever.
        system.spawner().spawn_timer(task.run(sleep, |_| ()));
        Self { deadline, sleep: Box::pin(DetachedSleep { wait: task.wait(), task }) }
    }

    /// The deadline that it waits for.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Whether the deadline has passed. If not, wakes the caller when it passes.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().poll(context)
    }

    /// The output of `work`, or `None` where the deadline passes first.
    ///
    /// # Cancel safety
    /// Dropping the future drops `work`.
    pub async fn bound<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|context| {
            // The work first: what has ended in time is not lost to a deadline that passed in the same moment.
            if let Poll::Ready(output) = work.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            self.poll(context).map(|()| None)
        })
        .await
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deadline.fmt(formatter)
    }
}

/// The wait for a sleep that the spawner runs. Dropping it stops the sleep.
struct DetachedSleep {
    task: Arc<SharedTask<()>>,
    wait: Wait<()>,
}

impl Future for DetachedSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.wait).poll(context)
    }
}

impl Drop for DetachedSleep {
    fn drop(&mut self) {
        self.task.cancel();
    }
}

/// How long one caller waits: until a deadline, or without one. Starts no timer before the first wait.
pub(crate) struct WaitLimit {
    deadline: Option<Deadline>,
    timer: Option<Timer>,
}

impl WaitLimit {
    pub(crate) fn new(limit: Option<Duration>, system: &System) -> Self {
        Self { deadline: limit.map(|limit| Deadline::after(limit, system)), timer: None }
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        self.deadline.map(Deadline::limit)
    }

    /// When the wait ends, by the monotonic clock.
    pub(crate) fn end(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.at)
    }

    /// Limits a wait that had no limit.
    pub(crate) fn set(&mut self, deadline: Deadline) {
        self.deadline = Some(deadline);
    }

    /// The output of `work`, or `None` where the deadline passes first. The caller needs no runtime.
    pub(crate) async fn bound<T>(&mut self, work: impl Future<Output = T>, system: &System) -> Option<T> {
        let Some(deadline) = self.deadline else { return Some(work.await) };
        let mut work = pin!(work);
        poll_fn(|context| {
            // The work first: what has ended in time is not lost to a deadline that passed in the same moment.
            if let Poll::Ready(output) = work.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            if self.timer.is_none() && system.clock().runs_in_real_time() {
                let left = deadline.left(system);
                if left.is_zero() {
                    return Poll::Ready(None);
                }
                // A thread that blocks wakes itself. That saves the start of a thread for timers.
                if poll_again_after(left, context) {
                    return Poll::Pending;
                }
            }
            self.timer.get_or_insert_with(|| Timer::detached(deadline, system)).poll(context).map(|()| None)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;
    use crate::task::block_on::block_on;
    use crate::testing::TestClock;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_deadline_follows_the_clock_of_its_system() {
        let clock = TestClock::new();
        let system = System::real().with_clock(clock.clone());
        let deadline = Deadline::after(LIMIT, &system);
        clock.advance(Duration::from_secs(2));
        assert_eq!((deadline.limit(), deadline.left(&system)), (LIMIT, Duration::from_secs(3)));

        for mut timer in [Timer::new(deadline, &system), Timer::detached(deadline, &system)] {
            assert_eq!(timer.bound(async { 1 }).await, Some(1));
            let mut work = pin!(timer.bound(std::future::pending::<()>()));
            assert!(poll!(work.as_mut()).is_pending());
        }
        let mut timer = Timer::detached(deadline, &system);
        let mut work = pin!(timer.bound(std::future::pending::<()>()));
        assert!(poll!(work.as_mut()).is_pending());
        clock.wait_for_sleepers(1);
        clock.advance(LIMIT);
        assert_eq!(work.await, None);
        assert_eq!(deadline.left(&system), Duration::ZERO);
    }

    #[test]
    fn a_thread_that_blocks_waits_for_its_deadline_without_a_timer() {
        struct NoTimers;
        impl crate::system::Spawner for NoTimers {
            fn spawn(&self, _work: BoxFuture<'static, ()>) {
                panic!("a timer was started");
            }
        }
        let system = System::real().with_spawner(NoTimers);
        let mut limit = WaitLimit::new(Some(Duration::from_millis(1)), &system);
        assert_eq!(block_on(limit.bound(std::future::pending::<()>(), &system)), None);

        let mut limit = WaitLimit::new(Some(Duration::from_secs(3600)), &system);
        let task = SharedTask::new();
        let wait = task.wait();
        let other_thread = std::thread::spawn(move || task.complete(7));
        assert_eq!(block_on(limit.bound(wait, &system)), Some(7));
        other_thread.join().unwrap();
    }

    #[tokio::test]
    async fn a_spawner_that_drops_its_work_ends_the_wait() {
        struct Drops;
        impl crate::system::Spawner for Drops {
            fn spawn(&self, work: BoxFuture<'static, ()>) {
                drop(work);
            }
        }
        let system = System::real().with_clock(TestClock::new()).with_spawner(Drops);
        let mut limit = WaitLimit::new(Some(LIMIT), &system);
        assert_eq!(limit.bound(std::future::pending::<()>(), &system).await, None);
    }
}
