//! Paths that the agent writes to: who may use what is there, and that no other agent writes there.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use yandex_cloud_auth::{Error, ErrorKind};

/// Who may use a file or a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permissions {
    pub(crate) mode: u32,
    /// The number of the group, if it is not that of the agent.
    pub(crate) group: Option<u32>,
}

impl Default for Permissions {
    fn default() -> Self {
        Self { mode: 0o600, group: None }
    }
}

impl Permissions {
    /// The permissions of what is at `path`. `group`: a name or a number.
    ///
    /// # Errors
    /// `Invalid` if there is no such group.
    pub(crate) fn new(path: &Path, mode: u32, group: Option<&str>) -> Result<Self, Error> {
        let group = group.map(group_id).transpose().map_err(|reason| {
            invalid(path, reason, "give the name or the number of a group that the agent belongs to")
        })?;
        Ok(Self { mode, group })
    }
}

/// Checks that the folder of a path exists.
///
/// # Errors
/// `Invalid` if it does not.
pub(crate) fn check_folder(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        let help = "make the folder, or give a path in another one";
        return Err(invalid(path, "the folder does not exist".to_owned(), help));
    }
    Ok(())
}

/// The error of a path that the agent cannot use.
pub(crate) fn invalid(path: &Path, reason: String, help: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, reason).at(path.display().to_string()).with_help(help)
}

/// Takes the lock of the path: a file beside it, which stays.
///
/// # Errors
/// `WouldBlock` if another agent has the lock.
pub(crate) fn lock(path: &Path) -> io::Result<File> {
    let file = open_lock(path, &lock_path(path), OpenOptions::new().create(true).truncate(false))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether the lock of the path can be taken as soon as no other agent has it. No file that this makes stays.
///
/// # Errors
/// As [`lock`], but for another agent.
pub(crate) fn can_be_locked(path: &Path) -> io::Result<()> {
    match open_lock(path, &lock_path(path), &mut OpenOptions::new()) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
            let trial = trial(path);
            open_lock(path, &trial, OpenOptions::new().create_new(true))?;
            std::fs::remove_file(trial)
        }
        found => found.map(drop),
    }
}

/// Opens the file of the lock of a path.
fn open_lock(path: &Path, lock: &Path, options: &mut OpenOptions) -> io::Result<File> {
    if path.file_name().is_none() {
        return Err(io::Error::other("the path has no file name"));
    }
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A link here would make a file in another place.
        options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    options.open(lock)
}

/// A name beside the path for what a check makes and removes: as long as that of the temporary file of a start.
pub(crate) fn trial(path: &Path) -> PathBuf {
    beside(path, &format!(".{:03x}", fastrand::u16(..0x1000)))
}

/// The file of the lock of a path.
pub(crate) fn lock_path(path: &Path) -> PathBuf {
    beside(path, ".lock")
}

/// `.NAME` with an ending, in the same folder.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}{ending}"))
}

/// A file of the system, whatever its path: its device and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(u64, u64);

#[cfg(unix)]
impl FileId {
    pub(crate) fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(metadata.dev(), metadata.ino())
    }

    #[cfg(test)]
    pub(crate) fn of_numbers(device: u64, number: u64) -> Self {
        Self(device, number)
    }
}

/// The file at a path; that of the link itself where there is one. `None` if the system does not tell.
pub(crate) fn file_id(path: &Path) -> Option<FileId> {
    #[cfg(unix)]
    return std::fs::symlink_metadata(path).ok().as_ref().map(FileId::of);
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// The number of a group, by its name in `/etc/group`.
fn group_id(group: &str) -> Result<u32, String> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let groups =
        std::fs::read_to_string("/etc/group").map_err(|error| format!("cannot read the groups: {error}"))?;
    let number = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == group).then(|| fields.nth(1)?.parse().ok())?
    });
    number.ok_or_else(|| format!("there is no group `{group}`"))
}
