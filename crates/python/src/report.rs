//! The report of a selection, as the Python classes of the package.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use yandex_cloud_auth::Report;

/// The report as `yandex_cloud_auth.Report`.
pub(crate) fn to_python<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyAny>> {
    py.import("yandex_cloud_auth._report")?.call_method1("make", parts(py, report)?)
}

/// What `_report.make` makes the report of. Calls no code of Python's.
pub(crate) fn parts<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyTuple>> {
    let attempts = report.attempts().iter().map(|attempt| {
        let (method, outcome) = (attempt.method.name(), attempt.outcome.name());
        (method, &*attempt.source, outcome, &*attempt.reason, attempt.elapsed.as_secs_f64()).into_pyobject(py)
    });
    let attempts = PyTuple::new(py, attempts.collect::<PyResult<Vec<_>>>()?)?;
    let notes = PyTuple::new(py, report.notes())?;
    (attempts, notes, report.to_string()).into_pyobject(py)
}
