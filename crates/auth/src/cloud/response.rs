//! What a response says: a refusal with the server's message, the time to wait, or a JSON object.

use std::time::{Duration, SystemTime};

use http::header::{DATE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, Response};
use serde_json::{Map, Value};

use super::timestamp::from_http_date;
use crate::secret::redact;
use crate::{Error, ErrorKind};

/// The help for a service that is reached and fails.
pub(super) const UNAVAILABLE: &str = "the service is unavailable at the moment; repeat the request later";

/// The help for a response with the status 429.
const RATE_LIMITED: &str = "the service is rate-limiting (429): send fewer requests, or wait";

/// The help for a response that the service itself would not give.
pub(super) const NOT_THE_SERVICE: &str =
    "the response does not come from the service: check for a captive portal or a proxy";

/// The error of a response with a status other than 200. 408, 429 and 5xx are transient; other 4xx and redirects are
/// a refusal: a server that redirects a token request is another one, and stays so. `secrets` are masked in the message.
pub(crate) fn refusal(response: &Response<Vec<u8>>, url: &str, secrets: &[&str]) -> Error {
    let status = response.status();
    let kind = match status.as_u16() {
        408 | 429 => ErrorKind::Unavailable,
        300..500 => ErrorKind::Refused,
        _ => ErrorKind::Unavailable,
    };
    let mut reason = format!("HTTP {}", status.as_u16());
    if status.is_redirection() {
        reason.push_str(", a redirect");
        if let Some(host) = redirect_host(response.headers()) {
            reason = format!("{reason} to {host}");
        }
        reason.push_str("; redirects are not followed");
    }
    if let Some(message) = server_message(response.body()) {
        reason = format!("{reason}: {}", about_a_token(message));
    }
    if let Some(id) = response.headers().get("x-request-id").and_then(|id| id.to_str().ok()) {
        reason = format!("{reason} (request id {id})");
    }
    let help = match status.as_u16() {
        429 => RATE_LIMITED,
        _ if kind == ErrorKind::Refused => NOT_THE_SERVICE,
        _ => UNAVAILABLE,
    };
    // `redact` masks the exact secrets before it cuts the text or masks by shape: a secret that is cut would not be
    // recognized.
    let error =
        Error::new(kind, redact(&reason, secrets)).at(url).with_help(help).with_status(status.as_u16());
    let error = error.with_date(date(response.headers()));
    match retry_after(response.headers()) {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// The host to which a redirect leads. The rest of the address can identify a session.
fn redirect_host(headers: &HeaderMap) -> Option<String> {
    let target: http::Uri = headers.get(LOCATION)?.to_str().ok()?.trim().parse().ok()?;
    target.host().map(str::to_owned)
}

/// The message in an error body: of `google.rpc.Status`, of an OAuth or OpenAI error, or short plain text.
#[must_use]
pub fn server_message(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => message_in(&fields),
        Ok(Value::Array(items)) => items.iter().find_map(|item| message_in(item.as_object()?)),
        Ok(Value::String(text)) if !text.is_empty() => Some(text),
        Ok(_) => None,
        Err(_) => (!text.is_empty() && text.len() <= 500 && !text.starts_with('<')).then(|| text.to_owned()),
    }
}

/// The words of a server that refused a token. Yandex Cloud's gateway says `Unknown api key` about every credential, so
/// these words alone would send people to look for an API key.
#[must_use]
pub fn about_a_token(message: String) -> String {
    if message.to_ascii_lowercase().contains("unknown api key") {
        format!("the server refused the token, not an API key (it says this about tokens too: {message})")
    } else {
        message
    }
}

fn message_in(fields: &Map<String, Value>) -> Option<String> {
    let text = |fields: &Map<String, Value>, name: &str| {
        fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    match fields.get("error") {
        Some(Value::Object(error)) => text(error, "message").or_else(|| text(error, "code")),
        _ => text(fields, "message")
            .or_else(|| text(fields, "error_description"))
            .or_else(|| text(fields, "error"))
            .or_else(|| text(fields, "detail")),
    }
}

/// The longest wait that is reported: a year. Schedules have limits of their own, and clocks cannot add any number of
/// seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long the server asks to wait: `Retry-After`, in seconds, or as a date by the clock of the server (`Date`).
///
/// ```
/// use std::time::Duration;
/// use yandex_cloud_auth::sdk_internals::retry_after;
///
/// let response = http::Response::builder().status(429).header("retry-after", "7").body(()).unwrap();
/// assert_eq!(retry_after(response.headers()), Some(Duration::from_secs(7)));
/// ```
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit is a very long time.
        return Some(text.parse().map_or(LONGEST_WAIT, Duration::from_secs).min(LONGEST_WAIT));
    }
    from_http_date(text)?.duration_since(date(headers)?).ok().map(|wait| wait.min(LONGEST_WAIT))
}

/// The time on the clock of the server.
pub(super) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    from_http_date(headers.get(DATE)?.to_str().ok()?)
}

/// The error for a response that lacks the requested value. Transient: the next response may have it.
pub(crate) fn unreadable(url: &str, reason: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the response cannot be read: {reason}"))
        .at(url)
        .with_help(NOT_THE_SERVICE)
}

