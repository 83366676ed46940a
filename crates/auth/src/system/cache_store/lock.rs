//! A lock between processes: a lock of the kernel on a file, and the note of its holder in the file.
//!
//! The kernel releases the lock of a process that ends. A process that is stopped keeps its lock, and so does a child
//! that a fork gave a copy of the file. So the note says until when the holder needs the lock. After that moment one
//! waiting process puts a new file in the place of the old one, and holds the lock of the new file.
//!
//! A second file guards each of these steps. A process that is stopped inside a step, which takes microseconds, keeps the
//! lock from all others: they wait for half of their time, and then do without.

use std::io;
use std::path::Path;

use super::HeldLock;
use super::lock_file::{LockFile, remove};

/// See [`CacheStore::try_lock`](super::CacheStore::try_lock).
pub(super) fn try_lock(
    path: &Path,
    note: &str,
    is_over: &dyn Fn(&str) -> bool,
) -> io::Result<Option<HeldLock>> {
    // One process at a time, for as long as a file has a new holder and the note of the holder before: by that note the
    // time of the new holder could be over. And one process alone replaces the file.
    let guard = LockFile::open(&path.with_extension("takeover"))?;
    if !guard.try_lock()? {
        return Ok(None);
    }
    let _guard = Unlock(guard);
    let file = LockFile::open(path)?;
    if file.try_lock()? {
        // A lock on a file that somebody has removed excludes nobody.
        return if file.is_at(path)? { hold(file, note).map(Some) } else { Ok(None) };
    }
    if !is_over(&file.note()?) {
        return Ok(None);
    }
    remove(path)?;
    let new = LockFile::create(path)?;
    if new.try_lock()? { hold(new, note).map(Some) } else { Ok(None) }
}

/// A file whose lock this process holds.
struct Unlock(LockFile);

impl Drop for Unlock {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

/// Leaves the note in the file of a lock that this process has just got.
fn hold(file: LockFile, note: &str) -> io::Result<HeldLock> {
    let written = file.set_note(note);
    let held = Unlock(file);
    written.map(|()| Box::new(held) as HeldLock)
}
