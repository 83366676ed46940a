//! Stops work from another thread.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::sync::{Arc, AtomicBool, Mutex, Ordering, Waker, lock, try_lock};
use crate::system::BoxFuture;

/// Stops the work that it guards: the future is dropped at once, on the thread that cancels, unless another thread
/// polls it at that moment.
///
/// So a child process is killed before the caller of [`cancel`](Self::cancel) goes on, even where the process ends
/// next.
#[derive(Clone, Default)]
pub(crate) struct Cancel(Arc<CancelState>);

#[derive(Default)]
struct CancelState {
    cancelled: AtomicBool,
    /// Wakes the executor that runs the work.
    executor: Mutex<Option<Waker>>,
    work: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Cancel {
    /// `work` in a form that this handle can stop.
    pub(crate) fn guard(&self, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        *lock(&self.0.work) = Some(work);
        Box::pin(Guarded(self.clone()))
    }

    /// Stops the work. Where a poll is under way, the work is dropped when that poll returns.
    pub(crate) fn cancel(&self) {
        // Before the drop: a poll that is under way now reads the flag when it returns, and drops the work itself.
        self.0.cancelled.store(true, Ordering::SeqCst);
        self.drop_work();
        let executor = lock(&self.0.executor).take();
        if let Some(executor) = executor {
            executor.wake();
        }
    }

    fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// Drops the work, unless another thread is polling it. That thread drops it then.
    fn drop_work(&self) {
        let work = try_lock(&self.0.work).and_then(|mut work| work.take());
        // Without the lock: dropping the work runs the code of others.
        drop(work);
    }
}

/// The work of a [`Cancel`], as an executor runs it.
struct Guarded(Cancel);

impl Future for Guarded {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let state = &self.0.0;
        let previous = lock(&state.executor).replace(context.waker().clone());
        // Without the lock: a waker can be the last owner of anything.
        drop(previous);
        let poll = match lock(&state.work).as_mut() {
            Some(work) if !self.0.is_cancelled() => {
                let _mark = PollMark::set();
                work.as_mut().poll(context)
            }
            _ => Poll::Ready(()),
        };
        if poll.is_ready() || self.0.is_cancelled() {
            self.0.drop_work();
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.0.drop_work();
    }
}

thread_local! {
    static POLLING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside a poll of guarded work. A thread that blocks there waits for itself.
pub(crate) fn is_inside_work() -> bool {
    POLLING.get()
}

/// Sets the mark of [`is_inside_work`] for as long as it lives. Polls nest, so the previous value comes back.
struct PollMark {
    previous: bool,
}

impl PollMark {
    fn set() -> Self {
        Self { previous: POLLING.replace(true) }
    }
}

impl Drop for PollMark {
    fn drop(&mut self) {
        POLLING.set(self.previous);
    }
}
