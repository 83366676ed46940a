//! Where Yandex Cloud's services are, and the rules for reaching them.
//!
//! Authentication keeps to them by itself. What is public here is for clients that are built on it, the SDK for one: an
//! [`Address`] and whose it is, the discovery [`Endpoint`] with the [`Services`] that it names, and what the machine
//! says of the folder that it is in ([`metadata_folder`]).

pub(crate) mod access_token;
pub(crate) mod address;
pub(crate) mod authorization;
pub(crate) mod endpoints;
mod finding;
mod folder;
pub(crate) mod iam;
pub(crate) mod installation;
#[cfg(feature = "service-account-key")]
pub(crate) mod jwt;
pub(crate) mod metadata;

pub use self::address::Address;
pub use self::endpoints::{Endpoint, Services};
pub use self::finding::Finding;
pub(crate) use self::folder::folder_and_cloud;
pub use self::folder::metadata_folder;

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use serde_json::Value;

use crate::secret::redact;
use crate::system::{HttpError, HttpFault, HttpOptions, System};
use crate::{Error, ErrorKind};

/// Answers are tokens or a list of a hundred endpoints.
const MAX_ANSWER: usize = 256 << 10;

/// What to do about a service that is there and does not work.
const LATER: &str = "the service does not work at the moment; it is asked again by and by";

/// What to do about a service that has been asked too much.
const TOO_OFTEN: &str = "it is there, and is asked too often: have patience; it is asked again by and by";

/// What to do about an answer that cannot be the service's.
const SOMEBODY_ELSE: &str = "something else than the service answers there: a captive portal, or a proxy";

/// As [`exchange`], in bounded time.
pub(crate) async fn ask(
    system: &System,
    request: http::Request<Vec<u8>>,
    url: &str,
    limit: Duration,
) -> Result<http::Response<Vec<u8>>, Error> {
    let answer = system.within(limit, exchange(system, request, HttpOptions::new(), url)).await;
    answer.unwrap_or_else(|| {
        Err(Error::new(ErrorKind::Unavailable, format!("no answer within {limit:?}"))
            .at(url)
            .with_help(LATER))
    })
}

/// Sends a request and takes its answer, whatever the status; a failure becomes an error at `url`.
async fn exchange(
    system: &System,
    request: http::Request<Vec<u8>>,
    options: HttpOptions,
    url: &str,
) -> Result<http::Response<Vec<u8>>, Error> {
    system
        .http()?
        .send(request, options.max_body(MAX_ANSWER))
        .await
        .map_err(|error| unreachable_at(url, error))
}

fn unreachable_at(url: &str, error: HttpError) -> Error {
    let help = match error.fault() {
        HttpFault::ConnectTimeout
        | HttpFault::ConnectRefused
        | HttpFault::Unreachable
        | HttpFault::NameResolution => {
            "nobody is reached there: look at the network, at YC_API_ENDPOINT and YC_OAUTH_ENDPOINT where they are set, \
             and at HTTPS_PROXY"
        }
        HttpFault::Tls => "for a certificate authority of your own set SSL_CERT_FILE, or add it in code",
        HttpFault::Proxy => "look at HTTPS_PROXY, ALL_PROXY and NO_PROXY",
        HttpFault::Interrupted => LATER,
        HttpFault::Malformed | HttpFault::TooLarge => SOMEBODY_ELSE,
        HttpFault::Request => "look at the address; and fetches run on a tokio runtime with I/O and time",
    };
    Error::new(ErrorKind::Unavailable, error.to_string()).at(url).with_help(help).with_source(error)
}

/// The step at which a failed exchange failed.
fn fault(error: &Error) -> Option<HttpFault> {
    error.source()?.downcast_ref().map(HttpError::fault)
}

