//! One piece of work that many callers wait for. Its end wakes all of them with the same outcome.
//!
//! The work belongs to the task and not to the caller that started it. A caller that is dropped, or runs out of time,
//! does not stop the work for the others.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::cancel::Cancel;
use super::wake_all;
use crate::sync::{Arc, Mutex, Waker, lock, process_id};
use crate::system::BoxFuture;

/// Work under way, and later its outcome.
pub(crate) struct SharedTask<T> {
    /// A fork copies the task, but not the thread that runs it.
    process: u32,
    cancel: Cancel,
    state: Mutex<TaskState<T>>,
}

struct TaskState<T> {
    outcome: Option<T>,
    /// The wakers of the waiters; a waiter keeps its place until it is dropped.
    waiters: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl<T: Clone + Send + 'static> SharedTask<T> {
    pub(crate) fn new() -> Arc<Self> {
        Self::of_process(process_id())
    }

    pub(crate) fn of_process(process: u32) -> Arc<Self> {
        let state = TaskState { outcome: None, waiters: Vec::new(), free: Vec::new() };
        Arc::new(Self { process, cancel: Cancel::default(), state: Mutex::new(state) })
    }

    /// `work` in a form that a spawner can run. `finish` takes the result of `work`, or `None` where `work` was dropped
    /// before its end, and returns the outcome for all waiters.
    pub(crate) fn run<R: Send + 'static>(
        self: &Arc<Self>,
        work: impl Future<Output = R> + Send + 'static,
        finish: impl FnOnce(Option<R>) -> T + Send + 'static,
    ) -> BoxFuture<'static, ()> {
        self.run_then(work, move |result| (finish(result), || {}))
    }

    /// As [`run`](Self::run). `finish` also returns what is done after the waiters are woken: it may be slow, and may run
    /// the code of others.
    pub(crate) fn run_then<R: Send + 'static, A: FnOnce() + 'static>(
        self: &Arc<Self>,
        work: impl Future<Output = R> + Send + 'static,
        finish: impl FnOnce(Option<R>) -> (T, A) + Send + 'static,
    ) -> BoxFuture<'static, ()> {
        let completion = CompleteOnDrop { task: Arc::clone(self), result: None, finish: Some(finish) };
        self.cancel.guard(Box::pin(async move {
            let mut completion = completion;
            completion.result = Some(work.await);
        }))
    }

    /// Ends the task. The first outcome counts, and every waiter gets it.
    pub(crate) fn complete(&self, outcome: T) {
        let waiters = {
            let mut state = lock(&self.state);
            state.outcome.get_or_insert(outcome);
            std::mem::take(&mut state.waiters)
        };
        // Without the lock: a waker runs the code of others.
        wake_all(waiters.into_iter().flatten());
    }

    /// Wakes every waiter, although the task has not ended.
    pub(crate) fn wake_waiters(&self) {
        let waiters: Vec<Waker> = {
            let state = lock(&self.state);
            state.waiters.iter().flatten().cloned().collect()
        };
        // Without the lock: a waker runs the code of others.
        wake_all(waiters);
    }

    /// Waits for the outcome.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the work.
    pub(crate) fn wait(self: &Arc<Self>) -> Wait<T> {
        Wait { task: Arc::clone(self), place: None }
    }
}

impl<T> SharedTask<T> {
    /// Drops the work where it has not ended. Does nothing in a child process: to drop the copy of the work would close
    /// the sockets of the parent to its selector, and kill the programs that the parent has started.
    pub(crate) fn cancel(&self) {
        if self.is_of_this_process() {
            self.cancel.cancel();
        }
    }

    /// Whether this process runs the work. After a fork the child holds a copy of the task, but no thread runs it.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process == process_id()
    }
}

/// The wait of one caller for a task.
pub(crate) struct Wait<T> {
    task: Arc<SharedTask<T>>,
    place: Option<usize>,
}

impl<T: Clone> Future for Wait<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        let mut state = lock(&this.task.state);
        if let Some(outcome) = &state.outcome {
            return Poll::Ready(outcome.clone());
        }
        let place = *this.place.get_or_insert_with(|| {
            state.free.pop().unwrap_or_else(|| {
                state.waiters.push(None);
                state.waiters.len() - 1
            })
        });
        let previous = state.waiters[place].replace(context.waker().clone());
        drop(state);
        // Without the lock: a waker can be the last owner of anything.
        drop(previous);
        Poll::Pending
    }
}

impl<T> Drop for Wait<T> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let waker = {
            let mut state = lock(&self.task.state);
            let waker = state.waiters.get_mut(place).and_then(Option::take);
            state.free.push(place);
            waker
        };
        // Without the lock: a waker can be the last owner of anything.
        drop(waker);
    }
}

/// Completes the task however its work ends: with a result, or dropped before that.
struct CompleteOnDrop<T: Clone + Send + 'static, R, A: FnOnce(), F: FnOnce(Option<R>) -> (T, A)> {
    task: Arc<SharedTask<T>>,
    result: Option<R>,
    finish: Option<F>,
}

impl<T, R, A, F> Drop for CompleteOnDrop<T, R, A, F>
where
    T: Clone + Send + 'static,
    A: FnOnce(),
    F: FnOnce(Option<R>) -> (T, A),
{
    fn drop(&mut self) {
        if let Some(finish) = self.finish.take() {
            let (outcome, afterwards) = finish(self.result.take());
            self.task.complete(outcome);
            afterwards();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn the_places_of_waiters_that_left_are_used_again() {
        let task = SharedTask::<()>::new();
        let mut context = Context::from_waker(Waker::noop());
        let mut first = task.wait();
        assert_eq!(Pin::new(&mut first).poll(&mut context), Poll::Pending);
        for _ in 0..1000 {
            let mut leaving = task.wait();
            assert_eq!(Pin::new(&mut leaving).poll(&mut context), Poll::Pending);
        }
        let state = lock(&task.state);
        assert!(state.waiters.len() <= 2 && state.free.len() <= 1, "{} places", state.waiters.len());
    }

    #[test]
    fn what_follows_runs_after_the_waiters_are_woken() {
        let task = SharedTask::new();
        let woken = Arc::new(crate::sync::AtomicBool::new(false));
        struct Sets(Arc<crate::sync::AtomicBool>);
        impl crate::sync::Wake for Sets {
            fn wake(self: Arc<Self>) {
                self.0.store(true, crate::sync::Ordering::SeqCst);
            }
        }
        let waker = Waker::from(Arc::new(Sets(Arc::clone(&woken))));
        let mut wait = task.wait();
        assert_eq!(Pin::new(&mut wait).poll(&mut Context::from_waker(&waker)), Poll::Pending);
        let work = task.run_then(async {}, move |_| {
            (7, move || assert!(woken.load(crate::sync::Ordering::SeqCst), "the waiter is woken first"))
        });
        crate::task::block_on::block_on(work);
        assert_eq!(crate::task::block_on::block_on(wait), 7);
    }
}
