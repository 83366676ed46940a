//! Reads the value of `--auth`, and what a tool asks its hook: bounded in size and in time, wiped after use.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use yandex_cloud_auth::{Error, ErrorKind};
use zeroize::{Zeroize, Zeroizing};

use crate::arguments::AuthValue;
use crate::deadline::Deadline;
#[cfg(unix)]
use crate::prompt::Prompt;

/// The size limit. Keys and tokens are far shorter; a service account key has about 3 KiB.
const LIMIT: usize = 1 << 20;

/// A value and its location, which errors name.
pub(crate) struct Value {
    pub(crate) text: Zeroizing<String>,
    pub(crate) location: String,
}

/// Reads the value.
///
/// # Errors
/// `Invalid` where the value cannot be read or is not text; `Unavailable` where the input does not end in time.
pub(crate) fn read(auth: &AuthValue, deadline: Deadline) -> Result<Value, Error> {
    match auth {
        // Most likely a script expanded an unset variable.
        AuthValue::Inline(text) if text.trim().is_empty() => {
            Err(Error::new(ErrorKind::Invalid, "the value is empty")
                .at("--auth")
                .with_help("give a value, or leave --auth out; `--auth -` reads standard input"))
        }
        AuthValue::Inline(text) => Ok(Value { text: text.clone(), location: "--auth".to_owned() }),
        AuthValue::NotText => Err(not_text("--auth")),
        AuthValue::Stdin => read_stdin(deadline),
        AuthValue::File(path) if path.as_os_str().is_empty() => {
            Err(Error::new(ErrorKind::Invalid, "there is no file name after the `@`")
                .at("--auth")
                .with_help("give `--auth @FILE`, or `--auth -` for standard input"))
        }
        AuthValue::File(path) => {
            let location = path.display().to_string();
            let path = path.clone();
            read_in_time(deadline, location, move || open(&path).and_then(read_all))
        }
    }
}

/// Reads standard input to its end; on a terminal, asks for the value and reads to the end of the line.
fn read_stdin(deadline: Deadline) -> Result<Value, Error> {
    let location = "standard input".to_owned();
    #[cfg(unix)]
    if let Some(_prompt) = Prompt::show().map_err(|error| unreadable(&error).at(&location))? {
        return read_in_time(deadline, location, || read_until(io::stdin().lock(), is_typed_whole));
    }
    read_in_time(deadline, location, || read_all(io::stdin().lock()))
}

/// Reads the question of the tool that runs this command, to the end of standard input or until it is whole.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_question(
    deadline: Deadline,
    is_whole: fn(&[u8]) -> bool,
) -> Result<Zeroizing<String>, Error> {
    let location = "standard input".to_owned();
    let question = read_in_time(deadline, location, move || read_until(io::stdin().lock(), is_whole));
    let help = "the tool that runs this command writes its question to standard input";
    question.map(|value| value.text).map_err(|error| error.with_help(help))
}

/// Reads standard input to its end, and forgets it: the writer must not find a closed pipe.
pub(crate) fn drain(deadline: Deadline) {
    let _ = read_question(deadline, |_| false);
}

/// Whether this is all of a value that a person types or pastes: a line, or the lines of a JSON object.
#[cfg(unix)]
fn is_typed_whole(content: &[u8]) -> bool {
    let text = content.trim_ascii();
    content.ends_with(b"\n")
        && (!text.starts_with(b"{") || serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok())
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

/// Reads on a thread of its own where time is limited: opening and reading a pipe cannot be interrupted.
fn read_in_time(
    deadline: Deadline,
    location: String,
    read: impl FnOnce() -> io::Result<Zeroizing<Vec<u8>>> + Send + 'static,
) -> Result<Value, Error> {
    let content = match deadline.remaining() {
        None => read(),
        Some(remaining) => {
            let (sender, receiver) = mpsc::channel();
            let started = thread::Builder::new().spawn(move || sender.send(read()));
            started.map_err(|error| unreadable(&error).at(&location))?;
            match receiver.recv_timeout(remaining) {
                Ok(content) => content,
                Err(_) => return Err(deadline.exceeded("the input did not end", None).at(location)),
            }
        }
    };
    let content = content.map_err(|error| unreadable(&error).at(&location))?;
    match std::str::from_utf8(&content) {
        Ok(text) => Ok(Value { text: Zeroizing::new(text.to_owned()), location }),
        Err(_) => Err(not_text(&location)),
    }
}

fn not_text(location: &str) -> Error {
    Error::new(ErrorKind::Invalid, "the value is not UTF-8 text")
        .at(location)
        .with_help("save the value as plain text in UTF-8; in PowerShell: `Out-File -Encoding ascii`")
}

fn unreadable(error: &io::Error) -> Error {
    use io::ErrorKind::{
        FileTooLarge, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied,
    };
    // Only these are about the file that was named. Of the others, such as too many open files, a later run may be
    // free.
    let kind = match error.kind() {
        FileTooLarge | InvalidFilename | InvalidInput | IsADirectory | NotADirectory | NotFound
        | PermissionDenied => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    };
    let help = match error.kind() {
        FileTooLarge => "check that this is the right file: a key or token has a few hundred bytes",
        _ => "give the path of a readable file that holds only the key or token",
    };
    Error::new(kind, format!("cannot be read: {error}")).with_help(help)
}

/// Reads to the end.
fn read_all(from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    read_until(from, |_| false)
}

/// Reads until the content is whole, or to the end. Wipes each outgrown buffer.
fn read_until(mut from: impl Read, is_whole: impl Fn(&[u8]) -> bool) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(vec![0; 16 << 10]);
    let mut length = 0;
    loop {
        if length == content.len() {
            // `Vec` itself would leave the old bytes in freed memory.
            let mut larger = Zeroizing::new(vec![0; content.len() * 4]);
            larger[..length].copy_from_slice(&content);
            content.zeroize();
            content = larger;
        }
        match from.read(&mut content[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if length > LIMIT {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB"));
        }
        if is_whole(&content[..length]) {
            break;
        }
    }
    content.truncate(length);
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_up_to_the_limit_and_no_further() {
        for length in [0, 1, (16 << 10) - 1, 16 << 10, (16 << 10) + 1, LIMIT] {
            assert_eq!(read_all(&vec![b'a'; length][..]).unwrap().len(), length);
        }
        assert_eq!(read_all(io::repeat(b'a')).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_all(&vec![b'a'; LIMIT + 1][..]).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
