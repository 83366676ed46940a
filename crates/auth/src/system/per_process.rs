//! State that belongs to one process. A child that a fork made starts with a state of its own.
//!
//! A fork copies the memory of a process, but only one of its threads. A lock can be copied while another thread holds
//! it, and work while another thread runs it: in the child nobody would ever release the lock or end the work. So the
//! child never touches the copy, not even to drop it. To drop a socket or a child process of the parent would disturb
//! the parent.

use std::ops::Deref;

use arc_swap::ArcSwapOption;

use crate::sync::{Arc, process_id};

/// A value that each process makes for itself, on first use. Takes no lock.
///
/// Hidden: only the SDK needs it.
pub struct PerProcess<T> {
    current: ArcSwapOption<Owned<T>>,
    make: fn() -> T,
}

/// A value, and the process that made it.
pub struct Owned<T> {
    process: u32,
    value: T,
}

impl<T> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> PerProcess<T> {
    /// `make` makes the value of a process.
    #[must_use]
    pub const fn new(make: fn() -> T) -> Self {
        Self { current: ArcSwapOption::const_empty(), make }
    }

    /// The value of this process.
    #[must_use]
    pub fn get(&self) -> Arc<Owned<T>> {
        let process = process_id();
        loop {
            let current = self.current.load();
            if let Some(current) = current.as_ref().filter(|current| current.process == process) {
                return Arc::clone(current);
            }
            let made = Arc::new(Owned { process, value: (self.make)() });
            let previous = self.current.compare_and_swap(&*current, Some(Arc::clone(&made)));
            let is_replaced = match (&*previous, &*current) {
                (Some(previous), Some(current)) => Arc::ptr_eq(previous, current),
                (None, None) => true,
                _ => false,
            };
            if is_replaced {
                // Of the parent: never dropped.
                std::mem::forget((*current).clone());
                return made;
            }
        }
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        if let Some(current) = self.current.swap(None)
            && current.process != process_id()
        {
            std::mem::forget(current);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn all_threads_of_a_process_share_one_value() {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let value: PerProcess<Mutex<Vec<usize>>> = PerProcess::new(|| {
            MADE.fetch_add(1, Ordering::Relaxed);
            Mutex::default()
        });
        std::thread::scope(|scope| {
            for at in 0..8 {
                let value = &value;
                scope.spawn(move || value.get().lock().unwrap().push(at));
            }
        });
        assert_eq!(value.get().lock().unwrap().len(), 8);
        assert!(MADE.load(Ordering::Relaxed) >= 1);
    }

    #[test]
    fn the_value_of_another_process_is_replaced_and_never_dropped() {
        struct Value(Option<&'static AtomicUsize>);
        impl Drop for Value {
            fn drop(&mut self) {
                if let Some(drops) = self.0 {
                    drops.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        static DROPS: AtomicUsize = AtomicUsize::new(0);
        let of_parent = || Some(Arc::new(Owned { process: 0, value: Value(Some(&DROPS)) }));
        let state = PerProcess::new(|| Value(None));
        state.current.store(of_parent());
        assert!(state.get().0.is_none());
        drop(state);
        let state = PerProcess::new(|| Value(None));
        state.current.store(of_parent());
        drop(state);
        assert_eq!(DROPS.load(Ordering::Relaxed), 0);
    }
}
