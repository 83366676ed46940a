//! The failure of one attempt: of the layer, of the connection, or an error response.

use std::error::Error as StdError;
use std::io;

use http::{HeaderMap, StatusCode, Uri};
use yandex_cloud_auth::sdk_internals::{about_a_token, retry_after, server_message};
use yandex_cloud_auth::system::transport_policy::{NotLoopback, Unresolved, proxy_help};
use yandex_cloud_auth::system::{HttpError, HttpFault};
use yandex_cloud_auth::tower::AuthServiceError;
use yandex_cloud_auth::{self as auth, Method};

use crate::error::{Error, ErrorKind};
use crate::retry::is_retryable;
use crate::verify::TLS_HELP;

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Whether another attempt may succeed.
    pub(crate) is_retryable: bool,
    /// Whether TLS failed, so that the certificate authorities must be read again.
    pub(crate) is_tls: bool,
    /// The target, where no connection to it could be opened. A proxy may know the reason.
    pub(crate) unreached: Option<Uri>,
}

impl Failure {
    fn new(error: Error, is_retryable: bool) -> Self {
        Self { error, is_retryable, is_tls: false, unreached: None }
    }

    pub(crate) fn final_(error: Error) -> Self {
        Self::new(error, false)
    }

    /// Of a step before sending: locating the service, or making the HTTP client.
    pub(crate) fn of_step(error: Error) -> Self {
        let is_retryable = error.is_transient();
        Self::new(error, is_retryable)
    }

    /// There is no header, or the connection failed.
    pub(crate) fn of_sending(error: AuthServiceError<reqwest::Error>) -> Self {
        match error.into_service() {
            Err(error) => {
                let is_retryable = error.is_transient();
                Self::new(error.into(), is_retryable)
            }
            Ok(error) => Self::of_connection(error),
        }
    }

    /// The proxy opened no tunnel, or its variable is unusable.
    pub(crate) fn of_proxy(error: &HttpError) -> Self {
        let fault = error.fault();
        let kind = if fault == HttpFault::ProxyInvalid { ErrorKind::Invalid } else { ErrorKind::Unavailable };
        let is_tls = fault == HttpFault::Tls;
        let help = if is_tls { TLS_HELP } else { proxy_help(fault) };
        let own = Error::new(kind, error.to_string()).with_help(help).with_source(error);
        Self { is_tls, ..Self::new(own, error.is_transient()) }
    }

    /// The connection could not be opened, or broke.
    pub(crate) fn of_connection(error: reqwest::Error) -> Self {
        if let Some(error) = find_cause::<HttpError>(&error) {
            return Self::of_proxy(error);
        }
        let target = error.url().and_then(|url| url.as_str().parse().ok());
        let unreached = target.filter(|_| error.is_connect() && !error.is_timeout());
        let host = error.url().and_then(reqwest::Url::host_str).unwrap_or_default().to_owned();
        // The context of the error has the URL already.
        let error = error.without_url();
        if error.is_builder() {
            let reason = format!("the request cannot be built: {}", root_cause(&error));
            return Self::final_(Error::new(ErrorKind::Invalid, reason).with_source(&error));
        }
        if let Some(tls) = find_cause::<rustls::Error>(&error) {
            // A wrong certificate stays wrong for the seconds of a retry.
            let is_retryable = !matches!(tls, rustls::Error::InvalidCertificate(_));
            let own = Error::new(ErrorKind::Unavailable, format!("TLS failed: {tls}")).with_help(TLS_HELP);
            return Self { is_tls: true, unreached, ..Self::new(own.with_source(&error), is_retryable) };
        }
        let unresolved = find_cause::<Unresolved>(&error);
        if let Some(unresolved @ Unresolved::NotLoopback) = unresolved {
            let own = auth::Error::new(auth::ErrorKind::Blocked, unresolved.of(&host));
            return Self::final_(own.with_help(NotLoopback::HELP).into());
        }
        let why = find_cause::<io::Error>(&error)
            .filter(|error| error.get_ref().is_none())
            .map_or_else(|| root_cause(&error), |error| error.kind().to_string());
        let (what, help) = if error.is_connect() {
            (
                "cannot connect",
                "check the network, HTTPS_PROXY, and the endpoint (`endpoint` in code, or YC_API_ENDPOINT)",
            )
        } else {
            ("the connection broke", "the server or a proxy closed the connection; try again later")
        };
        let reason = unresolved.map_or_else(|| format!("{what}: {why}"), |unresolved| unresolved.of(&host));
        let own = Error::new(ErrorKind::Unavailable, reason).with_help(help);
        Self { unreached, ..Self::new(own.with_source(&error), true) }
    }

