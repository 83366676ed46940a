//! A file with a secret of the agent's own, which only its owner reads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// The largest file.
const MAX_FILE: u64 = 4 << 10;

/// The fewest characters of a secret.
pub(crate) const MIN_SECRET: usize = 16;

/// The text of a file that nobody else can read or has made.
///
/// # Errors
/// `NotFound` if there is none; another reason if the file is not fit for a secret.
pub(crate) fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let file = open(path)?;
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE as usize + 1));
    file.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other("the file is longer than 4096 bytes"));
    }
    Ok(text)
}

/// Opens a file that nobody else can read or has made.
///
/// # Errors
/// As [`read`].
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let file = open_regular(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let metadata = file.metadata()?;
        // The group of a file of root's has the right from root, as with the volume of a Secret in Kubernetes.
        let others = if metadata.uid() == 0 { 0o037 } else { 0o077 };
        if metadata.mode() & others != 0 {
            return Err(io::Error::other("others can read the file: set its mode to 0600"));
        }
        // Whoever has made the file knows what is in it.
        if metadata.uid() != 0 && metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other("the file belongs to another user"));
        }
    }
    Ok(file)
}

/// Opens a regular file. Anything else could hold up the agent for ever.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        rustix::fs::OFlags::NONBLOCK.bits().cast_signed(),
    );
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

/// Makes a file that only its owner reads, with its whole content at once, and returns what is in it: `text`, or what another
/// agent has written in the meantime.
///
/// # Errors
/// If none can be made.
pub(crate) fn create(path: &Path, text: &str) -> io::Result<Zeroizing<String>> {
    let temporary = temporary(path)?;
    let written = write_and_link(&temporary, path, text);
    let _ = fs::remove_file(&temporary);
    match written {
        Ok(()) => Ok(Zeroizing::new(text.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(path),
        Err(error) => Err(error),
    }
}

/// Whether a file that is missing can be made: by making one with another name, which does not stay.
///
/// # Errors
/// As [`create`].
pub(crate) fn can_be_made(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(io::Error::other("the folder does not exist"));
    }
    let (first, second) = (temporary(path)?, temporary(path)?);
    let made = write_and_link(&first, &second, "");
    for file in [first, second] {
        let _ = fs::remove_file(file);
    }
    made
}

/// A name that nobody else uses, in the same folder.
fn temporary(path: &Path) -> io::Result<PathBuf> {
    let name =
        path.file_name().ok_or_else(|| io::Error::other("the path has no file name"))?.to_string_lossy();
    Ok(path.with_file_name(format!(".{name}.{:016x}.tmp", fastrand::u64(..))))
}

/// Writes a new file, and gives it its second name when it is whole.
fn write_and_link(temporary: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // Not a rename: a file that is there already stays.
    fs::hard_link(temporary, path)
}

/// A secret that nobody can guess: 43 characters that every header and form takes as they are.
pub(crate) fn random() -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; 32]);
    let filled = SystemRandom::new().fill(&mut *bytes);
    filled.map_err(|_| io::Error::other("the system has no random numbers"))?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "so a test fails")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("yc-auth-secret-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_is_made_whole_and_once() {
        let folder = folder("create");
        let path = folder.join("key");
        assert_eq!(create(&path, "first").unwrap().as_str(), "first");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(create(&path, "second").unwrap().as_str(), "first", "the other agent's file counts");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary file stays");
        assert!(create(&folder.join("missing/key"), "text").is_err());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_trial_leaves_nothing_behind() {
        let folder = folder("trial");
        let path = folder.join("key");
        can_be_made(&path).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        // A name that leaves no room for that of the temporary file.
        let long = folder.join("x".repeat(250));
        assert!(create(&long, "text").is_err() && can_be_made(&long).is_err());
        assert!(
            can_be_made(&folder.join("missing/key")).is_err() && can_be_made(&folder.join("..")).is_err()
        );
        fs::remove_dir_all(folder).unwrap();
    }

    /// As in the volume of a Secret in Kubernetes, with `defaultMode: 0440` and `fsGroup`.
    #[test]
    fn a_file_of_root_may_have_readers_in_its_group() {
        let folder = folder("group");
        let path = folder.join("key");
        create(&path, "text").unwrap();
        let read_with = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            read(&path).is_ok()
        };
        let is_root = rustix::process::geteuid().is_root();
        assert_eq!([0o400, 0o440, 0o640].map(read_with), [true, is_root, is_root]);
        assert_eq!([0o460, 0o404, 0o450, 0o444].map(read_with), [false; 4]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_file_of_a_secret_is_refused_at_once() {
        let folder = folder("read");
        let path = folder.join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for (path, reason) in [(&path, "not a regular file"), (&folder, "not a regular file")] {
            assert!(read(path).unwrap_err().to_string().contains(reason), "{}", path.display());
        }
        let long = folder.join("long");
        create(&long, &"x".repeat(4097)).unwrap();
        assert!(read(&long).unwrap_err().to_string().contains("longer"));
        assert_eq!(read(&folder.join("missing")).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::remove_dir_all(folder).unwrap();
    }
}
