//! An error of the library as plain data. The Python half makes the exception (`_errors.py`), and raises it.
//!
//! A native function returns a failure and raises nothing: making an exception runs code of Python's.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use yandex_cloud_auth::{Error, ErrorKind};

use crate::report::Report;

/// What `_errors.exception` makes the exception of.
#[pyclass(frozen, get_all, module = "yandex_cloud_auth._native")]
pub(crate) struct Failure {
    /// The name of the class.
    kind: &'static str,
    message: String,
    help: Option<String>,
    method: Option<&'static str>,
    location: Option<String>,
    reason: String,
    retry_after: Option<f64>,
    report: Option<Py<Report>>,
}

impl Failure {
    pub(crate) fn new(py: Python<'_>, error: &Error) -> PyResult<Self> {
        let kind = match error.kind() {
            ErrorKind::NotConfigured => "NotConfigured",
            ErrorKind::Invalid => "InvalidCredential",
            ErrorKind::Unavailable => "Unavailable",
            ErrorKind::Refused => "Refused",
            ErrorKind::Expired => "Expired",
            ErrorKind::Blocked => "Blocked",
            _ => "AuthError",
        };
        Ok(Self {
            kind,
            message: error.to_string(),
            help: error.help().map(str::to_owned),
            method: error.method().map(|method| method.name()),
            location: error.location().map(str::to_owned),
            reason: error.reason().to_owned(),
            retry_after: error.retry_after().map(|wait| wait.as_secs_f64()),
            report: error.report().map(|report| Py::new(py, Report::from(report.clone()))).transpose()?,
        })
    }
}

/// A value, or the failure in its place.
pub(crate) struct Checked<T>(Result<T, Error>);

/// What the work returns.
pub(crate) fn checked<T>(work: impl FnOnce() -> Result<T, Error>) -> Checked<T> {
    Checked(work())
}

impl<'py, T: IntoPyObject<'py>> IntoPyObject<'py> for Checked<T> {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.0 {
            Ok(value) => value.into_bound_py_any(py),
            Err(error) => Failure::new(py, &error)?.into_bound_py_any(py),
        }
    }
}
