//! gRPC without generated code: the messages of a request, the frames of a response, and the status at the end.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either};
use hyper::body::Incoming;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use prost::Message;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::config::Limits;
use crate::service::{Body, BoxError, Outcome, respond};

pub(super) const CONTENT_TYPE: &str = "application/grpc";

/// Before each message: the flag of compression, and the length in four bytes.
const PREFIX: usize = 5;

/// What is encoded in `grpc-message`. Characters outside ASCII are, in any case.
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
    fn of_http(self) -> StatusCode {
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

/// How a call ends.
#[derive(Debug)]
pub(super) struct Status {
    code: Code,
    message: String,
}

impl Status {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
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
        let mut response = respond(StatusCode::OK, CONTENT_TYPE, Bytes::new());
        response.headers_mut().extend(self.trailers());
        response.extensions_mut().insert(Outcome(self.code.of_http()));
        response
    }
}

/// A response whose body ends with a status.
pub(super) fn response(body: UnsyncBoxBody<Bytes, BoxError>) -> Response<Body> {
    let mut response = Response::new(Either::Right(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}

/// A message as it is sent. Its bytes are wiped when they have been sent.
pub(super) fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = Zeroizing::new(Vec::with_capacity(PREFIX + length));
    frame.push(0);
    frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    // There is room for it.
    let _ = message.encode(&mut *frame);
    Bytes::from_owner(frame)
}

/// The messages of a request.
pub(super) struct Messages {
    body: Incoming,
    buffer: BytesMut,
    /// When the message that is not complete began; the first one begins with the request.
    began: Option<Instant>,
    max_length: usize,
    limit: Duration,
}

impl Messages {
    pub(super) fn new(body: Incoming, limits: &Limits) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
            began: Some(Instant::now()),
            max_length: limits.message_bytes,
            limit: limits.body_time(),
        }
    }

    /// The next message; `None` after the last one.
    ///
    /// # Errors
    /// The status with which the call ends: a message is malformed, too long or too slow.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call goes on.
    pub(super) async fn next<M: Message + Default>(&mut self) -> Result<Option<M>, Status> {
        loop {
            if let Some(message) = self.take()? {
                // The error of the library names fields of types, which mean nothing to a client.
                let decoded = M::decode(message).map_err(|_| malformed("it is not protobuf of its type"));
                return decoded.map(Some);
            }
            let frame = match self.began {
                None => self.body.frame().await,
                Some(began) => timeout_at(began + self.limit, self.body.frame())
                    .await
                    .map_err(|_| Status::new(Code::DeadlineExceeded, "the message did not arrive in time"))?,
            };
            match frame {
                Some(Ok(frame)) => {
                    // Trailers of a request have no meaning.
                    if let Ok(data) = frame.into_data() {
                        self.began.get_or_insert_with(Instant::now);
                        self.buffer.extend_from_slice(&data);
                    }
                }
                None if !self.buffer.is_empty() => return Err(malformed("it has no end")),
                // The client has ended the request, or is gone.
                None | Some(Err(_)) => return Ok(None),
            }
        }
    }

    /// A message that has arrived as a whole.
    fn take(&mut self) -> Result<Option<BytesMut>, Status> {
        let Some(&[flag, a, b, c, d]) = self.buffer.first_chunk::<PREFIX>() else { return Ok(None) };
        if flag != 0 {
            return Err(Status::new(Code::Unimplemented, "messages with compression are not read"));
        }
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > self.max_length {
            let reason = format!(
                "the message has {length} bytes, and at most {} are read (`message_bytes`)",
                self.max_length
            );
            return Err(Status::new(Code::ResourceExhausted, reason));
        }
        if self.buffer.len() < PREFIX + length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        let message = self.buffer.split_to(length);
        self.began = (!self.buffer.is_empty()).then(Instant::now);
        Ok(Some(message))
    }
}

fn malformed(reason: &str) -> Status {
    Status::new(Code::Internal, format!("the message is malformed: {reason}"))
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
