//! Options that several functions take.

use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use yandex_cloud_auth::HeaderOptions;

/// Sets the options of a builder whose arguments are given: `set!(endpoints, api: optional_name(endpoint))` calls
/// `endpoints.api(…)` with the text of the argument `endpoint`.
macro_rules! set {
    ($builder:ident, $($option:ident: $convert:ident($argument:ident)),+ $(,)?) => {
        $(if let Some(value) = $convert($argument, stringify!($argument))? {
            $builder = $builder.$option(value);
        })+
    };
}
pub(crate) use set;

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
    set!(options, deadline: seconds(timeout), min_ttl: seconds(min_ttl));
    Ok(options)
}
