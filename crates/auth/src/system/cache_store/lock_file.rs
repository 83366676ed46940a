//! The file of a lock: what the operating system does with it. Who may lock it when is the affair of `lock.rs`.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::folder::open_private;

/// The longest note. The rest of a longer one is not read.
const MAX_NOTE: u64 = 1024;

/// An open file. Its lock belongs to this value, and ends with it.
pub(super) struct LockFile(File);

impl LockFile {
    /// Opens the file, or makes it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        open_private(path, false).map(Self)
    }

    /// Makes the file, where there is none.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        open_private(path, true).map(Self)
    }

    /// Takes the lock of the kernel; false while another open file has it.
    pub(super) fn try_lock(&self) -> io::Result<bool> {
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Releases the lock. Explicit: a child that a fork made may hold the same file open.
    pub(super) fn unlock(&self) {
        let _ = self.0.unlock();
    }

    pub(super) fn note(&self) -> io::Result<String> {
        let mut file = &self.0;
        file.rewind()?;
        let mut note = Vec::new();
        file.take(MAX_NOTE).read_to_end(&mut note)?;
        Ok(String::from_utf8(note).unwrap_or_default())
    }

    pub(super) fn set_note(&self, note: &str) -> io::Result<()> {
        let mut file = &self.0;
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(note.as_bytes())
    }

    /// Whether `path` names this very file.
    #[cfg(unix)]
    pub(super) fn is_at(&self, path: &Path) -> io::Result<bool> {
        use std::os::unix::fs::MetadataExt;
        let of_file = self.0.metadata()?;
        match fs::symlink_metadata(path) {
            Ok(at) => Ok((at.dev(), at.ino()) == (of_file.dev(), of_file.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Other systems do not remove a file that is open.
    #[cfg(not(unix))]
    pub(super) fn is_at(&self, path: &Path) -> io::Result<bool> {
        fs::exists(path)
    }
}

/// Takes the name from the file. Those that have the file open keep it.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}
