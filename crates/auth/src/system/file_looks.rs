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
use super::pipe::Pipe;
use super::shared_work::SharedWork;

/// The looks that are under way.
#[derive(Default)]
pub(super) struct FileLooks {
    contents: SharedWork<(PathBuf, usize), Content>,
    existence: SharedWork<PathBuf, bool>,
    programs: SharedWork<PathBuf, bool>,
    modes: SharedWork<PathBuf, Option<FileMode>>,
}

/// What a read gave, and whether another read gives it again. All callers of one read share it; wiped with the last of
/// them.
type Content = Arc<(io::Result<Zeroizing<Vec<u8>>>, bool)>;

/// Who may read a file.
#[derive(Clone, Copy)]
pub(crate) struct FileMode {
    /// The Unix permission bits.
    pub(crate) bits: u32,
    /// Whether the file is on a mount that this process cannot change.
    pub(crate) is_read_only: bool,
}

impl FileLooks {
    /// Reads a file of at most `limit` bytes; a pipe only if `pipe` does not have its content yet. Without a runtime,
    /// reads on the calling thread: it serves no others.
    pub(super) async fn read(
        &self,
        files: &Arc<dyn Files>,
        path: &Path,
        limit: usize,
        pipe: &Pipe,
    ) -> io::Result<Zeroizing<Vec<u8>>> {
        if let Some(content) = pipe.content(path) {
            return Ok(content);
        }
        if Handle::try_current().is_err() {
            return read_now(&**files, path, limit, pipe).0;
        }
        let (files, to_read, of_thread) = (Arc::clone(files), path.to_owned(), pipe.clone());
        // The thread keeps what came: its caller may have left.
        let read = move || Arc::new(read_now(&*files, &to_read, limit, &of_thread));
        match &*self.contents.run((path.to_owned(), limit), read).await? {
            (Ok(content), is_repeatable) => {
                // The thread may have been that of another caller, with another place for the content.
                if !is_repeatable {
                    pipe.keep(path, content);
                }
                Ok(content.clone())
            }
            (Err(error), _) => Err(copy(error)),
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

    /// Whether a program can be run, as far as can be told.
    pub(super) async fn is_executable(&self, files: &Arc<dyn Files>, path: &Path) -> bool {
        if Handle::try_current().is_err() {
            return files.is_executable(path);
        }
        let (files, to_look_at) = (Arc::clone(files), path.to_owned());
        self.programs.run(path.to_owned(), move || files.is_executable(&to_look_at)).await.unwrap_or(false)
    }

    /// The permission bits of a file, read as its content is.
    pub(super) async fn mode(&self, files: &Arc<dyn Files>, path: &Path) -> Option<FileMode> {
        let mode = |files: &dyn Files, path: &Path| {
            let is_read_only = files.is_read_only(path);
            files.mode(path).map(|bits| FileMode { bits, is_read_only })
        };
        if Handle::try_current().is_err() {
            return mode(&**files, path);
        }
        let (files, to_look_at) = (Arc::clone(files), path.to_owned());
        self.modes.run(path.to_owned(), move || mode(&*files, &to_look_at)).await.ok()?
    }
}

fn read_now(
    files: &dyn Files,
    path: &Path,
    limit: usize,
    pipe: &Pipe,
) -> (io::Result<Zeroizing<Vec<u8>>>, bool) {
    let is_repeatable = files.is_repeatable(path);
    let content = files.read(path, limit).map(Zeroizing::new);
    if let (Ok(content), false) = (&content, is_repeatable) {
        pipe.keep(path, content);
    }
    (content, is_repeatable)
}

/// An error of the operating system for one more caller.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
