//! Writing to the log: a log subscriber is code of the program, and its panic must not end a fetch.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Writes log events. The panic of a subscriber ends here; the hook of the process has reported it.
pub(crate) fn log(events: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(events));
}
