//! The body of a streamed response, within the deadline of its call.

use std::fmt;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use futures_core::Stream;
use yandex_cloud_auth::sdk_internals::{Timer, in_seconds};

use super::failure::Failure;
use crate::error::{Context, Error, ErrorKind};

type Chunks = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// The body. It gives no bytes after an error or the end.
pub(crate) struct BodyStream {
    /// `None` after the end: the connection returns to the pool, or is closed.
    chunks: Option<Chunks>,
    timer: Timer,
    context: Context,
}

impl BodyStream {
    pub(super) fn new(response: reqwest::Response, timer: Timer, context: Context) -> Self {
        Self { chunks: Some(Box::pin(response.bytes_stream())), timer, context }
    }

    /// The next bytes, of any length; `None` at the end.
    pub(crate) fn poll_bytes(&mut self, context: &mut TaskContext<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let Some(chunks) = &mut self.chunks else { return Poll::Ready(None) };
        // The deadline comes first: a server that sends without a pause must not outlast it.
        let error = if self.timer.poll(context).is_ready() {
            let limit = self.timer.deadline().limit();
            Error::new(ErrorKind::Timeout, format!("the response did not end within {}", in_seconds(limit)))
                .with_help("set a longer timeout for the call")
        } else {
            match chunks.as_mut().poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(bytes))) => return Poll::Ready(Some(Ok(bytes))),
                Poll::Ready(None) => {
                    self.chunks = None;
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(error))) => Failure::of_connection(error).error,
            }
        };
        self.chunks = None;
        Poll::Ready(Some(Err(self.in_context(error))))
    }

    /// The error with the context of the call.
    pub(crate) fn in_context(&self, error: Error) -> Error {
        error.with_context(self.context.clone())
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BodyStream").field("ended", &self.chunks.is_none()).finish_non_exhaustive()
    }
}
