//! Times as the API of Kubernetes has them: RFC 3339 in UTC.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time of whole seconds. `None` after the year 9999.
pub(super) fn rfc3339(time: SystemTime) -> Option<String> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    OffsetDateTime::from_unix_timestamp(since.as_secs().try_into().ok()?).ok()?.format(&Rfc3339).ok()
}

/// The time of a text, in whole seconds. `None` before 1970.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let seconds = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp();
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().ok()?))
}

/// The form of the times in a Lease: always six digits behind the point. `wall`: since the Unix epoch.
pub(super) fn micro_time(wall: Duration) -> String {
    let seconds = rfc3339(SystemTime::UNIX_EPOCH + wall).unwrap_or_default();
    format!("{}.{:06}Z", seconds.trim_end_matches('Z'), wall.subsec_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_kubernetes() {
        let wall = Duration::new(1_795_478_400, 1_002_999);
        let time = SystemTime::UNIX_EPOCH + wall;
        assert_eq!(rfc3339(time).unwrap(), "2026-11-24T00:00:00Z");
        assert_eq!(micro_time(wall), "2026-11-24T00:00:00.001002Z");
        let whole = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400));
        for text in ["2026-11-24T00:00:00Z", "2026-11-24T03:00:00.9+03:00"] {
            assert_eq!(parse(text), whole, "{text}");
        }
        for text in ["", "tomorrow", "2026-11-24", "1969-12-31T23:59:59Z", "1795478400"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
