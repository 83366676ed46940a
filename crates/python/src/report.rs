//! The report of a selection, as the Python classes of the package.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use yandex_cloud_auth::Report;

/// The report as `yandex_cloud_auth.Report`.
pub(crate) fn to_python<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyAny>> {
    let module = py.import("yandex_cloud_auth._report")?;
    let class = module.getattr("Attempt")?;
    let attempts: Vec<_> = report
        .attempts()
        .iter()
        .map(|attempt| {
            class.call1((
                attempt.method.name(),
                &*attempt.source,
                attempt.outcome.name(),
                &*attempt.reason,
                attempt.elapsed.as_secs_f64(),
            ))
        })
        .collect::<PyResult<_>>()?;
    let attempts = PyTuple::new(py, attempts)?;
    let notes = PyTuple::new(py, report.notes())?;
    module.getattr("Report")?.call1((attempts, notes, report.to_string()))
}
