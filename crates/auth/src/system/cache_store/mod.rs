//! Where the shared cache keeps its entries and its locks: a folder that all processes of one user see.

#[cfg(any(test, feature = "testing"))]
mod double;
mod folder;
mod location;
mod lock;
mod lock_file;
mod of_system;
mod work;

use std::io;

use zeroize::Zeroizing;

#[cfg(any(test, feature = "testing"))]
pub use self::double::TestCacheStore;
pub use self::folder::CacheFolder;
pub(crate) use self::of_system::SharedCacheUse;
pub(crate) use self::work::StoreWork;

/// A lock that is held. Dropping the value releases the lock.
pub type HeldLock = Box<dyn Send>;

/// The largest entry. An entry holds one token; a much larger file is something else.
pub(super) const MAX_ENTRY: usize = 64 << 10;

/// Storage that all processes of one user share. Its uses may block.
///
/// A name is an entry's: 64 hexadecimal digits, a dot and a suffix in lower case.
pub trait CacheStore: Send + Sync + 'static {
    /// Whether a use may block, as a file system may. Uses then run on a thread of their own.
    fn may_block(&self) -> bool {
        true
    }

    /// The content of an entry; `None` if there is none.
    ///
    /// # Errors
    /// The operating system's; [`io::ErrorKind::PermissionDenied`] where the folder is not safe to use.
    fn read(&self, name: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>>;

    /// Replaces an entry. A reader sees the old content or the new one, whole.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn write(&self, name: &str, content: &[u8]) -> io::Result<()>;

    /// Removes an entry, if it exists.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of all entries.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn names(&self) -> io::Result<Vec<String>>;

    /// Takes the lock of an entry; `None` while another process holds it. `note` is what the holder leaves for the
    /// others. `is_over` reads the note of the holder, and says whether its time is over: then the lock is taken over,
    /// by one process.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn try_lock(
        &self,
        name: &str,
        note: &str,
        is_over: &dyn Fn(&str) -> bool,
    ) -> io::Result<Option<HeldLock>>;
}
