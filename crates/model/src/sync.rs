//! Takes the place of the library's `sync.rs`: each use of a lock or an atomic is a point where the scheduler may run
//! another task.
//!
//! Reference counts and wakers are std's. The scheduler knows the order of operations, not their memory order: what
//! depends on `Ordering` is the affair of `loom/`.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::Mutex as StdMutex;
use std::thread::ThreadId;

pub(crate) use shuttle::sync::{Mutex, MutexGuard};
pub(crate) use shuttle::thread::{Thread, current as current_thread, park, park_timeout};
pub(crate) use std::sync::atomic::Ordering;
pub(crate) use std::sync::{Arc, PoisonError, TryLockError, Weak};
pub(crate) use std::task::{Wake, Waker};

/// Locks `mutex`, and counts that for [`locks_taken`] and [`lock_waits`].
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    LOCKS.set(LOCKS.get() + 1);
    try_lock(mutex).unwrap_or_else(|| {
        WAITS.set(WAITS.get() + 1);
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    })
}

/// Locks `mutex` where that needs no waiting.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

thread_local! {
    static LOCKS: Cell<u64> = const { Cell::new(0) };
    static WAITS: Cell<u64> = const { Cell::new(0) };
    static PROCESS: Cell<u32> = const { Cell::new(1) };
}

/// How many locks this task has taken. It waits for none that it only tries.
pub fn locks_taken() -> u64 {
    LOCKS.get()
}

/// How many locks this task found held by another task, and waited for.
pub fn lock_waits() -> u64 {
    WAITS.get()
}

/// The number of the process that this task belongs to.
pub fn process_id() -> u32 {
    PROCESS.get()
}

/// From now on this task is the only thread of a child that a fork made.
pub fn become_process(process: u32) {
    PROCESS.set(process);
}

std::thread_local! {
    static EXECUTION: Cell<u64> = const { Cell::new(0) };
}

/// Begins an execution: statics have their first value again. The body of each model calls this first.
pub fn begin_execution() {
    EXECUTION.set(EXECUTION.get() + 1);
}

/// A value of each execution. Statics outlive an execution, and executions on several threads of the operating system
/// share them.
struct PerExecution<T>(StdMutex<Vec<(ThreadId, u64, T)>>);

impl<T: Clone> PerExecution<T> {
    const fn new() -> Self {
        Self(StdMutex::new(Vec::new()))
    }

    fn get(&self, make: impl FnOnce() -> T) -> T {
        let (thread, execution) = (std::thread::current().id(), EXECUTION.get());
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, of, value)) = values.iter_mut().find(|value| value.0 == thread) {
            if *of != execution {
                (*of, *value) = (execution, make());
            }
            return value.clone();
        }
        let value = make();
        values.push((thread, execution, value.clone()));
        value
    }
}

macro_rules! atomic {
    ($name:ident, $value:ty) => {
        /// An atomic, which may be a static.
        pub(crate) struct $name {
            first: $value,
            value: PerExecution<Arc<shuttle::sync::atomic::$name>>,
        }

        impl $name {
            pub(crate) const fn new(first: $value) -> Self {
                Self { first, value: PerExecution::new() }
            }

            fn value(&self) -> Arc<shuttle::sync::atomic::$name> {
                self.value.get(|| Arc::new(shuttle::sync::atomic::$name::new(self.first)))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.value().load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.value().store(value, order);
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                self.value().swap(value, order)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new(<$value>::default())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(stringify!($name))
            }
        }
    };
}

atomic!(AtomicBool, bool);
atomic!(AtomicU64, u64);
atomic!(AtomicUsize, usize);

impl AtomicU64 {
    pub(crate) fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.value().fetch_add(value, order)
    }

    pub(crate) fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.value().compare_exchange(current, new, success, failure)
    }
}

impl AtomicUsize {
    pub(crate) fn fetch_add(&self, value: usize, order: Ordering) -> usize {
        self.value().fetch_add(value, order)
    }

    pub(crate) fn fetch_sub(&self, value: usize, order: Ordering) -> usize {
        self.value().fetch_sub(value, order)
    }
}

/// A static that is made on first use. The value of an execution is never dropped: those who use it hold plain borrows.
pub(crate) struct LazyLock<T: 'static> {
    make: fn() -> T,
    value: PerExecution<&'static T>,
}

impl<T> LazyLock<T> {
    pub(crate) const fn new(make: fn() -> T) -> Self {
        Self { make, value: PerExecution::new() }
    }
}

impl<T> Deref for LazyLock<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.get(|| Box::leak(Box::new((self.make)())))
    }
}

/// A value that is set once.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    making: Mutex<()>,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    pub(crate) const fn new() -> Self {
        Self { making: Mutex::new(()), value: std::sync::OnceLock::new() }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        AtomicBool::new(false).load(Ordering::SeqCst);
        self.value.get()
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let making = self.making.lock();
        let value = self.value.get_or_init(make);
        drop(making);
        value
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let _making = self.making.lock();
        self.value.set(value)
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}
