//! The file system: small files read whole, permissions, and whether a program can be run.

use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::bounded::Bounded;

/// The file system, as far as authentication needs it.
pub trait Files: Send + Sync + 'static {
    /// Reads a file of at most `limit` bytes.
    ///
    /// # Errors
    /// The operating system's error; [`io::ErrorKind::FileTooLarge`] where the file is larger.
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>>;

    /// Whether this is a regular file that this process may execute.
    fn is_executable(&self, path: &Path) -> bool;

    /// Whether a second read gives the same bytes again, if nobody writes: not so for a pipe, or for standard input.
    fn is_repeatable(&self, path: &Path) -> bool {
        let _ = path;
        true
    }

    /// Whether the file is on a mount that this process cannot change, such as a secret of Kubernetes or Docker.
    fn is_read_only(&self, path: &Path) -> bool {
        let _ = path;
        false
    }

    /// Whether a file or a folder exists. The default tries to read it.
    fn exists(&self, path: &Path) -> bool {
        match self.read(path, 0) {
            Ok(_) => true,
            Err(error) => matches!(error.kind(), io::ErrorKind::FileTooLarge | io::ErrorKind::IsADirectory),
        }
    }

    /// The Unix permission bits of a file (`0o600`); `None` where the file or the bits do not exist.
    fn mode(&self, path: &Path) -> Option<u32> {
        let _ = path;
        None
    }
}

