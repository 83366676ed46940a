//! The files of an emulator: where one can be, and which file it may replace.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::atomic_file::{self, Readers};

/// A file larger than this was not written by an emulator.
const MAX_OWN: u64 = 64 << 10;

/// As many links as Linux follows.
const MAX_LINKS: usize = 40;

/// Looks whether a file can be written there: nothing is there, or a regular file. A pipe would wait for a reader, and
/// neither a pipe nor a device is a file that a program reads later.
pub(super) fn check_place(path: &Path) -> Result<(), &'static str> {
    let Ok(found) = fs::metadata(path) else { return Ok(()) };
    let kind = found.file_type();
    if kind.is_file() {
        return Ok(());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Err("a pipe (FIFO)");
        }
        if kind.is_socket() {
            return Err("a socket");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Err("a device");
        }
    }
    Err(if kind.is_dir() { "a folder" } else { "no regular file" })
}

/// Whether two paths name one file, also where no file is there yet.
pub(super) fn is_same_place(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        let path = behind_links(path).unwrap_or_else(|_| path.to_owned());
        let path = std::path::absolute(&path).unwrap_or(path);
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        folder.zip(path.file_name()).map_or_else(|| path.clone(), |(folder, name)| folder.join(name))
    };
    place(one) == place(other)
}

/// Writes a file beside its place, then moves it there. A link stays a link: the file that it names is replaced, or made
/// where there is none yet.
///
/// # Errors
/// `AlreadyExists` if another file is there, which `is_own` does not take for one of an earlier emulator: it may be the
/// only copy of a real key.
pub(super) fn write(
    path: &Path,
    content: &str,
    readers: Readers,
    is_own: fn(&str) -> bool,
) -> io::Result<()> {
    if let Err(what) = check_place(path) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{what} is there")));
    }
    if fs::metadata(path).is_ok_and(|found| found.len() > 0) {
        let is_small = fs::metadata(path)?.len() <= MAX_OWN;
        let old = if is_small { fs::read_to_string(path).ok() } else { None };
        if !old.is_some_and(|old| is_own(&old)) {
            let reason = "another file is there, which an emulator did not write";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
        }
    }
    let path = &behind_links(path)?;
    atomic_file::replace(path, content, readers)
}

/// The path behind the links, also where no file is there yet.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else { return Ok(path) };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    Err(io::Error::other("too many links, one behind the other"))
}
