//! Options that several functions take.

use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use yandex_cloud_auth::HeaderOptions;

/// A number of seconds as a duration.
pub(crate) fn seconds(value: Option<f64>, name: &str) -> PyResult<Option<Duration>> {
    let Some(value) = value else { return Ok(None) };
    match Duration::try_from_secs_f64(value) {
        Ok(duration) if value <= 1e9 => Ok(Some(duration)),
        _ => Err(PyValueError::new_err(format!("{name} must be a number of seconds from 0 to 1e9"))),
    }
}

/// What one call asks for.
pub(crate) fn header_options(timeout: Option<f64>, min_ttl: Option<f64>) -> PyResult<HeaderOptions> {
    let mut options = HeaderOptions::new();
    if let Some(limit) = seconds(timeout, "timeout")? {
        options = options.deadline(limit);
    }
    if let Some(life) = seconds(min_ttl, "min_ttl")? {
        options = options.min_ttl(life);
    }
    Ok(options)
}
