//! The report of a selection as plain data. The Python half makes the classes of the package (`_report.py`).

use pyo3::prelude::*;
use pyo3::types::PyList;

/// What `_report.make` makes the report of.
#[pyclass(frozen, module = "yandex_cloud_auth._native")]
pub(crate) struct Report {
    inner: yandex_cloud_auth::Report,
}

impl From<yandex_cloud_auth::Report> for Report {
    fn from(inner: yandex_cloud_auth::Report) -> Self {
        Self { inner }
    }
}

#[pymethods]
impl Report {
    /// Adds the five fields of each attempt to one list, and the notes to the other. Returns the table for people.
    fn fill(&self, attempts: &Bound<'_, PyList>, notes: &Bound<'_, PyList>) -> PyResult<String> {
        for attempt in self.inner.attempts() {
            attempts.append(attempt.method.name())?;
            attempts.append(&*attempt.source)?;
            attempts.append(attempt.outcome.name())?;
            attempts.append(&*attempt.reason)?;
            attempts.append(attempt.elapsed.as_secs_f64())?;
        }
        for note in self.inner.notes() {
            notes.append(note)?;
        }
        Ok(self.inner.to_string())
    }
}
