//! From the library's error to the exceptions of the package, which are Python classes: so they can be pickled.
//!
//! Nothing of Python is kept in a static here: each interpreter of the process has classes of its own.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use yandex_cloud_auth::{Error, ErrorKind};

use crate::report;

/// The exception for an error. If the exception cannot be made, the error of that.
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    let exception = || {
        let module = py.import("yandex_cloud_auth._errors")?;
        module.call_method1("exception", parts(py, error)?)
    };
    match exception() {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// The value, or the exception for the error.
pub(crate) fn checked<T>(py: Python<'_>, result: Result<T, Error>) -> PyResult<T> {
    result.map_err(|error| to_python(py, &error))
}

/// What `_errors.exception` makes the exception of. Calls no code of Python's.
pub(crate) fn parts<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyTuple>> {
    let class = match error.kind() {
        ErrorKind::NotConfigured => "NotConfigured",
        ErrorKind::Invalid => "InvalidCredential",
        ErrorKind::Unavailable => "Unavailable",
        ErrorKind::Refused => "Refused",
        ErrorKind::Expired => "Expired",
        ErrorKind::Blocked => "Blocked",
        _ => "AuthError",
    };
    (
        class,
        error.to_string(),
        error.help(),
        error.method().map(|method| method.name()),
        error.location(),
        error.reason(),
        error.retry_after().map(|wait| wait.as_secs_f64()),
        error.report().map(|report| report::parts(py, report)).transpose()?,
    )
        .into_pyobject(py)
}
