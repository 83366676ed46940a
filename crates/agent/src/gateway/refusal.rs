//! What a client is told when the gateway itself refuses a request, in the form that the client reads: that of OpenAI's
//! API, or of gRPC.

use std::error::Error as StdError;

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::json;
use yandex_cloud_auth::system::HttpError;
use yandex_cloud_auth::{Error, ErrorKind, redact};

use super::body::Broken;
use super::upstream::Target;
use crate::service::{Body, GRPC, is_grpc, method_not_allowed, respond};

/// What `grpc-message` writes as it is.
const IN_GRPC: &AsciiSet = &CONTROLS.add(b'%').add(b'"');

/// A refusal of the gateway.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    /// The code of the error in OpenAI's form.
    code: &'static str,
    message: String,
    /// The methods that there are, of a refusal of the method.
    methods: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), methods: None }
    }

    /// Nothing is forwarded there with this method. `methods`: those that are.
    pub(super) fn method(method: &Method, methods: String) -> Self {
        let message = format!("the gateway forwards no {method} here: see `methods` of `upstream`");
        Self {
            methods: Some(methods),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_method", message)
        }
    }

    /// The key of the client is missing or wrong. Some clients print this text, so it has the fix.
    pub(super) fn key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_api_key",
            "the key of the gateway is missing or wrong: give the content of the gateway's key file as the API key of this \
             client (yc-auth serve prints the path of the file at its start)",
        )
    }

    /// The listener refuses the request before the gateway sees it.
    pub(super) fn listener(status: StatusCode, reason: &str) -> Self {
        let code = match status {
            StatusCode::FORBIDDEN => "host_not_allowed",
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "headers_too_large",
            _ => "listener_changed",
        };
        Self::new(status, code, reason.trim_end())
    }

    /// There is no token, or the token must not go to the service.
    pub(super) fn auth(error: &Error) -> Self {
        let (status, code) = match error.kind() {
            ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "token_unavailable"),
            ErrorKind::Blocked => (StatusCode::FORBIDDEN, "destination_blocked"),
            _ => (StatusCode::BAD_GATEWAY, "token_refused"),
        };
        let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
        Self::new(status, code, format!("the gateway has no token for this request: {error}{help}"))
    }

    /// The service could not be asked, or broke off.
    pub(super) fn upstream(target: &Target, error: &(dyn StdError + 'static)) -> Self {
        let mut deepest = error;
        // The library of HTTP wraps the errors of connections.
        while let Some(source) = deepest.source().filter(|_| !deepest.is::<HttpError>()) {
            deepest = source;
        }
        let message = format!("the request to {target} failed: {deepest}");
        Self::new(StatusCode::BAD_GATEWAY, "upstream_failed", redact(&message, &[]))
    }

    /// A client broke off, sent too much, or waited too long.
    pub(super) fn body(broken: &Broken) -> Self {
        let (status, code) = match broken {
            Broken::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "request_too_large"),
            Broken::TooSlow => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Broken::Lost(_) => (StatusCode::BAD_REQUEST, "request_incomplete"),
        };
        Self::new(status, code, format!("the request was not read: {broken}"))
    }

    /// In OpenAI's form.
    pub(super) fn json(&self) -> String {
        let kind = if self.status.is_server_error() { "server_error" } else { "invalid_request_error" };
        let error = json!({"message": self.message, "type": kind, "param": null, "code": self.code});
        json!({"error": error}).to_string()
    }

    pub(super) fn response(self, headers: &Asked) -> Response<Body> {
        if headers.is_grpc {
            return self.grpc();
        }
        let mut response = respond(self.status, "application/json", self.json());
        if let Some(methods) = &self.methods {
            return method_not_allowed(response, methods);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    fn grpc(self) -> Response<Body> {
        let status = match self.status {
            StatusCode::UNAUTHORIZED => "16",
            StatusCode::FORBIDDEN => "7",
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => "12",
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "8",
            // The client may try again.
            StatusCode::MISDIRECTED_REQUEST => "14",
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => "4",
            status if status.is_server_error() => "14",
            _ => "3",
        };
        let mut response = respond(StatusCode::OK, GRPC, "");
        let headers = response.headers_mut();
        headers.insert("grpc-status", HeaderValue::from_static(status));
        let message = utf8_percent_encode(&self.message, IN_GRPC).to_string();
        if let Ok(message) = HeaderValue::try_from(message) {
            headers.insert("grpc-message", message);
        }
        response
    }
}

/// What of a request decides the form of a refusal.
pub(super) struct Asked {
    is_grpc: bool,
}

impl Asked {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self { is_grpc: is_grpc(headers) }
    }

    pub(super) fn is_grpc(&self) -> bool {
        self.is_grpc
    }
}
