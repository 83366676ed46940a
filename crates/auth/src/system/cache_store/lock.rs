//! A lock between processes: a lock of the kernel on a file, and the note of its holder in the file.
//!
//! The kernel releases the lock of a process that ends. A process that is stopped keeps its lock, and so does a child
//! that a fork gave a copy of the file. So the note says until when the holder needs the lock. After that moment one
//! waiting process puts a new file in the place of the old one, and holds the lock of the new file.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::HeldLock;
use super::folder::open_private;

/// The longest note. The rest of a longer one is not read.
const MAX_NOTE: u64 = 1024;

/// How often the file may be replaced between its opening and its lock, before the lock counts as held.
const REPLACED: usize = 3;

/// See [`CacheStore::try_lock`](super::CacheStore::try_lock).
pub(super) fn try_lock(
    path: &Path,
    note: &str,
    is_over: &dyn Fn(&str) -> bool,
) -> io::Result<Option<HeldLock>> {
    for _ in 0..REPLACED {
        let file = open_private(path, false)?;
        match locked(&file)? {
            // A lock on a file that another process has replaced excludes nobody.
            true if !is_at(&file, path)? => {}
            true => return hold(file, note).map(Some),
            false if is_over(&read_note(&file)?) => return take_over(path, note, is_over),
            false => return Ok(None),
        }
    }
    Ok(None)
}

/// Replaces the file of a holder whose time is over. A lock beside the file makes sure that one process alone does so.
fn take_over(path: &Path, note: &str, is_over: &dyn Fn(&str) -> bool) -> io::Result<Option<HeldLock>> {
    let guard = open_private(&path.with_extension("takeover"), false)?;
    if !locked(&guard)? {
        return Ok(None);
    }
    let _guard = Unlock(guard);
    // Once more, now that no other process can replace the file.
    let old = open_private(path, false)?;
    if locked(&old)? {
        return if is_at(&old, path)? { hold(old, note).map(Some) } else { Ok(None) };
    }
    if !is_over(&read_note(&old)?) {
        return Ok(None);
    }
    fs::remove_file(path)?;
    let new = open_private(path, true)?;
    if locked(&new)? { hold(new, note).map(Some) } else { Ok(None) }
}

fn locked(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn read_note(mut file: &File) -> io::Result<String> {
    file.rewind()?;
    let mut note = Vec::new();
    file.take(MAX_NOTE).read_to_end(&mut note)?;
    Ok(String::from_utf8(note).unwrap_or_default())
}

/// Whether `path` names this very file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let of_file = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(at) => Ok((at.dev(), at.ino()) == (of_file.dev(), of_file.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Other systems do not remove a file that is open.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> io::Result<bool> {
    fs::exists(path)
}

/// A file whose lock this process holds.
struct Unlock(File);

impl Drop for Unlock {
    fn drop(&mut self) {
        // Explicit: a child that a fork made may hold the same file open.
        let _ = self.0.unlock();
    }
}

/// Leaves the note in the file of a lock that this process has just got.
fn hold(mut file: File, note: &str) -> io::Result<HeldLock> {
    let written = file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(note.as_bytes()));
    let held = Unlock(file);
    written.map(|()| Box::new(held) as HeldLock)
}
