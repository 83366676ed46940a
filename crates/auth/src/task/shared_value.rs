//! A value that is found once and then kept: one search at a time, whose outcome all callers share.
//!
//! A search runs on the system's spawner and not in the call that needed the value first. So a search outlives the
//! deadline and the runtime of that call, and a caller that leaves does not stop the search for the others.

use std::fmt;

use super::shared_task::SharedTask;
use crate::sync::{Arc, Mutex, Weak, lock};
use crate::system::System;

/// Keeps a found value. A failure is shared by the callers that waited for it; the next call searches again.
///
/// Dropping it stops the search that is under way.
pub struct SharedValue<T, E> {
    state: Arc<Mutex<ValueState<T, E>>>,
    dropped: fn() -> E,
}

struct ValueState<T, E> {
    value: Option<T>,
    search: Option<Search<T, E>>,
}

type Search<T, E> = Arc<SharedTask<Result<T, E>>>;

impl<T: Clone + Send + 'static, E: Clone + Send + 'static> SharedValue<T, E> {
    /// Without a value yet. `dropped` makes the error of a search that was dropped before its end: it panicked, or the
    /// spawner gave it up.
    #[must_use]
    pub fn new(dropped: fn() -> E) -> Self {
        Self { state: Arc::new(Mutex::new(ValueState { value: None, search: None })), dropped }
    }

    /// The value that is kept, else the outcome of the search that is under way, else that of `search`.
    ///
    /// # Errors
    /// Those of the search.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the search.
    pub async fn get<F>(&self, system: &System, search: impl FnOnce() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let under_way = {
            let mut state = lock(&self.state);
            if let Some(value) = &state.value {
                return Ok(value.clone());
            }
            match state.search_under_way() {
                Some(task) => Ok(Arc::clone(task)),
                None => Err(state.begin()),
            }
        };
        let task = match under_way {
            Ok(task) => task,
            Err(task) => {
                self.spawn(&task, system, search());
                task
            }
        };
        task.wait().await
    }

    /// Replaces a value that has become old. `old` looks at the kept value: where it returns a value, that one is kept
    /// until `search` has ended, and after a search that failed. Does nothing while a search is under way.
    pub fn renew<F>(&self, system: &System, old: impl FnOnce(&T) -> Option<T>, search: impl FnOnce(T) -> F)
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let (task, value) = {
            let mut state = lock(&self.state);
            if state.search_under_way().is_some() {
                return;
            }
            let Some(value) = state.value.as_ref().and_then(old) else { return };
            state.value = Some(value.clone());
            (state.begin(), value)
        };
        self.spawn(&task, system, search(value));
    }

    /// The value that is kept.
    #[must_use]
    pub fn peek(&self) -> Option<T> {
        lock(&self.state).value.clone()
    }

    /// Keeps a value that needed no search. Callers that wait for a search get this value.
    pub fn keep(&self, value: T) {
        let search = {
            let mut state = lock(&self.state);
            state.value = Some(value.clone());
            state.search.take()
        };
        if let Some(search) = search {
            search.complete(Ok(value));
            search.cancel();
        }
    }

    /// Forgets the value. A first search that is under way goes on; the renewal of a forgotten value stops.
    pub fn forget(&self) {
        let renewal = {
            let mut state = lock(&self.state);
            state.value.take().and_then(|_| state.search.take())
        };
        if let Some(renewal) = renewal {
            renewal.cancel();
        }
    }

    /// Without the lock: a spawner may run or drop the work at once.
    fn spawn(
        &self,
        task: &Search<T, E>,
        system: &System,
        search: impl Future<Output = Result<T, E>> + Send + 'static,
    ) {
        // Weak, so that the search does not keep alive what its end is for.
        let (state, dropped, ended) = (Arc::downgrade(&self.state), self.dropped, Arc::downgrade(task));
        let finish = move |result: Option<Result<T, E>>| {
            let outcome = result.unwrap_or_else(|| Err(dropped()));
            if let Some(state) = state.upgrade() {
                lock(&state).end(&ended, &outcome);
            }
            outcome
        };
        system.spawner().spawn(task.run(search, finish));
    }
}

impl<T: Clone + Send + 'static, E: Clone + Send + 'static> ValueState<T, E> {
    fn search_under_way(&self) -> Option<&Search<T, E>> {
        self.search.as_ref().filter(|search| search.is_of_this_process())
    }

    fn begin(&mut self) -> Search<T, E> {
        let task = SharedTask::new();
        self.search = Some(Arc::clone(&task));
        task
    }

    /// Keeps what a search found, unless another search or [`SharedValue::keep`] has replaced it.
    fn end(&mut self, ended: &Weak<SharedTask<Result<T, E>>>, outcome: &Result<T, E>) {
        if self.search.as_ref().is_some_and(|search| std::ptr::eq(Arc::as_ptr(search), ended.as_ptr())) {
            self.search = None;
            if let Ok(value) = outcome {
                self.value = Some(value.clone());
            }
        }
    }
}

