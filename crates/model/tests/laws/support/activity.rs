//! Who could run now. Time that passes only while nobody could is time in which every computation is instant.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use yandex_cloud_auth_model::system::BoxFuture;

/// Counts the futures that were woken and not polled since.
#[derive(Clone, Default)]
pub(crate) struct Activity(Arc<AtomicUsize>);

impl Activity {
    pub(crate) fn is_idle(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }

    /// `work`, which counts as active from now on, until it waits or ends.
    pub(crate) fn of<T>(&self, work: BoxFuture<'static, T>) -> Active<T> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let state = State {
            activity: self.clone(),
            is_active: AtomicBool::new(true),
            has_ended: AtomicBool::new(false),
            outer: Mutex::default(),
        };
        Active { work: Some(work), state: Arc::new(state) }
    }
}

pub(crate) struct Active<T> {
    work: Option<BoxFuture<'static, T>>,
    state: Arc<State>,
}

struct State {
    activity: Activity,
    is_active: AtomicBool,
    /// A waker may outlive the work.
    has_ended: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

impl State {
    fn end(&self) {
        self.set(false);
        self.has_ended.store(true, Ordering::SeqCst);
    }

    fn set(&self, is_active: bool) {
        if self.has_ended.load(Ordering::SeqCst) {
            return;
        }
        match (self.is_active.swap(is_active, Ordering::SeqCst), is_active) {
            (false, true) => drop(self.activity.0.fetch_add(1, Ordering::SeqCst)),
            (true, false) => drop(self.activity.0.fetch_sub(1, Ordering::SeqCst)),
            _ => {}
        }
    }
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.set(true);
        let outer = self.outer.lock().unwrap().clone();
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

impl<T> Active<T> {
    /// Leaves the work where it is for ever, as a process does that is stopped.
    pub(crate) fn abandon(&mut self) {
        std::mem::forget(self.work.take());
        self.state.end();
    }
}

impl<T> Future for Active<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        *self.state.outer.lock().unwrap() = Some(context.waker().clone());
        // Active during the poll. A wake-up inside it counts for the next one.
        let woken = Arc::new(Woken { state: Arc::clone(&self.state), is_woken: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&woken));
        let work = self.work.as_mut().expect("a work that has not ended");
        let poll = work.as_mut().poll(&mut Context::from_waker(&waker));
        if poll.is_ready() {
            self.work = None;
            self.state.end();
        } else if !woken.is_woken.load(Ordering::SeqCst) {
            self.state.set(false);
        }
        poll
    }
}

struct Woken {
    state: Arc<State>,
    is_woken: AtomicBool,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        Arc::clone(&self.state).wake();
    }
}

impl<T> Drop for Active<T> {
    fn drop(&mut self) {
        self.state.end();
    }
}
