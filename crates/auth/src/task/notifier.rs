//! Tells subscribers that something changed.

use std::collections::BTreeMap;
use std::task::Poll;

use super::wake_all;
use crate::sync::{Mutex, Waker, lock};

/// A count of changes, and the subscribers that wait for the next one.
#[derive(Default)]
pub(crate) struct Notifier(Mutex<NotifierState>);

#[derive(Default)]
struct NotifierState {
    changes: u64,
    closed: bool,
    last_subscriber: u64,
    subscribers: BTreeMap<u64, Option<Waker>>,
}

impl Notifier {
    /// Counts a change and wakes every subscriber.
    pub(crate) fn notify(&self) {
        self.update(|state| state.changes += 1);
    }

    /// Says that no change will follow, and wakes every subscriber.
    pub(crate) fn close(&self) {
        self.update(|state| state.closed = true);
    }

    fn update(&self, update: impl FnOnce(&mut NotifierState)) {
        let wakers: Vec<Waker> = {
            let mut state = lock(&self.0);
            update(&mut state);
            state.subscribers.values_mut().filter_map(Option::take).collect()
        };
        // Without the lock: a waker runs the code of others.
        wake_all(wakers);
    }

    /// The number of a new subscriber, and the count of changes so far.
    pub(crate) fn subscribe(&self) -> (u64, u64) {
        let mut state = lock(&self.0);
        state.last_subscriber += 1;
        let subscriber = state.last_subscriber;
        state.subscribers.insert(subscriber, None);
        (subscriber, state.changes)
    }

    pub(crate) fn unsubscribe(&self, subscriber: u64) {
        let waker = lock(&self.0).subscribers.remove(&subscriber);
        // Without the lock: a waker can be the last owner of anything.
        drop(waker);
    }

    /// Waits until the count of changes differs from `seen`: the new count, or `None` once the notifier is closed.
    pub(crate) fn poll(&self, subscriber: u64, seen: u64, waker: &Waker) -> Poll<Option<u64>> {
        let mut state = lock(&self.0);
        if state.closed {
            return Poll::Ready(None);
        }
        if state.changes != seen {
            return Poll::Ready(Some(state.changes));
        }
        let previous = state.subscribers.insert(subscriber, Some(waker.clone()));
        drop(state);
        drop(previous);
        Poll::Pending
    }
}
