//! A file with a secret: reading it in bounded size, and the errors.
//!
//! The file is opened for each read, so that a new file after a rename, or after a change of a link, is read.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::in_seconds;
use crate::recognize;
use crate::secret::redact;
use crate::system::{FileMode, Pipe, System};
use crate::{Error, ErrorKind};

/// A path, and a name for it in errors.
#[derive(Clone)]
pub(super) struct SecretFile {
    path: PathBuf,
    /// The content, if the file is a pipe.
    pipe: Pipe,
    /// The name for errors that must not show the path.
    name: &'static str,
    /// What to do if the file does not exist.
    help_if_missing: &'static str,
}

/// What to do about a missing file that another program keeps up to date.
const WRITTEN_BY_A_PROGRAM: &str = "check the path, and whether the program that writes the file has run";

/// What to do about a missing file that a person creates once.
#[cfg(feature = "service-account-key")]
pub(super) const WRITTEN_ONCE: &str = "check the path: a relative path counts from the current folder";

/// How long to wait for the mode of a file. The mode is only for a warning, so a fetch must not wait long for it.
const MODE_TIMEOUT: Duration = Duration::from_secs(1);

impl SecretFile {
    pub(super) fn new(path: impl Into<PathBuf>, name: &'static str) -> Self {
        Self { path: path.into(), pipe: Pipe::default(), name, help_if_missing: WRITTEN_BY_A_PROGRAM }
    }

    /// With the content of a pipe that an earlier value of this type has read. A method keeps `pipe`, because it makes
    /// the file of a variable anew for each use.
    pub(super) fn with_pipe(self, pipe: &Pipe) -> Self {
        Self { pipe: pipe.clone(), ..self }
    }

    /// With another help for a file that does not exist.
    #[cfg(any(feature = "profile", feature = "service-account-key"))]
    pub(super) fn help_if_missing(self, help_if_missing: &'static str) -> Self {
        Self { help_if_missing, ..self }
    }

    /// The file whose path is the value of a variable.
    ///
    /// # Errors
    /// `NotConfigured` if the variable is not set, `Invalid` if the value is the secret instead of a path.
    pub(super) fn from_variable(variable: &'static str, system: &System) -> Result<Self, Error> {
        let Some(value) = system.variable(variable)? else {
            return Err(Error::new(ErrorKind::NotConfigured, "the variable is not set")
                .at(variable)
                .with_help(format!("set {variable} to the path of a file, or choose another method")));
        };
        let path = recognize::path_only(&value).map_err(|error| error.at(variable))?;
        Ok(Self::new(path.as_str(), variable))
    }

    /// The name in errors and reports: the path as it was given, unless the path may be a secret, given by mistake.
    pub(super) fn location(&self) -> String {
        if is_path(&self.path) { redact(&self.path.to_string_lossy(), &[]) } else { self.name.to_owned() }
    }

    /// The warning about a file that every user of the machine can read.
    pub(super) async fn mode_warning(&self, system: &System) -> Option<String> {
        let mode = system.within(MODE_TIMEOUT, system.file_mode(&self.path)).await??;
        let FileMode { bits, is_read_only } = mode;
        // Nobody can change the mode of a file on such a mount: the mount decides about it.
        let advice = match is_read_only {
            true => "mount the secret with a narrower mode (in Kubernetes: `defaultMode: 0400`)",
            false => "`chmod 600` it",
        };
        (bits & 0o004 != 0)
            .then(|| format!("every user of this machine can read the file (mode {bits:04o}); {advice}"))
    }

    /// Reads the file as text, without a byte order mark.
    ///
    /// # Errors
    /// The kind `missing` if the file does not exist, `Invalid` if the file has to be corrected, `Unavailable` if a
    /// later read may succeed.
    pub(super) async fn read(
        &self,
        system: &System,
        limit: usize,
        missing: ErrorKind,
    ) -> Result<Zeroizing<String>, Error> {
        system.begin_step(&format!("the file {}", self.location()));
        let content = system.read_file(&self.path, limit, &self.pipe).await;
        let content = content.map_err(|error| self.unreadable(error, limit, missing))?;
        recognize::text(&content).map_err(|error| error.at(self.location()))
    }

    fn unreadable(&self, error: io::Error, limit: usize, missing: ErrorKind) -> Error {
        use io::ErrorKind::{
            FileTooLarge, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound,
            PermissionDenied,
        };
        let (kind, reason, help) = match error.kind() {
            NotFound | NotADirectory => (missing, "the file does not exist".to_owned(), self.help_if_missing),
            IsADirectory => (
                ErrorKind::Invalid,
                "the path is a directory".to_owned(),
                "give the path of a file in the directory",
            ),
            PermissionDenied => (
                ErrorKind::Invalid,
                "this process may not read the file".to_owned(),
                "check the owner and the mode of the file and of the directories above it",
            ),
            FileTooLarge => (
                ErrorKind::Invalid,
                format!("the file is larger than {} KiB", limit >> 10),
                "check the path: the secret is much smaller",
            ),
            InvalidFilename | InvalidInput => {
                (ErrorKind::Invalid, "the value is not a valid path".to_owned(), "check the path")
            }
            _ => (
                ErrorKind::Unavailable,
                format!("the file cannot be read: {error}"),
                "check the disk or the file server",
            ),
        };
        Error::new(kind, reason).at(self.location()).with_help(help).with_source(error)
    }
}

/// The extensions of files that hold a key or a token.
const EXTENSIONS: [&str; 12] =
    ["b64", "cfg", "conf", "env", "json", "jwt", "key", "pem", "secret", "token", "txt", "yaml"];

/// The longest part of a path that cannot be a secret without a documented shape. Keys and tokens are longer.
const LONGEST_PART: usize = 24;

/// Whether a value is the path of a file, and not a secret in its place.
fn is_path(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    if path.is_absolute()
        || path.starts_with(".")
        || path.starts_with("..")
        || extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
    {
        return true;
    }
    let text = path.to_string_lossy();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b" -._".contains(&byte);
    text.split(['/', '\\']).all(|part| part.len() <= LONGEST_PART && part.bytes().all(is_plain))
        && redact(&text, &[]) == text
}

/// The error for a content that may be the beginning of a secret: its writer has not finished, or was killed.
pub(super) fn half_written(reason: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, reason)
        .with_help("the file may be half written; write to another file and rename it into place")
}

/// Bounds a read of the file at `location`: a file may be a pipe, or on a server that does not respond.
///
/// # Errors
/// As `read`; `Unavailable` after `limit`.
pub(super) async fn read_within<T>(
    limit: Duration,
    system: &System,
    location: &str,
    read: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    system.within(limit, read).await.unwrap_or_else(|| {
        Err(Error::new(ErrorKind::Unavailable, format!("the file was not read within {}", in_seconds(limit)))
            .at(location)
            .with_help("check the file: it may be a pipe without a writer, or on a file server that is down")
            .without_retry())
    })
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.location())
    }
}