    /// A response with another status than 2xx. `secrets` are masked in the server's message.
    pub(crate) fn of_response(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        secrets: &[&str],
        method: Option<Method>,
    ) -> Self {
        let kind = match status.as_u16() {
            408 | 429 | 500..=599 => ErrorKind::Unavailable,
            _ => ErrorKind::Refused,
        };
        let mut reason = format!("HTTP {}", status.as_u16());
        if status.is_redirection() {
            reason.push_str(", a redirect, and the SDK follows no redirect");
        }
        if let Some(message) = server_message(body) {
            let is_about_a_token = method.is_some_and(|method| method != Method::ApiKey);
            let message = if is_about_a_token { about_a_token(message) } else { message };
            reason = format!("{reason}: {message}");
        }
        let error = Error::new(kind, auth::redact(&reason, secrets))
            .with_status(status)
            .with_retry_after(retry_after(headers))
            .with_help(help(status, method));
        Self::new(error, is_retryable(status))
    }
}

fn help(status: StatusCode, method: Option<Method>) -> String {
    match (status.as_u16(), method) {
        (401, Some(Method::None)) => {
            "the server requires authentication: set `auth` or YC_API_KEY".to_owned()
        }
        (401, Some(method)) => {
            format!(
                "the server refused the credentials ({method}): check that the {noun} is complete, is not {ended}, and \
                 belongs to this installation",
                noun = if method == Method::ApiKey { "key" } else { "token" },
                ended = if method == Method::ApiKey { "deleted" } else { "expired or revoked" },
            )
        }
        (401, None) => "the server refused the credentials".to_owned(),
        (403, _) => "the account has no permission: grant the account the role ai.languageModels.user in the folder, or give the API \
                     key the scope"
            .to_owned(),
        (404, _) => "check the name of the model, the folder, and the endpoint".to_owned(),
        (429, _) => "the quota is exceeded: send fewer calls at a time, or request a higher quota".to_owned(),
        (400..=499, _) => "check the request: the server's message says what is wrong".to_owned(),
        (300..=399, _) => "another server responds: check the endpoint".to_owned(),
        _ => "the service is unavailable at the moment; try again later".to_owned(),
    }
}

fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The first error of this type in the chain of causes, also inside an I/O error.
fn find_cause<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // `source` of an I/O error skips the error that the I/O error wraps.
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
    fn a_status_decides_the_kind_and_the_retry() {
        for (code, kind, retried) in [
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
            let failure = Failure::of_response(status, &HeaderMap::new(), b"", &[], None);
            assert_eq!((failure.error.kind(), failure.is_retryable), (kind, retried), "{code}");
            assert_eq!(failure.error.status(), Some(status));
            assert!(failure.error.help().is_some());
        }
    }

    #[test]
    fn a_refused_token_is_not_blamed_on_an_api_key() {
        let status = StatusCode::UNAUTHORIZED;
        let body = br#"{"error":{"message":"rpc error: code = Unauthenticated desc = Unknown api key 'x'"}}"#;
        for (method, blames_a_token) in
            [(Method::IamToken, true), (Method::Metadata, true), (Method::ApiKey, false)]
        {
            let failure = Failure::of_response(status, &HeaderMap::new(), body, &[], Some(method));
            let shown = failure.error.to_string();
            assert_eq!(shown.contains("refused the token, not an API key"), blames_a_token, "{shown}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_or_shows_a_key(code in 100_u16..600, before in "\\PC{0,20}", body: Vec<u8>) {
            let status = StatusCode::from_u16(code).unwrap();
            let _ = Failure::of_response(status, &HeaderMap::new(), &body, &[], None);
            let body = format!("{before} hunter2hunter2 AQVNhunter");
            let body = serde_json::json!({"message": body}).to_string();
            let secrets = ["hunter2hunter2"];
            let failure = Failure::of_response(status, &HeaderMap::new(), body.as_bytes(), &secrets, None);
            prop_assert!(!failure.error.to_string().contains("hunter2"));
            let debug = format!("{:?}", failure.error);
            prop_assert!(!debug.contains("hunter2"));
        }
    }
}
