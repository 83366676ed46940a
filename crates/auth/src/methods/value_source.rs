//! A secret that the program gives, or that a variable, a file, or the file in a variable `…_FILE` holds.
//!
//! Secrets of Docker, systemd and Kubernetes are files, so `YC_API_KEY` has the second form `YC_API_KEY_FILE`. Both at once
//! are an error: the two secrets may differ.

use std::path::PathBuf;
use std::time::Duration;

use super::secret_file::{SecretFile, read_within};
use super::value::named_variable;
use crate::secret::Secret;
use crate::system::{Pipe, System};
use crate::{Error, ErrorKind, Method};

/// How long one read may take: the file may be on a server that is down.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// A key or a token has at most 4 KiB. A much larger file is the wrong one.
const MAX_FILE: usize = 16 << 10;

/// Where a secret is.
#[derive(Clone, Debug)]
pub(super) enum ValueSource {
    Given(Secret),
    File(SecretFile),
    /// The variable with the secret, or the variable with the path of its file.
    Environment {
        value: &'static str,
        file: &'static str,
        pipe: Pipe,
    },
}

/// What a source has now.
pub(super) enum Found {
    Secret(Secret),
    File(SecretFile),
}

/// Reads one kind of secret in a text.
pub(super) type Parse = fn(&str) -> Result<Secret, Error>;

impl ValueSource {
    /// A given secret.
    ///
    /// # Errors
    /// `Invalid` if the value is of another kind.
    pub(super) fn given(raw: &str, parse: Parse, method: Method) -> Result<Self, Error> {
        parse(raw).map(Self::Given).map_err(|error| error.of(method))
    }

    /// The file at `path`.
    pub(super) fn file(path: impl Into<PathBuf>, name: &'static str) -> Self {
        Self::File(SecretFile::new(path, name))
    }

    /// The secret in the variable `value`, or in the file that the variable `file` names.
    pub(super) fn environment(value: &'static str, file: &'static str) -> Self {
        Self::Environment { value, file, pipe: Pipe::default() }
    }

    /// The place for errors and reports.
    pub(super) fn location(&self, system: &System) -> String {
        match self {
            Self::Given(_) => "given value".to_owned(),
            Self::File(file) => file.location(),
            Self::Environment { value, file, .. } => {
                let is_set = |name| system.variable(name).is_ok_and(|text| text.is_some());
                if is_set(file) && !is_set(value) { *file } else { *value }.to_owned()
            }
        }
    }

    /// The secret, or the file that holds it. Reads no file.
    ///
    /// # Errors
    /// `NotConfigured` if no variable is set, `Invalid` if both are, or if the value is of another kind.
    pub(super) fn find(&self, system: &System, parse: Parse) -> Result<Found, Error> {
        let (value, file, pipe) = match self {
            Self::Given(secret) => return Ok(Found::Secret(secret.clone())),
            Self::File(file) => return Ok(Found::File(file.clone())),
            Self::Environment { value, file, pipe } => (*value, *file, pipe),
        };
        if system.variable(file)?.is_none() {
            let help = format!("set {value}, or {file} to the path of a file, or choose another method");
            let text = named_variable(system, value, help)?;
            return parse(&text).map(Found::Secret).map_err(|error| error.at(value));
        }
        if system.variable(value)?.is_some() {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("{file} is set too, and the two values may differ"),
            )
            .at(value)
            .with_help(format!("unset {value} or {file}")));
        }
        SecretFile::from_variable(file, system).map(|file| Found::File(file.with_pipe(pipe)))
    }
}

/// The secret in a file.
///
/// # Errors
/// `Invalid` if the file does not exist or has another content, `Unavailable` if a later read may succeed.
pub(super) async fn read(file: &SecretFile, system: &System, parse: Parse) -> Result<Secret, Error> {
    let content = async {
        let text = file.read(system, MAX_FILE, ErrorKind::Invalid).await?;
        parse(&text).map_err(|error| error.at(file.location()))
    };
    read_within(READ_TIMEOUT, system, &file.location(), content).await
}
