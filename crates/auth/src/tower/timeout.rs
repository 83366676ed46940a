//! The deadline of a request: it includes the wait for a header.
//!
//! A gRPC request carries `grpc-timeout`, a request of reqwest its own timeout. The layer waits for a header no longer
//! than that, and then sends the request with the time that is left.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::request::AuthRequest;
use crate::system::System;
use crate::task::deadline::Deadline;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// When a request must be complete, on the clock of the credentials' system.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestDeadline(Deadline);

impl RequestDeadline {
    /// The deadline of a request that is made now; `None` where it carries no timeout.
    #[inline]
    pub(super) fn of(request: &impl AuthRequest, system: &System) -> Option<Self> {
        Some(Self(Deadline::after(request.time_left()?, system)))
    }

    /// The time left; zero after the deadline.
    pub(super) fn left(self, system: &System) -> Duration {
        self.0.left(system)
    }

    /// Sets the timeout of the request to the time left.
    pub(super) fn apply_to(self, request: &mut impl AuthRequest, system: &System) {
        request.set_time_left(self.left(system));
    }
}

/// The timeout of a gRPC request.
pub(super) fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    parse(headers.get(GRPC_TIMEOUT)?)
}

/// Sets the timeout of a gRPC request.
pub(super) fn set_grpc_timeout(headers: &mut HeaderMap, timeout: Duration) {
    if let Some(value) = format(timeout) {
        headers.insert(GRPC_TIMEOUT, value);
    }
}

/// At most eight digits and a unit: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.
fn parse(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// In the finest unit that fits eight digits, rounded down: the server never gets more time than there is.
fn format(timeout: Duration) -> Option<HeaderValue> {
    const MAX_COUNT: u128 = 99_999_999;
    let seconds = u128::from(timeout.as_secs());
    let (count, unit) = [
        (timeout.as_nanos(), 'n'),
        (timeout.as_micros(), 'u'),
        (timeout.as_millis(), 'm'),
        (seconds, 'S'),
        (seconds / 60, 'M'),
        (seconds / 3600, 'H'),
    ]
    .into_iter()
    .find(|(count, _)| *count <= MAX_COUNT)?;
    HeaderValue::try_from(format!("{count}{unit}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_timeout_is_read_as_the_protocol_defines_it() {
        for (text, timeout) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("5u", Some(Duration::from_micros(5))),
            ("0n", Some(Duration::ZERO)),
            ("100000000m", None),
            ("", None),
            ("m", None),
            ("-1m", None),
            ("+1m", None),
            ("1 m", None),
            ("1s", None),
            ("\u{ff}", None),
        ] {
            let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
            assert_eq!(parse(&value), timeout, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_timeout_is_never_longer_and_hardly_shorter(nanoseconds in 0_u64..400_000 * 3_600_000_000_000) {
            let timeout = Duration::from_nanos(nanoseconds);
            let read = format(timeout).as_ref().and_then(parse).unwrap();
            prop_assert!(read <= timeout);
            prop_assert!(timeout - read <= timeout / 50_000 + Duration::from_nanos(1));
        }
    }
}
