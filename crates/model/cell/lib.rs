//! The part of arc-swap's interface that the library uses. Each use is a scheduling point of the model, and takes effect
//! at once: that is what arc-swap promises. How arc-swap keeps the promise is its own affair.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use shuttle::sync::atomic::{AtomicBool, Ordering};

/// A cell that holds a counted reference, or none.
#[derive(Debug)]
pub struct ArcSwapOption<T> {
    /// A lock of std: no scheduling point lies inside, so nobody ever waits for it.
    current: Mutex<Option<Arc<T>>>,
}

/// What a cell held at one moment.
#[derive(Debug)]
pub struct Guard<T>(T);

impl<T> Deref for Guard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Guard<T> {
    /// A guard that no cell has given.
    pub fn from_inner(inner: T) -> Self {
        Self(inner)
    }

    /// The value, to keep.
    pub fn into_inner(guard: Self) -> T {
        guard.0
    }
}

impl<T> ArcSwapOption<T> {
    /// An empty cell.
    #[must_use]
    pub const fn const_empty() -> Self {
        Self { current: Mutex::new(None) }
    }

    /// An empty cell.
    #[must_use]
    pub const fn empty() -> Self {
        Self::const_empty()
    }

    /// The value of now, borrowed.
    pub fn load(&self) -> Guard<Option<Arc<T>>> {
        Guard(self.load_full())
    }

    /// The value of now.
    pub fn load_full(&self) -> Option<Arc<T>> {
        scheduling_point();
        self.with(|current| current.clone())
    }

    /// Replaces the value.
    pub fn store(&self, value: Option<Arc<T>>) {
        drop(self.swap(value));
    }

    /// Replaces the value, and returns the old one.
    pub fn swap(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
        scheduling_point();
        self.with(|current| std::mem::replace(current, value))
    }

    /// Replaces the value if it is `expected`. Returns what the cell held before.
    pub fn compare_and_swap(
        &self,
        expected: &Option<Arc<T>>,
        value: Option<Arc<T>>,
    ) -> Guard<Option<Arc<T>>> {
        scheduling_point();
        Guard(self.with(|current| {
            let before = current.clone();
            if before.as_ref().map(Arc::as_ptr) == expected.as_ref().map(Arc::as_ptr) {
                *current = value;
            }
            before
        }))
    }

    fn with<R>(&self, use_it: impl FnOnce(&mut Option<Arc<T>>) -> R) -> R {
        use_it(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Lets the scheduler run another task here.
fn scheduling_point() {
    AtomicBool::new(false).load(Ordering::SeqCst);
}
