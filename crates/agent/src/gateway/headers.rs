//! The headers that go on to a service, and those that come back: without what is of one connection, and without the
//! client's key.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

use crate::keys;

/// The headers of one connection (RFC 9110 §7.6.1). `TE` and `Upgrade` are looked at first.
const OF_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The headers in which clients send keys.
const OF_KEYS: [HeaderName; 4] = [
    header::AUTHORIZATION,
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-api-key"),
    header::COOKIE,
];

const PROJECT: HeaderName = HeaderName::from_static("openai-project");

/// Takes out what is of one connection.
pub(super) fn remove_those_of_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    remove(headers, OF_CONNECTION.iter().chain(&named));
}

/// Takes out the headers of these names.
fn remove<'a>(headers: &mut HeaderMap, names: impl IntoIterator<Item = &'a HeaderName>) {
    for name in names {
        headers.remove(name);
    }
}

/// Makes the headers of a request those that the service gets. `key` is what the client has sent.
pub(super) fn for_service(headers: &mut HeaderMap, key: &str, folder: Option<&str>) {
    let takes_trailers =
        headers.get(header::TE).is_some_and(|te| te.as_bytes().eq_ignore_ascii_case(b"trailers"));
    remove_those_of_connection(headers);
    remove(headers, &OF_KEYS);
    remove(headers, &[header::HOST, header::EXPECT, header::TRAILER]);
    // A tool may send its key in a header of its own, too.
    let repeated: Vec<HeaderName> =
        headers.iter().filter(|(_, value)| has_key(value, key)).map(|(name, _)| name.clone()).collect();
    remove(headers, &repeated);
    // HTTP/2 lets a length through that is there twice: HTTP/1.1 would have two lines of it.
    if headers.get_all(header::CONTENT_LENGTH).iter().nth(1).is_some()
        && let Some(length) = headers.remove(header::CONTENT_LENGTH)
    {
        headers.insert(header::CONTENT_LENGTH, length);
    }
    if takes_trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if let Some(folder) = folder.and_then(|folder| HeaderValue::from_str(folder).ok())
        && !headers.contains_key(PROJECT)
    {
        headers.insert(PROJECT, folder);
    }
}

/// Whether a header has the key of its request: as it is, or as a part of credentials of the scheme `Basic`. The client has
/// shown that it knows this key, so that the time of the comparison tells it nothing.
fn has_key(value: &HeaderValue, key: &str) -> bool {
    let contains = |text: &[u8]| text.windows(key.len()).any(|part| part == key.as_bytes());
    contains(value.as_bytes()) || keys::basic(value.as_bytes()).is_some_and(|decoded| contains(&decoded))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn the_key_goes_to_no_service_whatever_header_has_it() {
        let key = "local-key-0123456789";
        let mut sent = headers(&[
            ("authorization", "Bearer local-key-0123456789"),
            ("proxy-authorization", "Bearer x"),
            ("api-key", "x"),
            ("x-api-key", "x"),
            ("cookie", "a=b"),
            ("x-my-key", "Token local-key-0123456789;"),
            ("x-other", "local-key-012345678"),
            ("accept", "*/*"),
        ]);
        for_service(&mut sent, key, None);
        assert_eq!(names(&sent), ["accept", "x-other"]);
    }

    #[test]
    fn the_key_goes_to_no_service_as_basic_credentials() {
        let key = "local-key-0123456789";
        for credentials in [format!(":{key}"), format!("user:{key}"), format!("{key}:"), key.to_owned()] {
            for scheme in ["Basic ", "basic ", "BASIC  "] {
                let value = format!("{scheme}{}", STANDARD.encode(&credentials));
                let mut sent = headers(&[
                    ("proxy-authorization", &value),
                    ("x-api-key", &value),
                    ("x-forwarded-authorization", &value),
                    ("accept", "*/*"),
                ]);
                for_service(&mut sent, key, None);
                assert_eq!(names(&sent), ["accept"], "{value}");
            }
        }
        // Another password, another scheme, and no base64.
        let other = format!("Basic {}", STANDARD.encode("user:local-key-012345678"));
        let mut sent =
            headers(&[("x-other", &other), ("x-scheme", "Basics"), ("x-text", "Basic is a language")]);
        for_service(&mut sent, key, None);
        assert_eq!(names(&sent), ["x-other", "x-scheme", "x-text"]);
    }

    #[test]
    fn what_is_of_one_connection_stays_there() {
        let mut sent = headers(&[
            ("connection", "close, X-Mine"),
            ("x-mine", "1"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("host", "127.0.0.1:8080"),
            ("expect", "100-continue"),
            ("content-type", "application/json"),
        ]);
        for_service(&mut sent, "some-local-key-01", Some("b1gfake"));
        assert_eq!(names(&sent), ["content-type", "openai-project", "te"]);
        assert_eq!(sent["openai-project"], "b1gfake");
        let mut own = headers(&[("openai-project", "b1gother"), ("te", "gzip")]);
        for_service(&mut own, "some-local-key-01", Some("b1gfake"));
        assert_eq!(
            (names(&own), own["openai-project"].to_str().unwrap()),
            (vec!["openai-project"], "b1gother")
        );
    }
}
