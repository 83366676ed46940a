//! How a call of gRPC ends.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::service::{Body, GRPC, Outcome, respond};

/// What is encoded in `grpc-message`, beside the characters outside ASCII.
const ENCODED: AsciiSet = CONTROLS.add(b'%');

/// The codes of gRPC that the agent answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Ok = 0,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

impl Code {
    /// The status of HTTP with the same meaning, for metrics and logs.
    fn http(self) -> StatusCode {
        match self {
            Self::Ok => StatusCode::OK,
            Self::InvalidArgument | Self::Internal => StatusCode::BAD_REQUEST,
            Self::DeadlineExceeded => StatusCode::REQUEST_TIMEOUT,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::PermissionDenied => StatusCode::FORBIDDEN,
            Self::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Self::Unimplemented => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The code and the reason.
#[derive(Debug)]
pub(super) struct Status {
    code: Code,
    message: String,
}

impl Status {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn code(&self) -> Code {
        self.code
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The end of a response.
    pub(super) fn trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::with_capacity(2);
        trailers.insert("grpc-status", HeaderValue::from(self.code as u16));
        let message = utf8_percent_encode(&self.message, &ENCODED).to_string();
        if let (false, Ok(message)) = (message.is_empty(), HeaderValue::try_from(message)) {
            trailers.insert("grpc-message", message);
        }
        trailers
    }

    /// A response of nothing else.
    pub(super) fn response(&self) -> Response<Body> {
        let mut response = respond(StatusCode::OK, GRPC, Bytes::new());
        response.headers_mut().extend(self.trailers());
        response.extensions_mut().insert(Outcome(self.code.http()));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_status_stands_in_a_header() {
        let trailers = Status::new(Code::PermissionDenied, "no: 100 %, \u{44f}\n").trailers();
        assert_eq!(trailers["grpc-status"], "7");
        assert_eq!(trailers["grpc-message"], "no: 100 %25, %D1%8F%0A");
    }
}