impl<T, E> Drop for SharedValue<T, E> {
    fn drop(&mut self) {
        let search = lock(&self.state).search.take();
        if let Some(search) = search {
            search.cancel();
        }
    }
}

impl<T, E> fmt::Debug for SharedValue<T, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SharedValue").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use futures_util::poll;
    use tokio::sync::oneshot;

    use super::*;

    fn empty() -> (SharedValue<u32, &'static str>, System) {
        (SharedValue::new(|| "dropped"), System::real())
    }

    #[tokio::test]
    async fn all_callers_share_one_failure_and_the_next_call_searches_again() {
        let (shared, system) = empty();
        let searches = Arc::new(AtomicUsize::new(0));
        let (release, held) = oneshot::channel::<()>();
        let mut held = Some(held);
        let outcomes = (0..100).map(|_| {
            let (searches, held) = (Arc::clone(&searches), held.take());
            shared.get(&system, move || async move {
                searches.fetch_add(1, Ordering::Relaxed);
                let _ = held.unwrap().await;
                Err("down")
            })
        });
        let mut outcomes = pin!(join_all(outcomes));
        assert!(poll!(outcomes.as_mut()).is_pending());
        release.send(()).unwrap();
        assert!(outcomes.await.iter().all(Result::is_err));
        assert_eq!(searches.load(Ordering::Relaxed), 1);

        assert_eq!(shared.get(&system, || async { Ok(7) }).await, Ok(7));
        assert_eq!(shared.get(&system, || async { Ok(8) }).await, Ok(7));
        assert_eq!(shared.peek(), Some(7));
        shared.forget();
        assert_eq!(shared.peek(), None);
        assert_eq!(shared.get(&system, || async { Ok(8) }).await, Ok(8));
    }

    #[tokio::test]
    async fn a_caller_that_leaves_does_not_stop_the_search() {
        let (shared, system) = empty();
        let (release, held) = oneshot::channel::<()>();
        {
            let first = shared.get(&system, || async {
                let _ = held.await;
                Ok(1)
            });
            assert!(poll!(pin!(first)).is_pending());
        }
        let mut second = pin!(shared.get(&system, || async { Ok(2) }));
        assert!(poll!(second.as_mut()).is_pending());
        release.send(()).unwrap();
        assert_eq!(second.await, Ok(1));
    }

    #[tokio::test]
    async fn a_value_that_is_kept_answers_the_callers_that_wait_and_stops_the_search() {
        let (shared, system) = empty();
        let (mut stopped, held) = oneshot::channel::<()>();
        let waiting = shared.get(&system, || async {
            let _ = held.await;
            Ok(1)
        });
        let mut waiting = pin!(waiting);
        assert!(poll!(waiting.as_mut()).is_pending());
        shared.keep(5);
        assert_eq!(waiting.await, Ok(5));
        stopped.closed().await;
        assert_eq!(shared.peek(), Some(5));
    }

    #[tokio::test]
    async fn an_old_value_is_kept_until_the_renewal_ends_and_after_a_renewal_that_fails() {
        let (shared, system) = empty();
        shared.keep(1);
        shared.renew(&system, |_| None, |_| async { Ok(9) });
        assert_eq!(shared.peek(), Some(1), "not old");

        let (release, held) = oneshot::channel::<u32>();
        shared.renew(&system, |old| Some(*old), |_| async { held.await.map_err(|_| "dropped") });
        shared.renew(&system, |old| Some(*old), |_| async { Ok(9) });
        assert_eq!(shared.get(&system, || async { Ok(9) }).await, Ok(1));
        release.send(2).unwrap();
        while shared.peek() != Some(2) {
            tokio::task::yield_now().await;
        }
        shared.renew(&system, |old| Some(old + 1), |_| async { Err("down") });
        assert_eq!(shared.get(&system, || async { Ok(9) }).await, Ok(3));
    }

    #[tokio::test]
    async fn dropping_the_value_stops_the_search() {
        let (shared, system) = empty();
        let (mut stopped, held) = oneshot::channel::<()>();
        {
            let search = shared.get(&system, || async {
                let _ = held.await;
                Ok(1)
            });
            assert!(poll!(pin!(search)).is_pending());
        }
        drop(shared);
        stopped.closed().await;
    }

    #[tokio::test]
    async fn a_search_that_panics_is_an_error_and_the_next_call_searches_again() {
        let (shared, system) = empty();
        let panics = || async { panic!("the code of a user panicked (expected in this test)") };
        assert_eq!(shared.get(&system, panics).await, Err("dropped"));
        assert_eq!(shared.get(&system, || async { Ok(1) }).await, Ok(1));
    }
}
