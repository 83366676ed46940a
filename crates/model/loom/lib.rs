//! The parts of the library that are small enough for loom: every interleaving, and every value that the memory order of
//! an atomic lets a thread read.
//!
//! The sources are the library's. Reference counts and wakers are std's.

#![allow(dead_code, unused_imports, reason = "the models use a part of each file")]

/// No value of a thread matters here.
macro_rules! thread_local {
    ($(static $name:ident: Cell<bool> = const { Cell::new(false) };)*) => {
        $(static $name: crate::sync::NoMark = crate::sync::NoMark;)*
    };
}

pub mod models;
#[path = "../../auth/src/refresh/revoked.rs"]
mod revoked;
mod sync;
mod task;

/// No thread keeps a header of its own here.
mod thread_copies {
    pub(crate) fn record_change() {}
}

mod system {
    pub(crate) type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
}

/// As much of the library's error as the sources use.
struct Error;

enum ErrorKind {
    Refused,
}

impl Error {
    fn new(_kind: ErrorKind, _reason: &str) -> Self {
        Self
    }

    fn with_help(self, _help: &str) -> Self {
        self
    }
}
