//! Takes the place of the library's `sync.rs`, with loom's locks and atomics.

use std::ops::Deref;

pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};
pub(crate) use loom::sync::{Mutex, MutexGuard};
pub(crate) use std::process::id as process_id;
pub(crate) use std::sync::Arc;
pub(crate) use std::task::Waker;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    mutex.try_lock().ok()
}

/// Counts executions, so that each has statics of its own.
static EXECUTION: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

/// The body of each model calls this first. The models run one after the other.
pub(crate) fn begin_execution() {
    EXECUTION.fetch_add(1, Ordering::SeqCst);
}

/// A value of one execution, also in a static.
struct PerExecution<T>(std::sync::Mutex<Option<(u64, T)>>);

impl<T: Clone> PerExecution<T> {
    fn get(&self, make: impl FnOnce() -> T) -> T {
        let execution = EXECUTION.load(Ordering::SeqCst);
        let mut value = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*value {
            Some((of, value)) if *of == execution => value.clone(),
            _ => {
                // A value of loom can be dropped in its own execution alone.
                std::mem::forget(value.take());
                value.insert((execution, make())).1.clone()
            }
        }
    }
}

pub(crate) struct AtomicU64 {
    first: u64,
    value: PerExecution<Arc<loom::sync::atomic::AtomicU64>>,
}

impl AtomicU64 {
    pub(crate) const fn new(first: u64) -> Self {
        Self { first, value: PerExecution(std::sync::Mutex::new(None)) }
    }

    fn value(&self) -> Arc<loom::sync::atomic::AtomicU64> {
        self.value.get(|| Arc::new(loom::sync::atomic::AtomicU64::new(self.first)))
    }

    pub(crate) fn load(&self, order: Ordering) -> u64 {
        self.value().load(order)
    }

    pub(crate) fn store(&self, value: u64, order: Ordering) {
        self.value().store(value, order);
    }

    pub(crate) fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.value().fetch_add(value, order)
    }
}

impl Default for AtomicU64 {
    fn default() -> Self {
        Self::new(0)
    }
}

impl std::fmt::Debug for AtomicU64 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AtomicU64")
    }
}

pub(crate) struct LazyLock<T: 'static> {
    make: fn() -> T,
    value: PerExecution<&'static T>,
}

impl<T> LazyLock<T> {
    pub(crate) const fn new(make: fn() -> T) -> Self {
        Self { make, value: PerExecution(std::sync::Mutex::new(None)) }
    }
}

impl<T> Deref for LazyLock<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.get(|| Box::leak(Box::new((self.make)())))
    }
}

/// The mark of a thread, which no model looks at.
pub(crate) struct NoMark;

impl NoMark {
    pub(crate) fn get(&self) -> bool {
        false
    }

    pub(crate) fn set(&self, _value: bool) {}

    pub(crate) fn replace(&self, _value: bool) -> bool {
        false
    }
}
