use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use httpdate::parse_http_date;
use yandex_cloud_auth::sdk_internals::retry_after as read;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// `Retry-After` in the first line, `Date` in the second one. The second reading of dates is that of `httpdate`.
pub fn retry_after(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let mut headers = HeaderMap::new();
    for name in [RETRY_AFTER, DATE] {
        let Some(value) = lines.next().and_then(|line| HeaderValue::from_bytes(line).ok()) else { continue };
        headers.insert(name, value);
    }
    let wait = read(&headers);
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(after) = text(RETRY_AFTER).map(str::trim) else {
        assert_eq!(wait, None);
        return;
    };
    if !after.is_empty() && after.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = after.parse::<u64>().map_or(YEAR, Duration::from_secs);
        assert_eq!(wait, Some(seconds.min(YEAR)));
    } else if let (Ok(until), Some(Ok(now))) = (parse_http_date(after), text(DATE).map(parse_http_date))
        && let Some(wait) = wait
    {
        assert_eq!(until.duration_since(now).ok().map(|wait| wait.min(YEAR)), Some(wait), "{after:?}");
    }
    assert!(wait.is_none_or(|wait| wait <= YEAR), "{wait:?}");
}
