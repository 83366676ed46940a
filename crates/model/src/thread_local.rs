//! Values of one task of the scheduler. All tasks of a model run on one thread of the operating system, so the
//! thread-local values of std would be shared by all of them.

use std::cell::{Cell, RefCell};

pub use shuttle::thread::AccessError;

/// A key with the part of std's interface that the library uses.
pub struct LocalKey<T: 'static>(shuttle::thread::LocalKey<T>);

impl<T> LocalKey<T> {
    #[doc(hidden)]
    pub const fn new(init: fn() -> T) -> Self {
        Self(shuttle::thread::LocalKey { init, _p: std::marker::PhantomData })
    }

    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.0.with(f)
    }

    /// # Errors
    /// For a task that has ended.
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        self.0.try_with(f)
    }
}

impl<T> LocalKey<Cell<T>> {
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    pub fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }

    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T> LocalKey<RefCell<T>> {
    pub fn set(&'static self, value: T) {
        self.replace(value);
    }

    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }

    pub fn with_borrow<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.with(|cell| f(&cell.borrow()))
    }

    pub fn with_borrow_mut<R>(&'static self, f: impl FnOnce(&mut T) -> R) -> R {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }
}

/// Takes the place of std's macro in all modules that come after this one.
macro_rules! thread_local {
    () => {};
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = const { $init:expr } $(; $($rest:tt)*)?) => {
        $(#[$attribute])* $visibility static $name: $crate::thread_local::LocalKey<$type> =
            $crate::thread_local::LocalKey::new(|| $init);
        $(thread_local!($($rest)*);)?
    };
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = $init:expr $(; $($rest:tt)*)?) => {
        $(#[$attribute])* $visibility static $name: $crate::thread_local::LocalKey<$type> =
            $crate::thread_local::LocalKey::new(|| $init);
        $(thread_local!($($rest)*);)?
    };
}
