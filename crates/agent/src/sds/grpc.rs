//! gRPC without generated code: the messages of a request as they arrive, and the head of a response.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either};
use hyper::body::Incoming;
use prost::Message;
use tokio::time::{Instant, timeout_at};

use super::frames::Decoder;
use super::status::{Code, Status};
use crate::config::Limits;
use crate::service::{Body, BoxError, GRPC};

/// A response whose body ends with a status.
pub(super) fn response(body: UnsyncBoxBody<Bytes, BoxError>) -> Response<Body> {
    let mut response = Response::new(Either::Right(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(GRPC));
    response
}

/// The messages of a request.
pub(super) struct Messages {
    body: Incoming,
    decoder: Decoder,
    /// When the message that is not complete began; the first one begins with the request.
    began: Option<Instant>,
    limit: Duration,
}

impl Messages {
    pub(super) fn new(body: Incoming, limits: &Limits) -> Self {
        Self {
            body,
            decoder: Decoder::new(limits.message_bytes),
            began: Some(Instant::now()),
            limit: limits.body_time(),
        }
    }

    /// The next message; `None` after the last one.
    ///
    /// # Errors
    /// The status with which the call ends: a message is compressed, malformed, too long or too slow.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call goes on.
    pub(super) async fn next<M: Message + Default>(&mut self) -> Result<Option<M>, Status> {
        loop {
            if let Some(message) = self.decoder.message()? {
                self.began = (!self.decoder.is_empty()).then(Instant::now);
                return Ok(Some(message));
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
                        self.decoder.push(&data);
                    }
                }
                None => return self.decoder.end().map(|()| None),
                // The client is gone.
                Some(Err(_)) => return Ok(None),
            }
        }
    }
}
