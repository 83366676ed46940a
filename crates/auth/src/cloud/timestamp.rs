//! Times as text: RFC 3339 in JSON and in messages, and the dates of HTTP headers.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

/// Parses RFC 3339, with any offset and fraction. The separator is `T`, `t` or a space.
pub(crate) fn from_rfc3339(text: &str) -> Option<SystemTime> {
    // The parser of `time` takes any character as the separator.
    if !matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' ')) {
        return None;
    }
    system_time(OffsetDateTime::parse(text, &Rfc3339).ok()?)
}

/// Parses the date of an HTTP header. Servers send the form of RFC 9110, section 5.6.7, that RFC 2822 contains.
pub(super) fn from_http_date(text: &str) -> Option<SystemTime> {
    system_time(OffsetDateTime::parse(text, &Rfc2822).ok()?)
}

/// RFC 3339 in UTC, of whole seconds since 1970. `None` outside the years 0 to 9999.
pub(crate) fn rfc3339(seconds: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.format(&Rfc3339).ok()
}

/// The conversion of `time` panics for a time that the operating system cannot represent.
fn system_time(time: OffsetDateTime) -> Option<SystemTime> {
    let seconds = Duration::from_secs(time.unix_timestamp().unsigned_abs());
    let whole = if time.unix_timestamp() < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(seconds)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(seconds)
    };
    whole?.checked_add(Duration::from_nanos(time.nanosecond().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-24T12:00:00Z
    const NOON: Duration = Duration::from_secs(1_795_521_600);

    fn since(time: Option<SystemTime>) -> Option<Duration> {
        time.map(|time| time.duration_since(SystemTime::UNIX_EPOCH).unwrap())
    }

    #[test]
    fn rfc3339_is_read_in_every_form() {
        for (text, nanos) in [
            ("2026-11-24T12:00:00Z", 0),
            ("2026-11-24t12:00:00z", 0),
            ("2026-11-24 12:00:00Z", 0),
            ("2026-11-24T12:00:00+00:00", 0),
            ("2026-11-24T12:00:00-00:00", 0),
            ("2026-11-24T15:00:00+03:00", 0),
            ("2026-11-24T06:30:00-05:30", 0),
            ("2026-11-25T11:59:00+23:59", 0),
            ("2026-11-24T12:00:00.5Z", 500_000_000),
            ("2026-11-24T12:00:00.000000001Z", 1),
            ("2026-11-24T12:00:00.123456789123Z", 123_456_789),
        ] {
            assert_eq!(since(from_rfc3339(text)), Some(NOON + Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn another_text_is_not_rfc3339() {
        for text in [
            "",
            "soon",
            "2026-11-24",
            "2026-11-24T12:00:00",
            "2026-11-24_12:00:00Z",
            "2026-11-24T12:00:00.Z",
            "2026-11-24T12:00:00Z ",
            "2026-11-24T24:00:00Z",
            "2026-11-24T12:60:00Z",
            "2026-11-24T12:00:61Z",
            "2026-02-29T12:00:00Z",
            "2026-13-01T12:00:00Z",
            "12026-11-24T12:00:00Z",
            "Tue, 24 Nov 2026 12:00:00 GMT",
        ] {
            assert_eq!(from_rfc3339(text), None, "{text}");
        }
    }

    /// A leap second is inserted at the end of a month of UTC only. A second 60 at another time is an error.
    #[test]
    fn a_leap_second_is_the_end_of_the_second_before() {
        let last = from_rfc3339("2016-12-31T23:59:59.999999999Z").unwrap();
        assert_eq!(from_rfc3339("2016-12-31T23:59:60Z"), Some(last));
        assert_eq!(from_rfc3339("2017-01-01T02:59:60.5+03:00"), Some(last));
        assert_eq!(from_http_date("Sat, 31 Dec 2016 23:59:60 GMT"), Some(last));
        assert_eq!(from_rfc3339("2026-11-24T12:00:60Z"), None);
    }

    #[test]
    fn the_first_and_the_last_years_are_read() {
        let last = Duration::from_secs(253_402_300_799);
        assert_eq!(since(from_rfc3339("9999-12-31T23:59:59Z")), Some(last));
        if cfg!(unix) {
            let before = SystemTime::UNIX_EPOCH - Duration::from_millis(500);
            assert_eq!(from_rfc3339("1969-12-31T23:59:59.5Z"), Some(before));
            assert!(from_rfc3339("0000-01-01T00:00:00Z").is_some());
        }
    }

    #[test]
    fn the_date_of_a_header_is_read() {
        for text in ["Tue, 24 Nov 2026 12:00:00 GMT", "tue, 24 nov 2026 12:00:00 gmt"] {
            assert_eq!(since(from_http_date(text)), Some(NOON), "{text}");
        }
        for text in
            ["", "soon", "2026-11-24T12:00:00Z", "Tue, 24 Nov 2026 12:00:00", "Tue, 32 Nov 2026 12:00:00 GMT"]
        {
            assert_eq!(from_http_date(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_written_in_utc_without_a_fraction() {
        assert_eq!(rfc3339(1_795_521_600).as_deref(), Some("2026-11-24T12:00:00Z"));
        assert_eq!(rfc3339(0).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(rfc3339(253_402_300_799).as_deref(), Some("9999-12-31T23:59:59Z"));
        assert_eq!(rfc3339(253_402_300_800), None);
        assert_eq!(rfc3339(i64::MAX), None);
        assert_eq!(rfc3339(i64::MIN), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", digits in "[0-9TtZz:+. ,-]{0,40}") {
            for text in [text, digits] {
                let _ = from_rfc3339(&text);
                let _ = from_http_date(&text);
            }
        }
    }
}
