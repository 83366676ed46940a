//! From Python's values to Rust's. The Python half (`_values.py`) has checked them: a `str` has no lone surrogate, and a path
//! is `bytes`. Only C of the interpreter runs here.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use zeroize::Zeroizing;

/// A text, which may be a secret.
pub(crate) fn text(value: &Bound<'_, PyString>) -> Zeroizing<String> {
    Zeroizing::new(value.to_string_lossy().into_owned())
}

/// A text that is no secret, such as an address, for an argument that may be left out.
pub(crate) fn name(value: Option<&Bound<'_, PyString>>) -> Option<String> {
    value.map(|value| value.to_string_lossy().into_owned())
}

/// A path, as `os.fsencode` gives it.
#[cfg(unix)]
pub(crate) fn path(value: &Bound<'_, PyBytes>) -> PathBuf {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(value.as_bytes()).into()
}

/// A path, as `os.fsencode` gives it: UTF-8 on Windows.
#[cfg(not(unix))]
pub(crate) fn path(value: &Bound<'_, PyBytes>) -> PathBuf {
    String::from_utf8_lossy(value.as_bytes()).into_owned().into()
}
