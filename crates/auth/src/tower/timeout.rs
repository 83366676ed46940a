//! The deadline that a request carries: waiting for a header counts into it.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::request::AuthRequest;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// When a request that carries a bound has to be answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    until: Instant,
}

impl Limit {
    /// That of a request which is made now; `None` where it carries none.
    pub(super) fn of(request: &impl AuthRequest) -> Option<Self> {
        Some(Self { until: Instant::now().checked_add(request.time_left()?)? })
    }

    pub(super) fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Makes the request carry what is left.
    pub(super) fn shorten(self, request: &mut impl AuthRequest) {
        request.set_time_left(self.left());
    }
}

/// What a gRPC request says of its time.
pub(super) fn of_grpc(headers: &HeaderMap) -> Option<Duration> {
    parse(headers.get(GRPC_TIMEOUT)?)
}

/// Makes a gRPC request say this.
pub(super) fn set_grpc(headers: &mut HeaderMap, span: Duration) {
    if let Some(value) = format(span) {
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

/// In the finest unit that eight digits hold, so that no more is given than there is.
fn format(span: Duration) -> Option<HeaderValue> {
    const MOST: u128 = 99_999_999;
    let seconds = u128::from(span.as_secs());
    let (count, unit) = [
        (span.as_nanos(), 'n'),
        (span.as_micros(), 'u'),
        (span.as_millis(), 'm'),
        (seconds, 'S'),
        (seconds / 60, 'M'),
        (seconds / 3600, 'H'),
    ]
    .into_iter()
    .find(|(count, _)| *count <= MOST)?;
    HeaderValue::try_from(format!("{count}{unit}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_the_protocol_allows() {
        for (text, span) in [
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
            assert_eq!(parse(&value), span, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_no_more_and_hardly_less(nanoseconds in 0_u64..400_000 * 3_600_000_000_000) {
            let span = Duration::from_nanos(nanoseconds);
            let read = format(span).as_ref().and_then(parse).unwrap();
            prop_assert!(read <= span);
            prop_assert!(span - read <= span / 50_000 + Duration::from_nanos(1));
        }
    }
}
