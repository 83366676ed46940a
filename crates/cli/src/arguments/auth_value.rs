//! The value of `--auth`: the argument itself, standard input, or a file.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use zeroize::Zeroizing;

/// Where the key or token is; `input.rs` reads it.
#[derive(Clone)]
pub(crate) enum AuthValue {
    /// The argument is the value.
    Inline(Zeroizing<String>),
    /// The argument is not UTF-8 text.
    NotText,
    /// `-`: the value is on standard input.
    Stdin,
    /// `@FILE`: the value is in a file.
    File(PathBuf),
}

impl From<OsString> for AuthValue {
    fn from(argument: OsString) -> Self {
        let bytes = argument.as_encoded_bytes();
        if bytes == b"-" {
            return Self::Stdin;
        }
        if bytes.first() == Some(&b'@') {
            return Self::File(file_name(&argument));
        }
        argument.into_string().map_or(Self::NotText, |text| Self::Inline(Zeroizing::new(text)))
    }
}

/// The part after the `@`. On Unix a file name can be any bytes.
fn file_name(argument: &OsStr) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        PathBuf::from(OsStr::from_bytes(&argument.as_bytes()[1..]))
    }
    #[cfg(not(unix))]
    {
        PathBuf::from(argument.to_string_lossy()[1..].to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_character_says_where_the_value_is() {
        let value = |text: &str| AuthValue::from(OsString::from(text));
        assert!(matches!(value("-"), AuthValue::Stdin));
        assert!(matches!(value("@key.txt"), AuthValue::File(path) if path.as_os_str() == "key.txt"));
        assert!(matches!(value("fake"), AuthValue::Inline(text) if *text == "fake"));
        assert!(matches!(value(""), AuthValue::Inline(_)));
    }
}
