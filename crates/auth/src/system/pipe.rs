//! What came through a pipe: `YC_SERVICE_ACCOUNT_KEY_FILE=<(pass show key)`, `/dev/stdin`, a named pipe.
//!
//! A pipe can be read once, so its content is kept for every later read. A regular file is read again instead, because it
//! may have changed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

/// The content of one pipe. Clones share it, and the last one wipes it.
#[derive(Clone, Default)]
pub(crate) struct Pipe(Arc<Mutex<Option<Kept>>>);

/// What came, and through which pipe.
struct Kept {
    path: PathBuf,
    content: Zeroizing<Vec<u8>>,
}

impl Pipe {
    /// What came through the pipe at `path`.
    pub(super) fn content(&self, path: &Path) -> Option<Zeroizing<Vec<u8>>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|kept| kept.path == path).map(|kept| kept.content.clone())
    }

    /// Keeps what came. Nothing is not kept: the writer of a named pipe may still come.
    pub(super) fn keep(&self, path: &Path, content: &Zeroizing<Vec<u8>>) {
        if !content.is_empty() {
            let kept = Kept { path: path.to_owned(), content: content.clone() };
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        }
    }
}

impl fmt::Debug for Pipe {
    /// The content is a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pipe")
    }
}
