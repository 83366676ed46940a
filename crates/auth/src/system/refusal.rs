//! Why a spawner dropped work before its end.
//!
//! A spawner has no way to return an error. The library's thread records the reason while it drops the work, and the
//! end of the work, which runs in that drop, reads the reason.

use std::cell::RefCell;

use super::BoxFuture;
use crate::{Error, ErrorKind};

thread_local! {
    static REASON: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Drops work, for a reason.
pub(super) fn refuse(work: BoxFuture<'static, ()>, reason: &str) {
    let previous = REASON.replace(Some(reason.to_owned()));
    drop(work);
    REASON.set(previous);
}

/// The error of work that a spawner dropped. Call it where the end of the work runs.
#[must_use]
pub fn dropped_work() -> Error {
    match REASON.with_borrow(Clone::clone) {
        Some(reason) => Error::new(ErrorKind::Unavailable, reason).with_help(
            "raise the limits of this process (`ulimit -n`, `ulimit -u`), or close what it does not use",
        ),
        None => Error::new(ErrorKind::Unavailable, "the fetch was dropped before its end")
            .with_help("a token source panicked, or the runtime of a spawner ended"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_known_while_the_work_is_dropped_and_not_after() {
        struct Asks(std::sync::mpsc::Sender<String>);
        impl Drop for Asks {
            fn drop(&mut self) {
                self.0.send(dropped_work().to_string()).unwrap();
            }
        }
        let (sender, reasons) = std::sync::mpsc::channel();
        let asks = Asks(sender);
        refuse(Box::pin(async move { drop(asks) }), "no thread");
        assert_eq!(reasons.recv().unwrap(), "no thread");
        assert_eq!(dropped_work().to_string(), "the fetch was dropped before its end");
    }
}
