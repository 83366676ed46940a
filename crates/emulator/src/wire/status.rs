//! Errors for both protocols: `google.rpc.Status` as JSON over REST, as a trailer over gRPC.
//!
//! A message says what is wrong with a request. It never repeats content of the request.

use std::borrow::Cow;

use http::{Response, StatusCode, header};
use serde_json::json;
use tonic::Code;

use crate::wire::body::{self, Body};

#[derive(Clone, Debug)]
pub(crate) struct Status {
    code: Code,
    message: Cow<'static, str>,
    http: Option<StatusCode>,
}

impl Status {
    pub(crate) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), http: None }
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

    pub(crate) fn into_rest(self) -> Response<Body> {
        let status = self.http_status();
        let body = json!({ "code": i32::from(self.code), "message": self.message, "details": [] });
        body::json(status, &body)
    }

    pub(crate) fn into_grpc(self) -> Response<Body> {
        tonic::Status::from(self).into_http()
    }

    /// The response in the protocol of the request.
    pub(crate) fn into_response(self, grpc: bool) -> Response<Body> {
        if grpc { self.into_grpc() } else { self.into_rest() }
    }

    /// A response in plain text, for the metadata service.
    pub(crate) fn into_text(self) -> Response<Body> {
        let status = self.http_status();
        let mut response = Response::new(body::full(format!("{}\n", self.message)));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, body::TEXT);
        response
    }
}

impl From<Status> for tonic::Status {
    fn from(status: Status) -> Self {
        tonic::Status::new(status.code, status.message.into_owned())
    }
}

/// The table of google/rpc/code.proto.
fn status_of(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Aborted | Code::AlreadyExists => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
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
