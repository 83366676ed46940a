//! Work that several callers wait for, and how long each of them waits.
//!
//! | file | what it has |
//! |---|---|
//! | [`shared_task`] | one piece of work and all who wait for its outcome |
//! | [`shared_value`] | a value that is found once and then kept |
//! | [`cancel`] | stops work from another thread |
//! | [`deadline`] | a moment on the clock of a [`System`](crate::System), and waiting no longer than that |
//! | [`run_detached`] | work for one caller that goes on when the caller stops waiting |
//! | [`pace`] | the pauses between attempts while callers wait |
//! | [`notifier`] | tells subscribers that something changed |
//! | [`block_on`] | waits on a thread that has no executor |
//!
//! Nothing here needs a runtime in the caller: work and timers run on the system's [`Spawner`](crate::system::Spawner).

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::sync::Waker;

pub(crate) mod block_on;
pub(crate) mod cancel;
pub(crate) mod deadline;
pub(crate) mod notifier;
pub(crate) mod pace;
pub(crate) mod run_detached;
pub(crate) mod shared_task;
pub(crate) mod shared_value;

/// Wakes all, also after a waker that panics: the other waiters must not wait for ever because of it.
fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        // The hook of the process has reported the panic. The state of the waker is not used again.
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}
