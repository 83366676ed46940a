//! The parameters of a request, as Google and Yandex Cloud document them. Unknown ones are ignored.

use std::time::Duration;

use http::{HeaderMap, header};
use ring::digest::{SHA256, digest};

/// How long a request waits for a change at most, and without `timeout_sec`. The client asks again. A client that is gone is not
/// always noticed before.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What a request wants beside the path.
pub(super) struct Query {
    /// `recursive=true` or `alt=json`. A leaf is a JSON value then.
    pub(super) is_json: bool,
    /// `wait_for_change=true`.
    pub(super) wait: Option<Wait>,
}

/// The wait of a request for a change.
pub(super) struct Wait {
    /// The version that the client knows. Without one the client waits for the next change.
    last: Option<String>,
    pub(super) limit: Duration,
}

impl Query {
    /// # Errors
    /// The parameter that has no value of its kind.
    pub(super) fn of(query: Option<&str>) -> Result<Self, &'static str> {
        let (mut is_json, mut waits, mut last, mut limit) = (false, false, None, LONGEST_WAIT);
        for parameter in query.unwrap_or_default().split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "recursive" => is_json |= value.eq_ignore_ascii_case("true"),
                "alt" => is_json |= value.eq_ignore_ascii_case("json"),
                "wait_for_change" if value.eq_ignore_ascii_case("true") => waits = true,
                "wait_for_change" if !value.eq_ignore_ascii_case("false") => return Err("wait_for_change"),
                "last_etag" => last = Some(value.to_owned()),
                "timeout_sec" => {
                    let seconds = value.parse().map_err(|_| "timeout_sec")?;
                    limit = Duration::from_secs(seconds).min(LONGEST_WAIT);
                }
                _ => {}
            }
        }
        Ok(Self { is_json, wait: waits.then_some(Wait { last, limit }) })
    }
}

impl Wait {
    /// Whether the client knows the version of this response.
    pub(super) fn is_for(&self, headers: &HeaderMap) -> bool {
        let version = headers.get(header::ETAG).map(http::HeaderValue::as_bytes);
        self.last.as_ref().is_none_or(|last| Some(last.as_bytes()) == version)
    }
}

/// The version of a value that is no secret.
pub(super) fn version(body: &[u8]) -> String {
    let digest = digest(&SHA256, body);
    digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_for_the_version_that_the_client_knows_and_ends_within_a_minute() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ETAG, "a1-2".parse().unwrap());
        for (query, waits, limit) in [
            ("wait_for_change=true", true, 60),
            ("wait_for_change=True&last_etag=a1-2&timeout_sec=5", true, 5),
            ("timeout_sec=0&wait_for_change=true", true, 0),
            ("wait_for_change=true&last_etag=0", false, 60),
            ("wait_for_change=true&last_etag=a1-3", false, 60),
            ("wait_for_change=true&timeout_sec=99999", true, 60),
        ] {
            let wait = Query::of(Some(query)).unwrap().wait.unwrap();
            assert_eq!((wait.is_for(&headers), wait.limit), (waits, Duration::from_secs(limit)), "{query}");
        }
        for query in ["wait_for_change=false", "last_etag=a1-2", ""] {
            assert!(Query::of(Some(query)).unwrap().wait.is_none(), "{query}");
        }
        for (query, wrong) in [
            ("wait_for_change", "wait_for_change"),
            ("wait_for_change=yes", "wait_for_change"),
            ("wait_for_change=true&timeout_sec=abc", "timeout_sec"),
            ("timeout_sec=-1", "timeout_sec"),
            ("timeout_sec=", "timeout_sec"),
        ] {
            assert_eq!(Query::of(Some(query)).err(), Some(wrong), "{query}");
        }
    }

    #[test]
    fn json_is_asked_for_by_two_names() {
        for (query, is_json) in [
            ("recursive=true", true),
            ("alt=json", true),
            ("alt=JSON&scopes=a,b", true),
            ("recursive=false", false),
            ("alt=text", false),
            ("scopes=a", false),
        ] {
            assert_eq!(Query::of(Some(query)).unwrap().is_json, is_json, "{query}");
        }
    }
}