/// The error in an answer with a status other than 200: 408, 429, 5xx and redirects may pass, other 4xx are a "no".
pub(crate) fn refusal(answer: &http::Response<Vec<u8>>, url: &str, own: &[&str]) -> Error {
    let status = answer.status();
    let kind = match status.as_u16() {
        408 | 429 => ErrorKind::Unavailable,
        400..500 => ErrorKind::Refused,
        _ => ErrorKind::Unavailable,
    };
    let mut reason = format!("HTTP {}", status.as_u16());
    if status.is_redirection() {
        reason.push_str(", a redirect, which is never followed");
    }
    if let Some(said) = said(answer.body()) {
        reason = format!("{reason}: {said}");
    }
    if let Some(id) = answer.headers().get("x-request-id").and_then(|id| id.to_str().ok()) {
        reason = format!("{reason} (request id {id})");
    }
    // Our own secrets first, while the text is whole: what is cut or masked by shape would not be known again.
    let help = match status.as_u16() {
        429 => TOO_OFTEN,
        _ if status.is_redirection() || kind == ErrorKind::Refused => SOMEBODY_ELSE,
        _ => LATER,
    };
    let error = Error::new(kind, redact(&reason, own)).at(url).with_help(help).with_status(status.as_u16());
    match retry_after(answer.headers()) {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// The server's own words: `google.rpc.Status`, an OAuth error, or short plain text.
fn said(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    if let Ok(Value::Object(fields)) = serde_json::from_str(text) {
        let field = |name| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let said = match (field("message").or(field("error_description")), field("error")) {
            (Some(message), _) => message,
            (None, Some(error)) => error,
            (None, None) => return None,
        };
        return Some(said.to_owned());
    }
    (!text.is_empty() && text.len() <= 200 && !text.starts_with('<')).then(|| text.to_owned())
}

/// How long a server asks to be left alone: `Retry-After`, in seconds, or as a date by the clock that `Date` shows.
///
/// ```
/// use std::time::Duration;
/// use yandex_cloud_auth::cloud::retry_after;
///
/// let answer = http::Response::builder().status(429).header("retry-after", "7").body(()).unwrap();
/// assert_eq!(retry_after(answer.headers()), Some(Duration::from_secs(7)));
/// ```
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    http_date(text)?.duration_since(date(headers)?).ok()
}

/// The clock of whoever answered.
fn date(headers: &HeaderMap) -> Option<SystemTime> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

fn http_date(text: &str) -> Option<SystemTime> {
    let moment = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    moment.try_into().ok()
}

/// An answer that is not what was asked for. Worth another try.
pub(crate) fn unreadable(url: &str, what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the answer cannot be read: {what}"))
        .at(url)
        .with_help(SOMEBODY_ELSE)
}

/// The fields of a JSON object.
pub(crate) fn json_object(
    answer: &http::Response<Vec<u8>>,
    url: &str,
) -> Result<serde_json::Map<String, Value>, Error> {
    match serde_json::from_slice(answer.body()) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(unreadable(url, "not a JSON object")),
        // The parser's own message can quote the text, which may be a token.
        Err(error) => {
            Err(unreadable(url, &format!("no JSON at byte {} of {}", error.column(), answer.body().len())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> http::Response<Vec<u8>> {
        let mut answer = http::Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        answer.body(body.to_vec()).unwrap()
    }

    #[test]
    fn tells_a_no_from_a_not_now() {
        for (status, kind) in [
            (400, ErrorKind::Refused),
            (401, ErrorKind::Refused),
            (403, ErrorKind::Refused),
            (404, ErrorKind::Refused),
            (408, ErrorKind::Unavailable),
            (429, ErrorKind::Unavailable),
            (500, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
            (302, ErrorKind::Unavailable),
        ] {
            assert_eq!(refusal(&answer(status, &[], b""), "u", &[]).kind(), kind, "{status}");
        }
    }

    #[test]
    fn quotes_the_servers_own_words_and_its_request_id() {
        let body = br#"{"code":16,"message":"OAuth token is invalid or expired","details":[]}"#;
        let error = refusal(&answer(401, &[("x-request-id", "r-1")], body), "https://iam", &[]);
        assert_eq!(
            error.to_string(),
            "https://iam: HTTP 401: OAuth token is invalid or expired (request id r-1)"
        );
        let error =
            refusal(&answer(400, &[], br#"{"error":"invalid_grant","error_description":"no"}"#), "u", &[]);
        assert_eq!(error.to_string(), "u: HTTP 400: no");
        assert_eq!(refusal(&answer(500, &[], b"<html>x"), "u", &[]).to_string(), "u: HTTP 500");
    }

    #[test]
    fn waits_as_long_as_the_server_says() {
        let date = "Tue, 24 Nov 2026 00:00:00 GMT";
        for (after, wait) in [
            ("7", Some(Duration::from_secs(7))),
            ("Tue, 24 Nov 2026 00:00:09 GMT", Some(Duration::from_secs(9))),
            ("Tue, 24 Nov 2026 00:00:00 GMT", Some(Duration::ZERO)),
            ("Mon, 23 Nov 2026 00:00:00 GMT", None),
            ("-1", None),
            ("soon", None),
        ] {
            let error = refusal(&answer(429, &[("retry-after", after), ("date", date)], b""), "u", &[]);
            assert_eq!(error.retry_after(), wait, "{after}");
        }
    }

    proptest! {
        #[test]
        fn no_body_or_header_panics(status in 100_u16..600, body: Vec<u8>, after in "[ -~]{0,40}") {
            let answer = answer(status, &[("retry-after", after.trim())], &body);
            let _ = refusal(&answer, "u", &[]).to_string();
            let _ = json_object(&answer, "u");
        }
    }
}
