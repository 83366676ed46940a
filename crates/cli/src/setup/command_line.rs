//! The command that `setup` writes: the absolute path of this program, its arguments, and the quotes of each place.

use std::env;
use std::path::{Path, PathBuf};

use yandex_cloud_auth::{Error, ErrorKind};

use crate::quoting;

/// A command with its arguments.
#[derive(Clone, Debug)]
pub(super) struct CommandLine {
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
}

impl CommandLine {
    /// The command as one line for `sh -c`. Python's `shlex` reads the line alike.
    pub(super) fn for_shell(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        words.map(|word| quoting::sh(word)).collect::<Vec<_>>().join(" ")
    }

    /// The command as a line of a systemd unit.
    pub(super) fn for_systemd(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        words.map(|word| systemd_word(word)).collect::<Vec<_>>().join(" ")
    }
}

/// The absolute path by which the user has called this program: a link stays, because an update of the program moves what
/// the link names.
///
/// # Errors
/// If there is no such path, or if the path is not text.
pub(super) fn own_path() -> Result<String, Error> {
    let real = env::current_exe().map_err(|error| unknown(&error.to_string()))?;
    let called = env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let candidate = if called.components().count() > 1 {
        std::path::absolute(&called).ok()
    } else {
        let folders = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>());
        let mut files = folders.unwrap_or_default().into_iter().map(|folder| folder.join(&called));
        files.find(|file| file.is_absolute() && file.is_file())
    };
    let is_this = |path: &PathBuf| {
        path.canonicalize().is_ok_and(|path| real.canonicalize().is_ok_and(|real| real == path))
    };
    let path = candidate.filter(is_this).unwrap_or(real);
    path.into_os_string().into_string().map_err(|path| unknown(&format!("{} is not UTF-8", path.display())))
}

fn unknown(reason: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("the path of yc-auth cannot be written to a file: {reason}"))
        .with_help("install yc-auth in a folder whose path is plain text")
}

/// Whether a command line runs `yc-auth`, or is its name alone.
pub(super) fn runs_yc_auth(line: &str) -> bool {
    let line = line.strip_prefix('!').unwrap_or(line);
    let program = first_word(line);
    let name = Path::new(&program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_suffix(".exe").unwrap_or(name) == "yc-auth"
}

/// The first word as a shell reads it.
fn first_word(line: &str) -> String {
    let (mut word, mut quote, mut characters) = (String::new(), None, line.trim_start().chars());
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), character) if open == character => quote = None,
            (None | Some('"'), '\\') => word.extend(characters.next()),
            (None, character) if character.is_whitespace() => break,
            (_, character) => word.push(character),
        }
    }
    word
}

/// The text as one word of `ExecStart=`.
fn systemd_word(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@+=,%$".contains(character);
    if !escaped.is_empty() && escaped.chars().all(is_plain) { escaped } else { format!("\"{escaped}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_has_each_word_as_it_was() {
        assert_eq!(systemd_word("50 % of $HOME \"x\""), r#""50 %% of $$HOME \"x\"""#);
    }

    #[test]
    fn a_command_of_yc_auth_is_known_by_its_program() {
        for line in [
            "yc-auth",
            "/opt/yc-auth token",
            "'/a b/yc-auth' x",
            "!'/a b/yc-auth' credential git",
            "C:/bin/yc-auth.exe",
        ] {
            assert!(runs_yc_auth(line), "{line}");
        }
        for line in ["", "yc", "/bin/echo yc-auth", "my-yc-auth", "'/opt/yc-auth token'", "yc-authority"] {
            assert!(!runs_yc_auth(line), "{line}");
        }
    }
}
