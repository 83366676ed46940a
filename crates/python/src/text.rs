//! From Python's values to Rust's. A text may be a secret, so no error shows one.
//!
//! The conversion of the binding puts a text with a lone surrogate into the `UnicodeEncodeError`, whole. So texts are
//! converted here.

use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use yandex_cloud_auth::{Error, ErrorKind};
use zeroize::Zeroizing;

use crate::errors::to_python;

/// A text that Python passes as the argument `name`.
pub(crate) fn text(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Zeroizing<String>> {
    let Ok(string) = value.cast::<PyString>() else { return Err(wrong_type(value, name, "str")) };
    match string.to_str() {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(not_text(value.py(), name)),
    }
}

/// The same for an argument that may be left out.
pub(crate) fn optional_text(
    value: Option<&Bound<'_, PyAny>>,
    name: &str,
) -> PyResult<Option<Zeroizing<String>>> {
    value.map(|value| text(value, name)).transpose()
}

/// The same for a text that is no secret, such as an address.
pub(crate) fn optional_name(value: Option<&Bound<'_, PyAny>>, name: &str) -> PyResult<Option<String>> {
    Ok(optional_text(value, name)?.map(|text| text.to_string()))
}

/// A path: a `str`, or an object with `__fspath__`.
pub(crate) fn path(value: &Bound<'_, PyAny>, name: &str) -> PyResult<PathBuf> {
    let is_path = value.is_instance_of::<PyString>() || value.hasattr("__fspath__")?;
    if !is_path || value.is_instance_of::<PyBytes>() {
        return Err(wrong_type(value, name, "str or os.PathLike"));
    }
    let plain = value.py().import("os")?.call_method1("fspath", (value,))?;
    match plain.extract::<OsString>() {
        Ok(path) => Ok(PathBuf::from(path)),
        Err(_) => Err(not_text(value.py(), name)),
    }
}

/// The same for an argument that may be left out.
pub(crate) fn optional_path(value: Option<&Bound<'_, PyAny>>, name: &str) -> PyResult<Option<PathBuf>> {
    value.map(|value| path(value, name)).transpose()
}

/// A list of texts; a single text is refused, since it would be a list of letters.
pub(crate) fn texts(value: Option<&Bound<'_, PyAny>>, name: &str) -> PyResult<Vec<Zeroizing<String>>> {
    let Some(value) = value else { return Ok(Vec::new()) };
    if value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() {
        return Err(wrong_type(value, name, "a list of str"));
    }
    value.try_iter()?.map(|item| text(&item?, name)).collect()
}

fn wrong_type(value: &Bound<'_, PyAny>, name: &str, wanted: &str) -> PyErr {
    let found = value.get_type().name().map_or_else(|_| "another type".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{name} must be {wanted}, not {found}"))
}

fn not_text(py: Python<'_>, name: &str) -> PyErr {
    let error = Error::new(ErrorKind::Invalid, "the text has a lone surrogate, so it is not valid Unicode")
        .at(name)
        .with_help("decode the bytes of the value as ASCII or UTF-8, without `surrogateescape`");
    to_python(py, &error)
}
