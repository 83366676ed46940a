//! What a failed attempt says: the layer, the connection, or the server in its own words.

use std::error::Error as StdError;
use std::io;

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use yandex_cloud_auth::cloud::retry_after;
use yandex_cloud_auth::tower::AuthServiceError;
use yandex_cloud_auth::{self as auth, Method};

use crate::error::{Error, ErrorKind};
use crate::retry::is_retried;
use crate::verify::TLS_HELP;

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Whether another attempt may do better.
    pub(crate) again: bool,
    /// Whether TLS failed, so that the authorities are worth reading again.
    pub(crate) tls: bool,
}

impl Failure {
    pub(crate) fn final_(error: Error) -> Self {
        Self { error, again: false, tls: false }
    }

    /// Of looking for the service, or of the answer's parts.
    pub(crate) fn of(error: Error) -> Self {
        let again = error.kind() == ErrorKind::Unavailable;
        Self { error, again, tls: false }
    }

    /// There is no header, or the request did not come through.
    pub(crate) fn of_sending(error: AuthServiceError<reqwest::Error>) -> Self {
        match error.into_service() {
            Err(error) => Self { again: error.is_transient(), error: error.into(), tls: false },
            Ok(error) => Self::of_connection(error),
        }
    }

    /// The connection could not be made, or broke.
    pub(crate) fn of_connection(error: reqwest::Error) -> Self {
        // Its text names the URL, which the error names already.
        let error = error.without_url();
        if error.is_builder() {
            let own =
                Error::new(ErrorKind::Invalid, format!("the request cannot be made: {}", deepest(&error)));
            return Self::final_(own.with_source(&error));
        }
        if let Some(tls) = inner::<rustls::Error>(&error) {
            // A certificate does not become another one within seconds.
            let again = !matches!(tls, rustls::Error::InvalidCertificate(_));
            let own = Error::new(ErrorKind::Unavailable, format!("TLS failed: {tls}")).with_help(TLS_HELP);
            return Self { error: own.with_source(&error), again, tls: true };
        }
        let why = inner::<io::Error>(&error)
            .filter(|error| error.get_ref().is_none())
            .map_or_else(|| deepest(&error), |error| error.kind().to_string());
        let (what, help) = if error.is_connect() {
            (
                "cannot connect",
                "nobody is reached there: look at the network, at YC_API_ENDPOINT where it is set, and at HTTPS_PROXY",
            )
        } else {
            ("the connection broke", "the server or something on the way closed it; try again later")
        };
        let own = Error::new(ErrorKind::Unavailable, format!("{what}: {why}")).with_help(help);
        Self { error: own.with_source(&error), again: true, tls: false }
    }

    /// An answer other than 2xx.
    pub(crate) fn of_answer(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        own: &[&str],
        method: Option<Method>,
    ) -> Self {
        let kind = match status.as_u16() {
            408 | 429 | 500..=599 => ErrorKind::Unavailable,
            _ => ErrorKind::Refused,
        };
        let mut reason = format!("HTTP {}", status.as_u16());
        if status.is_redirection() {
            reason.push_str(", a redirect, which is never followed");
        }
        if let Some(said) = said(body) {
            reason = format!("{reason}: {said}");
        }
        let error = Error::new(kind, auth::redact(&reason, own))
            .with_status(status)
            .with_retry_after(retry_after(headers))
            .with_help(help(status, method));
        Self { error, again: is_retried(status), tls: false }
    }
}

fn help(status: StatusCode, method: Option<Method>) -> String {
    match (status.as_u16(), method) {
        (401, Some(Method::None)) => {
            "the server wants to know who calls: give `auth`, or set YC_API_KEY".to_owned()
        }
        (401, Some(method)) => {
            format!("the credentials ({method}) were refused: they may be expired, withdrawn or of another installation")
        }
        (401, None) => "the credentials were refused".to_owned(),
        (403, _) => "the account may not do this: give it the role ai.languageModels.user in the folder, or the API key \
                     its scope"
            .to_owned(),
        (404, _) => "look at the name of the model, its folder, and the endpoint".to_owned(),
        (429, _) => "there are more calls than the quota allows: make fewer at a time, or ask for more".to_owned(),
        (400..=499, _) => "look at the request: the server's words say what is wrong with it".to_owned(),
        (300..=399, _) => "something else than the service answers there: look at the endpoint".to_owned(),
        _ => "the service does not work at the moment; try again later".to_owned(),
    }
}

/// The server's own words: `google.rpc.Status`, an OpenAI error, or short plain text.
pub(crate) fn said(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => said_in(&fields),
        Ok(Value::Array(items)) => items.iter().find_map(|item| said_in(item.as_object()?)),
        Ok(Value::String(text)) if !text.is_empty() => Some(text),
        Ok(_) => None,
        Err(_) => (!text.is_empty() && text.len() <= 500 && !text.starts_with('<')).then(|| text.to_owned()),
    }
}

fn said_in(fields: &Map<String, Value>) -> Option<String> {
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

fn deepest(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The error of a given type in a chain of causes, also where an I/O error wraps it.
fn inner<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // `source` of an I/O error skips the very error that it wraps.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_servers_words_in_every_form() {
        for (body, words) in [
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
            assert_eq!(said(body.as_bytes()).as_deref(), words, "{body}");
        }
        assert_eq!(said(b"\xff"), None);
    }

    #[test]
    fn statuses_have_their_kinds() {
        for (code, kind, again) in [
            (302, ErrorKind::Refused, false),
            (400, ErrorKind::Refused, false),
            (401, ErrorKind::Refused, false),
            (408, ErrorKind::Unavailable, false),
            (429, ErrorKind::Unavailable, true),
            (500, ErrorKind::Unavailable, false),
            (502, ErrorKind::Unavailable, true),
            (503, ErrorKind::Unavailable, true),
            (504, ErrorKind::Unavailable, false),
        ] {
            let status = StatusCode::from_u16(code).unwrap();
            let failure = Failure::of_answer(status, &HeaderMap::new(), b"", &[], None);
            assert_eq!((failure.error.kind(), failure.again), (kind, again), "{code}");
            assert_eq!(failure.error.status(), Some(status));
            assert!(failure.error.help().is_some());
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics_or_shows_a_key(code in 100_u16..600, before in "\\PC{0,20}", body: Vec<u8>) {
            let status = StatusCode::from_u16(code).unwrap();
            let _ = Failure::of_answer(status, &HeaderMap::new(), &body, &[], None);
            let body = format!("{before} hunter2hunter2 AQVNhunter");
            let body = serde_json::json!({"message": body}).to_string();
            let own = ["hunter2hunter2"];
            let failure = Failure::of_answer(status, &HeaderMap::new(), body.as_bytes(), &own, None);
            prop_assert!(!failure.error.to_string().contains("hunter2"));
            let debug = format!("{:?}", failure.error);
            prop_assert!(!debug.contains("hunter2"));
        }
    }
}
