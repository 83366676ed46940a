//! A password file in a folder of its own, which only the owner can read. Both are gone when this value is dropped, and also
//! when this process is killed.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use super::cleaner::Cleaner;
use crate::atomic_file::{Readers, replace};

/// How often another name is tried.
const ATTEMPTS: u32 = 16;

/// The file.
pub(super) struct PasswordFile {
    folder: PathBuf,
    path: PathBuf,
    /// Dropped after the folder is removed.
    _cleaner: Cleaner,
}

impl PasswordFile {
    /// Makes the folder: in the user's folder for such files, else in that for temporary files.
    pub(super) fn create() -> io::Result<Self> {
        let runtime =
            std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        let made = runtime.and_then(|path| make_folder(&path).ok());
        let folder = made.map_or_else(|| make_folder(&std::env::temp_dir()), Ok)?;
        let cleaner = Cleaner::start(&folder);
        let path = std::path::absolute(folder.join("pgpass"))?;
        Ok(Self { folder, path, _cleaner: cleaner })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the content as a whole. An empty file has no password.
    pub(super) fn write(&self, content: &str) -> io::Result<()> {
        replace(&self.path, content, Readers::Owner)
    }
}

impl Drop for PasswordFile {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Makes a folder with a name that nobody can guess, and nobody else can enter.
fn make_folder(parent: &Path) -> io::Result<PathBuf> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let mut failure = io::Error::from(io::ErrorKind::AlreadyExists);
    for attempt in 0..ATTEMPTS {
        let number = RandomState::new().hash_one(attempt);
        let folder = parent.join(format!("yc-auth-{}-{number:016x}", std::process::id()));
        // Fails if anything is there, a link included.
        match builder.create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) => failure = error,
        }
        if failure.kind() != io::ErrorKind::AlreadyExists {
            break;
        }
    }
    Err(failure)
}
