//! Files that appear whole: no reader sees half of one, and a reader of the old file keeps the old content.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Who can read a file.
#[derive(Clone, Copy)]
pub(crate) enum Readers {
    /// Only the owner: mode 0600.
    Owner,
    /// Everybody: mode 0644, less what the umask forbids.
    All,
}

/// Writes a file beside its place, then moves it there.
pub(crate) fn replace(path: &Path, content: &str, readers: Readers) -> io::Result<()> {
    replace_with(path, |temporary| write_new(temporary, content, readers))
}

/// The same with a file that `write_new` makes at the path that it gets. No file is there.
pub(crate) fn replace_with(path: &Path, write_new: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let temporary = path.with_file_name(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
    // A process with the same id may have been killed here, for example in a container.
    let _ = fs::remove_file(&temporary);
    let written = write_new(&temporary).and_then(|()| fs::rename(&temporary, path));
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
