//! Errors, with a code of gRPC and a status of HTTP. `error_form.rs` has the forms of their bodies.
//!
//! A message says what is wrong with a request. It never repeats content of the request.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::wire::body::Body;
use crate::wire::grpc::{ACCEPT_ENCODING, ACCEPTED, GRPC};

/// What a `grpc-message` escapes, beside bytes outside ASCII (PROTOCOL-HTTP2.md of gRPC, "Responses").
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// The codes of google/rpc/code.proto that the emulator uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Aborted = 10,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

impl Code {
    /// The number of the code, in JSON and in `grpc-status`.
    pub(crate) fn number(self) -> i32 {
        self as i32
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Status {
    code: Code,
    message: Cow<'static, str>,
    http: Option<StatusCode>,
    kind: Option<&'static str>,
}

impl Status {
    pub(crate) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), http: None, kind: None }
    }

    pub(crate) fn unauthenticated(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Unauthenticated, message)
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    pub(crate) fn denied(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::PermissionDenied, message)
    }

    pub(crate) fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::NotFound, message)
    }

    pub(crate) fn exists(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::AlreadyExists, message)
    }

    pub(crate) fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// The same error with an HTTP status that differs from the status of its code.
    pub(crate) fn over_http(mut self, status: StatusCode) -> Self {
        self.http = Some(status);
        self
    }

    /// The same error with a `type` of the OpenAI-compatible API that differs from the type of its status.
    pub(crate) fn of_kind(mut self, kind: &'static str) -> Self {
        self.kind = Some(kind);
        self
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn kind(&self) -> Option<&'static str> {
        self.kind
    }

    pub(crate) fn http_status(&self) -> StatusCode {
        self.http.unwrap_or_else(|| status_of(self.code))
    }

    pub(crate) fn into_message(self) -> Cow<'static, str> {
        self.message
    }

    /// The error of an HTTP status.
    pub(crate) fn of_http(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code_of(status), message).over_http(status)
    }

    /// A response without messages: the status is among the headers.
    pub(crate) fn to_grpc(&self) -> Response<Body> {
        let mut response = Response::new(Body::default());
        *response.headers_mut() = self.to_trailers();
        response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
        response.headers_mut().insert(ACCEPT_ENCODING, ACCEPTED);
        response
    }

    /// The status as trailers, at the end of a gRPC response.
    pub(crate) fn to_trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from(self.code.number()));
        let message = utf8_percent_encode(&self.message, ESCAPED).to_string();
        if let Ok(message) = HeaderValue::try_from(message)
            && !message.is_empty()
        {
            trailers.insert("grpc-message", message);
        }
        trailers
    }
}

/// The table of google/rpc/code.proto.
fn status_of(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Aborted | Code::AlreadyExists => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Cancelled | Code::Unknown | Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn code_of(status: StatusCode) -> Code {
    match status.as_u16() {
        200..=299 => Code::Ok,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        408 | 504 => Code::DeadlineExceeded,
        409 => Code::Aborted,
        429 => Code::ResourceExhausted,
        400..=499 => Code::InvalidArgument,
        500 => Code::Internal,
        501 => Code::Unimplemented,
        502 | 503 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Status {}
