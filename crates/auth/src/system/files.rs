//! Files: small ones read whole, and whether a program may be run.

use std::io;
use std::path::Path;

/// The file system, as far as authentication needs it.
pub trait Files: Send + Sync + 'static {
    /// Reads a file of at most `limit` bytes.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::FileTooLarge`] where the file is larger.
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>>;

    /// Whether this is a regular file that may be executed.
    fn is_executable(&self, path: &Path) -> bool;
}

/// The files of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

impl Files for SystemFiles {
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        use std::io::Read;
        let mut content = Vec::new();
        let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        std::fs::File::open(path)?.take(bound).read_to_end(&mut content)?;
        if content.len() > limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
        }
        Ok(content)
    }

    #[cfg(unix)]
    fn is_executable(&self, path: &Path) -> bool {
        path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
    }

    #[cfg(not(unix))]
    fn is_executable(&self, path: &Path) -> bool {
        path.is_file()
    }
}

#[cfg(any(test, feature = "testing"))]
pub use self::double::TestFiles;

#[cfg(any(test, feature = "testing"))]
mod double {
    use std::collections::BTreeMap;
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use super::Files;

    /// Files that exist only here; the empty ones count as programs.
    ///
    /// ```
    /// use std::path::Path;
    /// use yandex_cloud_auth::system::Files;
    /// use yandex_cloud_auth::testing::TestFiles;
    /// let files = TestFiles::new([("/usr/bin/yc", "")]);
    /// assert!(files.is_executable(Path::new("/usr/bin/yc")));
    /// ```
    #[derive(Clone, Default)]
    pub struct TestFiles {
        files: Arc<BTreeMap<PathBuf, Vec<u8>>>,
    }

    impl TestFiles {
        /// These files and no others.
        #[must_use]
        pub fn new<P: Into<PathBuf>, C: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, C)>) -> Self {
            Self {
                files: Arc::new(
                    files.into_iter().map(|(path, content)| (path.into(), content.into())).collect(),
                ),
            }
        }
    }

    impl Files for TestFiles {
        fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
            let content = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
            if content.len() > limit {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            Ok(content.clone())
        }

        fn is_executable(&self, path: &Path) -> bool {
            self.files.get(path).is_some_and(Vec::is_empty)
        }
    }
}
