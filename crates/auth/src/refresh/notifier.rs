//! Tells those who asked that there is a new generation.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// A count of changes, and who waits for the next one.
#[derive(Default)]
pub(crate) struct Notifier(Mutex<ChangesState>);

#[derive(Default)]
struct ChangesState {
    count: u64,
    closed: bool,
    next_listener: u64,
    listeners: BTreeMap<u64, Option<Waker>>,
}

impl Notifier {
    fn state(&self) -> MutexGuard<'_, ChangesState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, change: impl FnOnce(&mut ChangesState)) {
        let listeners: Vec<Waker> = {
            let mut state = self.state();
            change(&mut state);
            state.listeners.values_mut().filter_map(Option::take).collect()
        };
        listeners.into_iter().for_each(Waker::wake);
    }

    /// There is a new generation.
    pub(crate) fn notify(&self) {
        self.wake(|state| state.count += 1);
    }

    /// There will be none any more.
    pub(crate) fn close(&self) {
        self.wake(|state| state.closed = true);
    }

    /// A new listener, and the count of changes so far.
    pub(crate) fn subscribe(&self) -> (u64, u64) {
        let mut state = self.state();
        state.next_listener += 1;
        let listener = state.next_listener;
        state.listeners.insert(listener, None);
        (listener, state.count)
    }

    pub(crate) fn forget(&self, listener: u64) {
        let listener = self.state().listeners.remove(&listener);
        // Without the lock: a waker can be the last owner of anything.
        drop(listener);
    }

    /// Whether the count has moved past `seen`: the new count, or `None` where it is closed.
    pub(crate) fn poll(&self, listener: u64, seen: u64, waker: &Waker) -> Poll<Option<u64>> {
        let mut state = self.state();
        if state.closed {
            return Poll::Ready(None);
        }
        if state.count != seen {
            return Poll::Ready(Some(state.count));
        }
        let old = state.listeners.insert(listener, Some(waker.clone()));
        drop(state);
        drop(old);
        Poll::Pending
    }
}