/// The fields of a JSON object.
pub(crate) fn json_object(response: &Response<Vec<u8>>, url: &str) -> Result<Map<String, Value>, Error> {
    match serde_json::from_slice(response.body()) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(unreadable(url, "not a JSON object")),
        // The parser's own message can quote the text, which may be a token.
        Err(error) => {
            let (at, length) = (error.column(), response.body().len());
            Err(unreadable(url, &format!("not JSON at byte {at} of {length}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Response<Vec<u8>> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(body.to_vec()).unwrap()
    }

    #[test]
    fn finds_the_message_in_every_form_of_error_body() {
        for (body, message) in [
            (r#"{"code": 3, "message": "no such model", "details": []}"#, Some("no such model")),
            (
                r#"{"error": {"message": "no such model", "type": "invalid_request_error"}}"#,
                Some("no such model"),
            ),
            (r#"{"error": {"grpcCode": 3, "httpCode": 400, "message": "bad folder"}}"#, Some("bad folder")),
            (r#"{"error": "no such model"}"#, Some("no such model")),
            (r#"{"error": "invalid_grant", "error_description": "no"}"#, Some("no")),
            (r#"[{"error": {"message": "in a list"}}]"#, Some("in a list")),
            (r#"{"error": {"code": "rate_limit"}}"#, Some("rate_limit")),
            (r#""as a string""#, Some("as a string")),
            ("upstream connect error", Some("upstream connect error")),
            ("<html>502</html>", None),
            (r#"{"object": "list"}"#, None),
            ("", None),
            ("\u{0}\u{ff}", Some("\u{0}\u{ff}")),
        ] {
            assert_eq!(server_message(body.as_bytes()).as_deref(), message, "{body}");
        }
        assert_eq!(server_message(b"\xff"), None);
    }

    #[test]
    fn a_refusal_differs_from_a_transient_failure() {
        for (status, kind) in [
            (400, ErrorKind::Refused),
            (401, ErrorKind::Refused),
            (403, ErrorKind::Refused),
            (404, ErrorKind::Refused),
            (408, ErrorKind::Unavailable),
            (429, ErrorKind::Unavailable),
            (500, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
            (302, ErrorKind::Refused),
            (307, ErrorKind::Refused),
        ] {
            assert_eq!(refusal(&response(status, &[], b""), "u", &[]).kind(), kind, "{status}");
        }
    }

    #[test]
    fn a_redirect_is_permanent_and_its_host_is_named() {
        let portal = ("location", "https://portal.example/login?session=hidden");
        let error = refusal(&response(307, &[portal], b""), "u", &[]);
        assert!(!error.is_transient());
        let expected = "u: HTTP 307, a redirect to portal.example; redirects are not followed";
        assert_eq!((error.to_string().as_str(), error.help()), (expected, Some(NOT_THE_SERVICE)));
        let error = refusal(&response(302, &[("location", "/login")], b""), "u", &[]);
        assert_eq!(error.to_string(), "u: HTTP 302, a redirect; redirects are not followed");
    }

    #[test]
    fn the_message_and_the_request_id_of_the_server_are_quoted() {
        let body = br#"{"code":16,"message":"OAuth token is invalid or expired","details":[]}"#;
        let error = refusal(&response(401, &[("x-request-id", "r-1")], body), "https://iam", &[]);
        assert_eq!(
            error.to_string(),
            "https://iam: HTTP 401: OAuth token is invalid or expired (request id r-1)"
        );
        let error =
            refusal(&response(400, &[], br#"{"error":"invalid_grant","error_description":"no"}"#), "u", &[]);
        assert_eq!(error.to_string(), "u: HTTP 400: no");
        assert_eq!(refusal(&response(500, &[], b"<html>x"), "u", &[]).to_string(), "u: HTTP 500");
    }

    #[test]
    fn a_refused_token_is_not_blamed_on_an_api_key() {
        let body = br#"{"code":16,"message":"Unknown api key 'AQVN***fake'"}"#;
        let error = refusal(&response(401, &[], body), "u", &[]);
        assert!(
            error.reason().starts_with("HTTP 401: the server refused the token, not an API key"),
            "{error}"
        );
    }

    #[test]
    fn the_time_to_wait_is_the_one_that_the_server_asks_for() {
        let date = "Tue, 24 Nov 2026 00:00:00 GMT";
        for (after, wait) in [
            ("7", Some(Duration::from_secs(7))),
            ("99999999999999999999999999", Some(LONGEST_WAIT)),
            ("18446744073709551615", Some(LONGEST_WAIT)),
            ("", None),
            ("Tue, 24 Nov 2026 00:00:09 GMT", Some(Duration::from_secs(9))),
            ("Tue, 24 Nov 2026 00:00:00 GMT", Some(Duration::ZERO)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(LONGEST_WAIT)),
            ("Mon, 23 Nov 2026 00:00:00 GMT", None),
            ("-1", None),
            ("soon", None),
        ] {
            let error = refusal(&response(429, &[("retry-after", after), ("date", date)], b""), "u", &[]);
            assert_eq!(error.retry_after(), wait, "{after}");
        }
    }

    proptest! {
        #[test]
        fn no_body_or_header_panics(status in 100_u16..600, body: Vec<u8>, after in "[ -~]{0,40}") {
            let response = response(status, &[("retry-after", after.trim())], &body);
            let _ = refusal(&response, "u", &[]).to_string();
            let _ = json_object(&response, "u");
        }
    }
}
