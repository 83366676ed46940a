//! What threads and tasks share: locks, atomics, reference counts, wakers, parking, and the number of the process.
//!
//! `task`, `refresh` and `credentials` take these primitives from here alone. In this file they are those of std.
//! `crates/model` compiles the same sources with a file of its own in the place of this one, whose primitives let a
//! scheduler try interleavings.

pub(crate) use std::process::id as process_id;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
pub(crate) use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak};
pub(crate) use std::task::{Wake, Waker};
pub(crate) use std::thread::{Thread, current as current_thread, park, park_timeout};

/// Locks `mutex`, also after a panic of a thread that held the lock.
///
/// The code of a user runs under one lock of this crate alone, that of the work in `task/cancel.rs`. Work that panicked
/// is dropped, and never polled again. Under the other locks no such code runs, so a panic leaves the protected value
/// as it was before.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks `mutex` where that needs no waiting.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
