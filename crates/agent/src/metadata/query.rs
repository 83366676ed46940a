//! The parameters of a request, as Google and Yandex Cloud document them. Unknown ones are ignored.

use std::time::Duration;

use http::{HeaderMap, header};
use ring::digest::{SHA256, digest};

/// How long a request waits for a change at most, and without `timeout_sec`. The client asks again.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

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
    pub(super) fn of(query: Option<&str>) -> Self {
        let (mut is_json, mut waits, mut last, mut limit) = (false, false, None, LONGEST_WAIT);
        for parameter in query.unwrap_or_default().split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "recursive" => is_json |= value.eq_ignore_ascii_case("true"),
                "alt" => is_json |= value.eq_ignore_ascii_case("json"),
                "wait_for_change" => waits = value.eq_ignore_ascii_case("true"),
                "last_etag" => last = Some(value.to_owned()),
                "timeout_sec" => {
                    limit = value
                        .parse()
                        .map_or(LONGEST_WAIT, |sent| Duration::from_secs(sent).min(LONGEST_WAIT));
                }
                _ => {}
            }
        }
        Self { is_json, wait: waits.then_some(Wait { last, limit }) }
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
    fn a_wait_is_for_the_version_that_the_client_knows_and_ends_within_an_hour() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ETAG, "a1-2".parse().unwrap());
        for (query, waits, limit) in [
            ("wait_for_change=true", true, 3600),
            ("wait_for_change=True&last_etag=a1-2&timeout_sec=5", true, 5),
            ("timeout_sec=0&wait_for_change=true", true, 0),
            ("wait_for_change=true&last_etag=0", false, 3600),
            ("wait_for_change=true&last_etag=a1-3", false, 3600),
            ("wait_for_change=true&timeout_sec=999999999999999999999", true, 3600),
            ("wait_for_change=true&timeout_sec=-1", true, 3600),
        ] {
            let wait = Query::of(Some(query)).wait.unwrap();
            assert_eq!((wait.is_for(&headers), wait.limit), (waits, Duration::from_secs(limit)), "{query}");
        }
        for query in ["wait_for_change=false", "last_etag=a1-2", "", "wait_for_change"] {
            assert!(Query::of(Some(query)).wait.is_none(), "{query}");
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
            assert_eq!(Query::of(Some(query)).is_json, is_json, "{query}");
        }
    }
}
