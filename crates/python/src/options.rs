//! Options that several functions take.

use std::time::Duration;

use yandex_cloud_auth::HeaderOptions;

/// Sets the options of a builder whose arguments are given: `set!(endpoints, api: name(endpoint))` calls `endpoints.api(…)`
/// with the text of the argument `endpoint`.
macro_rules! set {
    ($builder:ident, $($option:ident: $convert:ident($argument:ident)),+ $(,)?) => {
        $(if let Some(value) = $convert($argument) {
            $builder = $builder.$option(value);
        })+
    };
}
pub(crate) use set;

/// A number of seconds as a duration. The Python half has checked the range.
pub(crate) fn seconds(value: Option<f64>) -> Option<Duration> {
    value.map(|value| Duration::try_from_secs_f64(value).unwrap_or_default())
}

/// What one call asks for.
pub(crate) fn header_options(timeout: Option<f64>, min_ttl: Option<f64>) -> HeaderOptions {
    let mut options = HeaderOptions::new();
    set!(options, deadline: seconds(timeout), min_ttl: seconds(min_ttl));
    options
}
