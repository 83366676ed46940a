//! The body of a streamed answer: pieces as they come, within the deadline of the call, and never from the beginning
//! again.

use std::fmt;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use futures_core::Stream;

use super::deadline::Deadline;
use super::failure::Failure;
use crate::error::{Context, Error, ErrorKind};

type Pieces = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// A streamed answer. After an error, or the end, there is nothing more.
pub(crate) struct Incoming {
    /// Gone when it has ended: the connection goes back to the pool, or is closed.
    pieces: Option<Pieces>,
    deadline: Deadline,
    context: Context,
}

impl Incoming {
    pub(super) fn new(answer: reqwest::Response, deadline: Deadline, context: Context) -> Self {
        Self { pieces: Some(Box::pin(answer.bytes_stream())), deadline, context }
    }

    /// The next piece, of any size; `None` at the end.
    pub(crate) fn poll_piece(&mut self, context: &mut TaskContext<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let Some(pieces) = &mut self.pieces else { return Poll::Ready(None) };
        // The deadline first: a server that never pauses must not outlast it.
        let error = if self.deadline.poll(context).is_ready() {
            let limit = self.deadline.end().limit;
            Error::new(ErrorKind::Timeout, format!("the answer did not end within {limit:?}"))
                .with_help("give the call a longer timeout")
        } else {
            match pieces.as_mut().poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(piece))) => return Poll::Ready(Some(Ok(piece))),
                Poll::Ready(None) => {
                    self.pieces = None;
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(error))) => Failure::of_connection(error).error,
            }
        };
        self.pieces = None;
        Poll::Ready(Some(Err(error.with_context(self.context.clone()))))
    }

    /// An error at this place in the stream: what came cannot be read, or is itself an error.
    pub(crate) fn error(&self, kind: ErrorKind, reason: impl Into<String>) -> Error {
        Error::new(kind, reason).with_context(self.context.clone())
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Incoming").field("ended", &self.pieces.is_none()).finish_non_exhaustive()
    }
}
