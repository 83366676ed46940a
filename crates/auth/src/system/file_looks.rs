//! Looks at files on threads that callers share: a file that hangs costs one thread for all looks.
//!
//! A file can be a pipe without a writer, or on a server that is down. The thread that runs the fetches serves others
//! too, so no look at a file happens there.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::Files;
use super::shared_work::SharedWork;

/// The looks that are under way.
pub(super) struct FileLooks {
    contents: SharedWork<(PathBuf, usize), Content>,
    existence: SharedWork<PathBuf, bool>,
    #[cfg(feature = "service-account-key")]
    modes: SharedWork<PathBuf, Option<u32>>,
}

/// What a read gave. All callers of one read share it; wiped with the last of them.
type Content = Arc<io::Result<Zeroizing<Vec<u8>>>>;

impl Default for FileLooks {
    fn default() -> Self {
        Self {
            contents: SharedWork::new(),
            existence: SharedWork::new(),
            #[cfg(feature = "service-account-key")]
            modes: SharedWork::new(),
        }
    }
}

impl FileLooks {
    /// Reads a file of at most `limit` bytes. Without a runtime, reads on the calling thread: it serves no others.
    pub(super) async fn read(
        &self,
        files: &Arc<dyn Files>,
        path: &Path,
        limit: usize,
    ) -> io::Result<Zeroizing<Vec<u8>>> {
        if Handle::try_current().is_err() {
            return files.read(path, limit).map(Zeroizing::new);
        }
        let (files, to_read) = (Arc::clone(files), path.to_owned());
        let read = move || Arc::new(files.read(&to_read, limit).map(Zeroizing::new));
        match &*self.contents.run((path.to_owned(), limit), read).await? {
            Ok(content) => Ok(content.clone()),
            Err(error) => Err(copy(error)),
        }
    }

    /// Whether a file or a folder exists, as far as can be told.
    pub(super) async fn exists(&self, files: &Arc<dyn Files>, path: &Path) -> bool {
        if Handle::try_current().is_err() {
            return files.exists(path);
        }
        let (files, to_look_at) = (Arc::clone(files), path.to_owned());
        self.existence.run(path.to_owned(), move || files.exists(&to_look_at)).await.unwrap_or(false)
    }

    /// The permission bits of a file, read as its content is.
    #[cfg(feature = "service-account-key")]
    pub(super) async fn mode(&self, files: &Arc<dyn Files>, path: &Path) -> Option<u32> {
        if Handle::try_current().is_err() {
            return files.mode(path);
        }
        let (files, to_look_at) = (Arc::clone(files), path.to_owned());
        self.modes.run(path.to_owned(), move || files.mode(&to_look_at)).await.ok()?
    }
}

/// An error of the operating system for one more caller.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
