//! The result on standard output: written whole, then wiped. Also the text forms of times and secrets.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use yandex_cloud_auth::redact;
use zeroize::Zeroizing;

/// Writes one line that may hold a secret. A whole line passes through standard output's buffer without a copy.
pub(crate) fn line(out: &mut dyn Write, parts: &[&str]) -> io::Result<()> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>() + 1;
    let mut line = Zeroizing::new(Vec::with_capacity(length));
    parts.iter().for_each(|part| line.extend_from_slice(part.as_bytes()));
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

/// Writes one JSON object on one line.
pub(crate) fn json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    // Room for the longest token: a buffer that grows would leave a copy in freed memory.
    let mut line = Zeroizing::new(Vec::with_capacity(16 << 10));
    serde_json::to_writer(&mut *line, value)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

/// RFC 3339 in UTC and whole seconds, as `jq`'s `fromdate` reads it. Rounded down: an expiry is never shown too late.
pub(crate) fn rfc3339(time: SystemTime) -> Option<String> {
    let second = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    OffsetDateTime::from_unix_timestamp(i64::try_from(second).ok()?).ok()?.format(&Rfc3339).ok()
}

/// A duration in its one or two largest units.
pub(crate) fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        0 if duration.as_millis() == 0 => format!("{} µs", duration.as_micros()),
        0 => format!("{} ms", duration.as_millis()),
        seconds @ 1..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The rest of a token's life. The library gives only tokens that are usable by the clock of the server.
pub(crate) fn time_left(end: SystemTime, now: SystemTime) -> String {
    match end.duration_since(now) {
        Ok(left) if !left.is_zero() => format!("{} left", duration(left)),
        _ => "expired by this machine's clock".to_owned(),
    }
}

/// A secret as its documented prefix and `***`.
pub(crate) fn masked(secret: &str) -> String {
    // A secret that is too short to be told from a word is not masked there.
    let shown = redact(secret, &[secret]);
    if shown.ends_with("***") { shown } else { "***".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_whole_seconds() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_478_400_999);
        assert_eq!(rfc3339(time).unwrap(), "2026-11-24T00:00:00Z");
    }

    #[test]
    fn durations_are_short_and_readable() {
        for (millis, text) in
            [(0, "0 µs"), (12, "12 ms"), (59_000, "59 s"), (61_000, "1 min 1 s"), (43_140_000, "11 h 59 min")]
        {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_token_that_a_wrong_clock_takes_for_expired_is_said_to_be_so() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400);
        assert_eq!(time_left(now + Duration::from_secs(61), now), "1 min 1 s left");
        for end in [now, now - Duration::from_secs(1), now - Duration::from_secs(100_000)] {
            assert_eq!(time_left(end, now), "expired by this machine's clock");
        }
    }

    #[test]
    fn a_masked_secret_shows_only_its_prefix() {
        for (secret, shown) in [("t1.fake", "t1.***"), ("AQVNfake", "AQVN***"), ("fake", "***"), ("", "***")]
        {
            assert_eq!(masked(secret), shown);
        }
    }
}
