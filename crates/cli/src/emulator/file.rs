//! Files that appear whole: no reader sees half of one, and a reader of the old file keeps the old content.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Who can read a file.
#[derive(Clone, Copy)]
pub(super) enum Readers {
    /// Only the owner: mode 0600.
    Owner,
    /// Everybody: mode 0644, less what the umask forbids.
    All,
}

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
            let reason =
                "another file is there, which an emulator did not write: move it, or choose another name";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
        }
    }
    let path = &behind_links(path)?;
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let temporary = path.with_file_name(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
    // A process with the same id may have been killed here, for example in a container.
    let _ = fs::remove_file(&temporary);
    let written = write_new(&temporary, content, readers).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
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

/// Writes a file that does not exist. The mode is right from the first moment.
fn write_new(path: &Path, content: &str, readers: Readers) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(
        &mut options,
        match readers {
            Readers::Owner => 0o600,
            Readers::All => 0o644,
        },
    );
    #[cfg(not(unix))]
    let _ = readers;
    options.open(path)?.write_all(content.as_bytes())
}
