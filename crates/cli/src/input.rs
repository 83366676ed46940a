//! The value of `--auth`, from wherever it comes: bounded in size and in time, wiped when done with.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use yandex_cloud_auth::{Error, ErrorKind};
use zeroize::{Zeroize, Zeroizing};

use crate::arguments::Auth;
use crate::credentials::Deadline;

/// The most that is read. A key or token is far shorter; a service account key has some 3 KiB.
const LIMIT: usize = 1 << 20;

/// A value, and where it stood.
pub(crate) struct Value {
    pub(crate) text: Zeroizing<String>,
    pub(crate) place: String,
}

/// Reads the value.
///
/// # Errors
/// `Invalid` where it cannot be read or is no text; `Unavailable` where it does not end in time.
pub(crate) fn read(auth: &Auth, deadline: Deadline) -> Result<Value, Error> {
    match auth {
        Auth::Given(text) => Ok(Value { text: text.clone(), place: "--auth".to_owned() }),
        Auth::NotText => Err(not_text("--auth")),
        Auth::Stdin => within(deadline, "standard input".to_owned(), || bounded(io::stdin().lock())),
        Auth::File(path) if path.as_os_str().is_empty() => {
            Err(Error::new(ErrorKind::Invalid, "there is no file name after the `@`")
                .at("--auth")
                .with_help("give `--auth @FILE`, or `--auth -` for standard input"))
        }
        Auth::File(path) => {
            let place = path.display().to_string();
            let path = path.clone();
            within(deadline, place, move || open(&path).and_then(bounded))
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

/// Reads in a thread of its own where time is limited: neither opening a pipe nor reading one can be given up.
fn within(
    deadline: Deadline,
    place: String,
    read: impl FnOnce() -> io::Result<Zeroizing<Vec<u8>>> + Send + 'static,
) -> Result<Value, Error> {
    let content = match deadline.remaining() {
        None => read(),
        Some(remaining) => {
            let (done, result) = mpsc::channel();
            thread::spawn(move || done.send(read()));
            match result.recv_timeout(remaining) {
                Ok(content) => content,
                Err(_) => return Err(deadline.passed("the value did not end").at(place)),
            }
        }
    };
    let content = content.map_err(|error| unreadable(&error).at(&place))?;
    match std::str::from_utf8(&content) {
        Ok(text) => Ok(Value { text: Zeroizing::new(text.to_owned()), place }),
        Err(_) => Err(not_text(&place)),
    }
}

fn not_text(place: &str) -> Error {
    Error::new(ErrorKind::Invalid, "the value is not UTF-8 text")
        .at(place)
        .with_help("save it as plain text, without a byte order mark")
}

fn unreadable(error: &io::Error) -> Error {
    let help = match error.kind() {
        io::ErrorKind::FileTooLarge => "a key or token is some hundred bytes long: is this the right file?",
        _ => "give the path of a readable file that holds the key or token alone",
    };
    Error::new(ErrorKind::Invalid, format!("cannot be read: {error}")).with_help(help)
}

/// Reads to the end, and leaves no copy behind while the buffer grows.
fn bounded(mut from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(vec![0; 16 << 10]);
    let mut length = 0;
    loop {
        if length == content.len() {
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
            assert_eq!(bounded(&vec![b'a'; length][..]).unwrap().len(), length);
        }
        assert_eq!(bounded(io::repeat(b'a')).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(bounded(&vec![b'a'; LIMIT + 1][..]).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
