//! Files that appear whole: no reader sees half of one, and a reader of the old file keeps the old content.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

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

/// Writes a file beside its place, then moves it there. A link stays a link: the file that it names is replaced. A pipe
/// or a device gets the content, because it cannot be replaced.
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
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            return OpenOptions::new().write(true).open(path)?.write_all(content.as_bytes());
        }
        Ok(found) if found.len() > 0 => {
            let old = if found.len() <= MAX_OWN { fs::read_to_string(path).ok() } else { None };
            if !old.is_some_and(|old| is_own(&old)) {
                let reason =
                    "another file is there, which an emulator did not write: move it, or choose another name";
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
            }
        }
        _ => {}
    }
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
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
