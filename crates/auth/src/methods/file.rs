//! A file that a person has named: how it is read in bounded time, and what its failures are called.
//!
//! Opened anew for each look, so that a file put in its place by a rename, or behind a link that has moved, is seen.

use std::fmt;
use std::io;
#[cfg(feature = "service-account-key")]
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::secret::{Shape, redact};
use crate::system::System;
use crate::{Error, ErrorKind};

/// A path and who named it.
#[derive(Clone)]
pub(super) struct NamedFile {
    path: PathBuf,
    /// What it is called where the path is not fit to show.
    by: &'static str,
}

impl NamedFile {
    pub(super) fn new(path: impl Into<PathBuf>, by: &'static str) -> Self {
        Self { path: path.into(), by }
    }

    /// The file whose path is the value of a variable.
    ///
    /// # Errors
    /// `NotConfigured` where it is not set, `Invalid` where the value is what should be in the file.
    pub(super) fn from_variable(variable: &'static str, system: &System) -> Result<Self, Error> {
        let Some(value) = system.variable(variable)? else {
            return Err(Error::new(ErrorKind::NotConfigured, "the variable is not set")
                .at(variable)
                .with_help(format!("set {variable} to the path of a file, or choose another method")));
        };
        let is_content = Shape::of(&value) != Shape::Unknown
            || ["{", "eyJ", "AQVN"].iter().any(|start| value.starts_with(start))
            || value.contains("-----BEGIN ")
            || value.contains(['\n', '\0']);
        if is_content {
            return Err(Error::new(ErrorKind::Invalid, "the value is a secret, not the path of a file")
                .at(variable)
                .with_help(format!("set {variable} to the path of a file that holds it")));
        }
        Ok(Self::new(value.as_str(), variable))
    }

    /// What it is called in errors and reports: its path, where that cannot be a token that was given by slip.
    pub(super) fn location(&self) -> String {
        let plain = self.path.is_absolute()
            || self.path.starts_with(".")
            || self.path.starts_with("..")
            || self.path.extension().is_some_and(|extension| extension == "json");
        if plain { redact(&self.path.to_string_lossy(), &[]) } else { self.by.to_owned() }
    }

    /// Its path, for more than its content.
    #[cfg(feature = "service-account-key")]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The whole of it as text, without a byte order mark.
    ///
    /// # Errors
    /// Of the kind `missing` where there is no such file, `Invalid` where somebody has to mend it, `Unavailable` where it
    /// may work later.
    pub(super) async fn read(
        &self,
        system: &System,
        limit: usize,
        missing: ErrorKind,
    ) -> Result<Zeroizing<String>, Error> {
        let content = system.read_file(&self.path, limit).await;
        let content = Zeroizing::new(content.map_err(|error| self.unreadable(error, limit, missing))?);
        let text = std::str::from_utf8(&content).map_err(|_| {
            Error::new(ErrorKind::Invalid, "the file is not text (not UTF-8)")
                .at(self.location())
                .with_help("look at what writes the file, and at its encoding")
        })?;
        Ok(Zeroizing::new(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned()))
    }

    fn unreadable(&self, error: io::Error, limit: usize, missing: ErrorKind) -> Error {
        use io::ErrorKind::{
            FileTooLarge, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound,
            PermissionDenied,
        };
        let (kind, reason, help) = match error.kind() {
            NotFound | NotADirectory => (
                missing,
                "there is no such file".to_owned(),
                "look at the path, and at whether what writes the file has run",
            ),
            IsADirectory => {
                (ErrorKind::Invalid, "it is a directory".to_owned(), "give the path of the file in it")
            }
            PermissionDenied => (
                ErrorKind::Invalid,
                "this process may not read it".to_owned(),
                "look at the owner and the mode of the file and of the directories above it",
            ),
            FileTooLarge => (
                ErrorKind::Invalid,
                format!("it is larger than {} KiB", limit >> 10),
                "this is another file than was meant; look at the path",
            ),
            InvalidFilename | InvalidInput => {
                (ErrorKind::Invalid, "this cannot be a path".to_owned(), "look at the path")
            }
            _ => (
                ErrorKind::Unavailable,
                format!("it cannot be read: {error}"),
                "look at the disk or the server that the file is on; it is read again by and by",
            ),
        };
        Error::new(kind, reason).at(self.location()).with_help(help).with_source(error)
    }
}

/// The error of a file that is not read in time.
pub(super) fn unread(limit: Duration) -> Error {
    Error::new(ErrorKind::Unavailable, format!("not read within {limit:?}"))
        .with_help("the file is a pipe without a writer, or on a server that is down")
}

impl fmt::Debug for NamedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.location())
    }
}