/// Reads to the end, at most `limit` bytes. Wipes each buffer that has become too small.
///
/// # Errors
/// The operating system's error; [`io::ErrorKind::FileTooLarge`] where there is more.
pub(super) fn read_bounded(mut from: impl Read, limit: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut content = Bounded::new(limit);
    let mut chunk = Zeroizing::new([0; 8 << 10]);
    loop {
        let length = match from.read(&mut *chunk) {
            Ok(0) => return Ok(content.into_bytes()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if !content.push(&chunk[..length]) {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
        }
    }
}

/// The real file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

impl Files for SystemFiles {
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        let mut content = read_bounded(std::fs::File::open(path)?, limit)?;
        // Moved out, not copied: the caller wipes the bytes.
        Ok(std::mem::take(&mut *content))
    }

    #[cfg(unix)]
    fn is_executable(&self, path: &Path) -> bool {
        path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    #[cfg(not(unix))]
    fn is_executable(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn is_repeatable(&self, path: &Path) -> bool {
        // These names stand for open descriptors. Some systems go on where the last read ended, in a regular file too.
        let is_descriptor = path == Path::new("/dev/stdin") || path.starts_with("/dev/fd");
        let goes_on = is_descriptor && !cfg!(target_os = "linux");
        !goes_on && std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
    }

    #[cfg(unix)]
    fn is_read_only(&self, path: &Path) -> bool {
        // A volume of Kubernetes holds links into the folder `..data`.
        let is_volume = path.parent().is_some_and(|folder| folder.join("..data").exists());
        let is_mounted = ["/run/secrets", "/var/run/secrets"].iter().any(|folder| path.starts_with(folder));
        let is_read_only = rustix::fs::statvfs(path)
            .is_ok_and(|mount| mount.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY));
        is_volume || is_mounted || is_read_only
    }

    #[cfg(unix)]
    fn mode(&self, path: &Path) -> Option<u32> {
        use std::os::unix::fs::PermissionsExt;
        Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o7777)
    }
}

#[cfg(any(test, feature = "testing"))]
pub use self::double::TestFiles;

#[cfg(any(test, feature = "testing"))]
mod double {
    use std::collections::BTreeMap;
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    use super::Files;

    /// An in-memory file system for tests. An empty file counts as a program, and the folders of a file exist. Clones
    /// share it.
    ///
    /// ```
    /// use std::path::Path;
    /// use yandex_cloud_auth::system::Files;
    /// use yandex_cloud_auth::testing::TestFiles;
    /// let files = TestFiles::new([("/usr/bin/yc", "")]);
    /// assert!(files.is_executable(Path::new("/usr/bin/yc")));
    /// assert!(files.exists(Path::new("/usr/bin")) && !files.exists(Path::new("/usr/lib")));
    /// files.write("/run/token", "t1.fake.token");
    /// assert_eq!(files.read(Path::new("/run/token"), 64).unwrap(), b"t1.fake.token");
    /// files.set_mode("/run/token", 0o644);
    /// assert_eq!(files.mode(Path::new("/run/token")), Some(0o644));
    /// files.remove("/run/token");
    /// assert!(files.read(Path::new("/run/token"), 64).is_err());
    /// files.write_pipe("/dev/fd/63", "t1.fake.token");
    /// assert_eq!(files.read(Path::new("/dev/fd/63"), 64).unwrap(), b"t1.fake.token");
    /// assert_eq!(files.read(Path::new("/dev/fd/63"), 64).unwrap(), b"");
    /// ```
    #[derive(Clone, Default)]
    pub struct TestFiles {
        files: Arc<Mutex<BTreeMap<PathBuf, TestFile>>>,
    }

    struct TestFile {
        content: Vec<u8>,
        mode: u32,
        is_pipe: bool,
        is_read_only: bool,
    }

    impl TestFile {
        /// An empty file.
        fn new() -> Self {
            Self { content: Vec::new(), mode: 0o600, is_pipe: false, is_read_only: false }
        }
    }

    impl TestFiles {
        /// A file system with these files only.
        #[must_use]
        pub fn new<P: Into<PathBuf>, C: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, C)>) -> Self {
            let all = Self::default();
            files.into_iter().for_each(|(path, content)| all.write(path, content));
            all
        }

        /// Creates a file with mode `0o600`, or replaces its content.
        pub fn write(&self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) {
            let content = content.into();
            let mut files = self.files();
            let file = files.entry(path.into()).or_insert_with(TestFile::new);
            file.content = content;
        }

        /// Creates a pipe: the first read takes the content, and later reads find the end.
        pub fn write_pipe(&self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) {
            let file = TestFile { content: content.into(), is_pipe: true, ..TestFile::new() };
            self.files().insert(path.into(), file);
        }

        /// Puts a file on a mount that cannot be changed.
        pub fn set_read_only(&self, path: impl AsRef<Path>) {
            if let Some(file) = self.files().get_mut(path.as_ref()) {
                file.is_read_only = true;
            }
        }

        /// Sets the mode of a file.
        pub fn set_mode(&self, path: impl AsRef<Path>, mode: u32) {
            if let Some(file) = self.files().get_mut(path.as_ref()) {
                file.mode = mode;
            }
        }

        /// Removes a file.
        pub fn remove(&self, path: impl AsRef<Path>) {
            self.files().remove(path.as_ref());
        }

        fn files(&self) -> MutexGuard<'_, BTreeMap<PathBuf, TestFile>> {
            self.files.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Files for TestFiles {
        fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
            let mut files = self.files();
            let file = files.get_mut(path).ok_or(io::ErrorKind::NotFound)?;
            if file.content.len() > limit {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            Ok(if file.is_pipe { std::mem::take(&mut file.content) } else { file.content.clone() })
        }

        fn is_repeatable(&self, path: &Path) -> bool {
            self.files().get(path).is_some_and(|file| !file.is_pipe)
        }

        fn is_read_only(&self, path: &Path) -> bool {
            self.files().get(path).is_some_and(|file| file.is_read_only)
        }

        fn is_executable(&self, path: &Path) -> bool {
            self.files().get(path).is_some_and(|file| file.content.is_empty())
        }

        fn exists(&self, path: &Path) -> bool {
            self.files().keys().any(|file| file.starts_with(path))
        }

        fn mode(&self, path: &Path) -> Option<u32> {
            Some(self.files().get(path)?.mode)
        }
    }
}
