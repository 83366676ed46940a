//! The body of a streamed answer.

use std::task::{Context, Poll};

use bytes::Bytes;

use crate::error::{Error, ErrorKind};

/// Pieces of a streamed answer, as they come.
#[derive(Debug)]
pub(crate) struct Incoming {}

impl Incoming {
    pub(crate) fn poll_piece(&mut self, _context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        Poll::Ready(None)
    }

    pub(crate) async fn piece(&mut self) -> Option<Result<Bytes, Error>> {
        std::future::poll_fn(|context| self.poll_piece(context)).await
    }

    pub(crate) fn error(&self, kind: ErrorKind, reason: impl Into<String>) -> Error {
        Error::new(kind, reason)
    }
}
