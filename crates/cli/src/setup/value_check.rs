//! Whether a file with a secret suits the tool: the path is one that a tool can read again, and the content is a key or
//! token of the right kind. Asks no service.

use std::fs;
use std::path::Path;

use yandex_cloud_auth::{Error, ErrorKind, Method, ServiceAccountKeyAuth};

use super::choice::{absolute, into_a_file};
use crate::arguments::{AuthOptions, MethodName};
use crate::credentials;
use crate::deadline::Deadline;

/// The folders whose files are those of a process or of a device.
const OF_PROCESSES: [&str; 2] = ["/dev", "/proc"];

/// The absolute path of a file that a tool can read again.
///
/// # Errors
/// `Invalid` with the path, or without it where the value can be the secret itself.
pub(super) fn readable_path(path: &Path, flag: &str, prefix: &str, location: &str) -> Result<String, Error> {
    let refused = |reason: &str, location: String| {
        let help = into_a_file("the key or token", &format!("{flag} {prefix}FILE"));
        Err(Error::new(ErrorKind::Invalid, reason).at(location).with_help(help))
    };
    let found = fs::metadata(path);
    if let (Err(_), Some(text)) = (&found, path.to_str()) {
        if is_key_itself(text) {
            let reason = "the value is the key itself, and `setup` writes no secret to the files of a tool";
            return refused(reason, location.to_owned());
        }
        // An unreplaced variable, a placeholder, a `~`, another secret: the text is never shown.
        ServiceAccountKeyAuth::from_path_or_json(text).map_err(|error| error.at(location))?;
    }
    let shown = absolute(path)?;
    let place = format!("{location}: {shown}");
    if OF_PROCESSES.iter().any(|folder| Path::new(&shown).starts_with(folder)) {
        return refused("a tool cannot read the input of this process again", place);
    }
    match found {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => refused("there is no such file", place),
        Err(error) => refused(&format!("cannot be read: {error}"), place),
        Ok(found) if !found.is_file() => refused("a tool cannot read a pipe or a folder again", place),
        Ok(_) => Ok(shown),
    }
}

/// Whether the text is a key, perhaps a damaged one, and no path.
pub(super) fn is_key_itself(text: &str) -> bool {
    text.trim_start().starts_with('{') || ServiceAccountKeyAuth::new(text).is_ok()
}

/// The method of the value in the file. `wanted` says what the value has to be.
///
/// # Errors
/// `Invalid` with the path, if the content is no key or token, or one of another kind.
pub(super) fn method_of(
    path: &str,
    wanted: Option<MethodName>,
    options: &AuthOptions,
    deadline: Deadline,
) -> Result<Option<Method>, Error> {
    let credentials = credentials::of_file(path, wanted, options, deadline).map_err(|error| {
        let is_other = ["an IAM token", "an OAuth token", "an API key"]
            .iter()
            .any(|kind| error.reason().starts_with(&format!("the value is {kind}")));
        match wanted {
            Some(MethodName::ServiceAccountKey) if is_other => error.with_help(
                "`--key-file` takes the JSON of a service account key: give a file with a key or token of another kind as `--auth @FILE`",
            ),
            _ => error,
        }
    })?;
    Ok(credentials.method().or(wanted.map(MethodName::method)))
}
