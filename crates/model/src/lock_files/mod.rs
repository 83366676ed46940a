//! The library's protocol for the lock files of the shared cache, over a modelled disk: each use of the disk is a
//! scheduling point, and takes effect at once.

use std::io;
use std::path::Path;

#[path = "../../../auth/src/system/cache_store/lock.rs"]
mod lock;
mod lock_file;

pub use self::lock_file::end_process;
pub use crate::system::HeldLock;

/// See [`CacheStore::try_lock`](crate::system::CacheStore::try_lock).
///
/// # Errors
/// Those of the disk.
pub fn try_lock(path: &Path, note: &str, is_over: &dyn Fn(&str) -> bool) -> io::Result<Option<HeldLock>> {
    lock::try_lock(path, note, is_over)
}
