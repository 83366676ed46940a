//! The folder of the shared cache: who may use it, and how a file in it is replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use super::super::files::read_bounded;
use super::{CacheStore, HeldLock, MAX_ENTRY, lock};

/// A folder for the shared cache.
///
/// The folder has mode `0700` and its files `0600`. A folder that is a link, belongs to another user, or that others may
/// write to is not used. The folder is made when the first entry is written.
///
/// ```
/// use yandex_cloud_auth::System;
/// use yandex_cloud_auth::system::CacheFolder;
/// let system = System::real().with_shared_cache(CacheFolder::new("/run/user/1000/yc-auth"));
/// # let _ = system;
/// ```
#[derive(Clone, Debug)]
pub struct CacheFolder {
    path: PathBuf,
}

impl CacheFolder {
    /// The folder at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in the folder. A name is never a path of its own.
    fn file(&self, name: &str) -> io::Result<PathBuf> {
        let is_plain = !name.is_empty()
            && !name.starts_with('.')
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.');
        if is_plain { Ok(self.path.join(name)) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// Makes the folder where it does not exist.
    fn make(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.path)?;
        check(&self.path)
    }

    /// Whether the folder exists and may be used.
    fn exists(&self) -> io::Result<bool> {
        match check(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The folder has to be this user's alone: whoever writes to it decides which token this user sends.
#[cfg(unix)]
fn check(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::symlink_metadata(path)?;
    let reason = if found.is_symlink() {
        "the folder is a link"
    } else if !found.is_dir() {
        "the path is not a folder"
    } else if found.uid() != rustix::process::geteuid().as_raw() {
        "the folder belongs to another user"
    } else if found.mode() & 0o022 != 0 {
        "other users may write to the folder"
    } else {
        return Ok(());
    };
    Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
}

#[cfg(not(unix))]
fn check(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.is_dir() && !found.is_symlink() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "the path is not a folder, or is a link"))
}

/// Opens a file of this user alone.
pub(super) fn open_private(path: &Path, is_new: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).create_new(is_new).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        options.mode(0o600).custom_flags(no_follow);
    }
    options.open(path)
}

impl CacheStore for CacheFolder {
    fn read(&self, name: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let path = self.file(name)?;
        if !self.exists()? {
            return Ok(None);
        }
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // A pipe under this name must not block the reader.
            let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
            options.custom_flags(flags.bits().cast_signed());
        }
        match options.open(&path) {
            Ok(file) => read_bounded(file, MAX_ENTRY).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let path = self.file(name)?;
        self.make()?;
        let number = WRITES.fetch_add(1, Ordering::Relaxed);
        let temporary = self.file(&format!("{name}.{}.{number}.new", std::process::id()))?;
        // What a process left that ended while it wrote, and whose number this process has now.
        let _ = fs::remove_file(&temporary);
        let written = open_private(&temporary, true).and_then(|mut file| file.write_all(content));
        let written = written.and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.file(name)?;
        if !self.exists()? {
            return Ok(());
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        if !self.exists()? {
            return Ok(Vec::new());
        }
        let names = fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        let mut names: Vec<String> = names.filter_map(io::Result::transpose).collect::<io::Result<_>>()?;
        names.sort();
        Ok(names)
    }

    fn try_lock(
        &self,
        name: &str,
        note: &str,
        is_over: &dyn Fn(&str) -> bool,
    ) -> io::Result<Option<HeldLock>> {
        let path = self.file(&format!("{name}.lock"))?;
        self.make()?;
        lock::try_lock(&path, note, is_over)
    }
}
