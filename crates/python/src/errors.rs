//! From the library's error to the exceptions of the package, which are Python classes: so they can be pickled.
//!
//! Nothing of Python is kept in a static here: each interpreter of the process has classes of its own.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use yandex_cloud_auth::{Error, ErrorKind};

use crate::report;

/// The exception for an error. If the exception cannot be made, the error of that.
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    match exception(py, error) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// The exception itself.
pub(crate) fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let class = match error.kind() {
        ErrorKind::NotConfigured => "NotConfigured",
        ErrorKind::Invalid => "InvalidCredential",
        ErrorKind::Unavailable => "Unavailable",
        ErrorKind::Refused => "Refused",
        ErrorKind::Expired => "Expired",
        ErrorKind::Blocked => "Blocked",
        _ => "AuthError",
    };
    let fields = PyDict::new(py);
    fields.set_item("help", error.help())?;
    fields.set_item("method", error.method().map(|method| method.name()))?;
    fields.set_item("location", error.location())?;
    fields.set_item("reason", error.reason())?;
    fields.set_item("retry_after", error.retry_after().map(|wait| wait.as_secs_f64()))?;
    let report = error.report().map(|report| report::to_python(py, report)).transpose()?;
    fields.set_item("report", report)?;
    let class = py.import("yandex_cloud_auth._errors")?.getattr(class)?;
    class.call((error.to_string(),), Some(&fields))
}
