//! A streamed response: bytes in, items out, and one rule for how a stream ends.
//!
//! A stream ends where the service says that the response is complete. Every other end is an error, and no item
//! follows an error. A [`Decoder`] knows the format of one API; [`ItemStream`] is the rest.

mod buffer;
pub(crate) mod json_objects;
pub(crate) mod sse;

use std::fmt;
use std::task::{Context, Poll, ready};

use crate::client::BodyStream;
use crate::error::{Error, ErrorKind};

/// Decodes the items of one API out of the bytes of a body, and keeps the response so far.
pub(crate) trait Decoder: Default + fmt::Debug {
    type Item;
    type Response;

    /// Adds bytes, in pieces of any size.
    fn push(&mut self, bytes: &[u8]);

    /// The next item of the bytes so far, or `None` where the decoder needs more. `ended` says that no byte follows.
    fn next(&mut self, ended: bool) -> Option<Result<Frame<Self::Item>, Error>>;

    /// Whether the response is complete, although the body ended without an end mark. The error says why it is not.
    fn check_end(&self) -> Result<(), Error>;

    /// The whole response, after the end.
    fn into_response(self) -> Result<Self::Response, Error>;
}

/// What a decoder found.
pub(crate) enum Frame<T> {
    Item(T),
    /// The service says that the response is complete.
    End,
}

/// The items of one streamed response.
#[derive(Debug)]
pub(crate) struct ItemStream<D> {
    body: BodyStream,
    decoder: D,
    state: State,
    /// Why the stream ended, where the response is not complete.
    failure: Option<Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// The body has ended; the decoder may still hold items.
    BodyEnded,
    Done,
}

impl<D: Decoder> ItemStream<D> {
    pub(crate) fn new(body: BodyStream) -> Self {
        Self { body, decoder: D::default(), state: State::Reading, failure: None }
    }

    pub(crate) fn decoder(&self) -> &D {
        &self.decoder
    }

    /// The next item; `None` after the end.
    pub(crate) async fn next(&mut self) -> Option<Result<D::Item, Error>> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<D::Item, Error>>> {
        if self.state == State::Done {
            return Poll::Ready(None);
        }
        let frame = ready!(self.poll_frame(context));
        if let Ok(Frame::Item(item)) = frame {
            return Poll::Ready(Some(Ok(item)));
        }
        self.state = State::Done;
        match frame {
            Ok(_) => {
                // Read the last bytes of the body, which arrive with the end mark, so that the connection is reused.
                let _ = self.body.poll_bytes(context);
                Poll::Ready(None)
            }
            Err(error) => {
                self.failure = Some(error.clone());
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    /// Reads the rest, and returns the whole response.
    pub(crate) async fn finish(mut self) -> Result<D::Response, Error> {
        while let Some(item) = self.next().await {
            item?;
        }
        // A caller may have ignored the error of an earlier `next`; a part must never pass for the whole.
        if let Some(error) = self.failure {
            return Err(error);
        }
        let Self { body, decoder, .. } = self;
        decoder.into_response().map_err(|error| body.in_context(error))
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Result<Frame<D::Item>, Error>> {
        loop {
            if let Some(frame) = self.decoder.next(self.state == State::BodyEnded) {
                return Poll::Ready(frame.map_err(|error| self.body.in_context(error)));
            }
            if self.state == State::BodyEnded {
                let end = self.decoder.check_end().map(|()| Frame::End);
                return Poll::Ready(end.map_err(|error| self.body.in_context(error)));
            }
            match ready!(self.body.poll_bytes(context)) {
                Some(Ok(bytes)) => self.decoder.push(&bytes),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => self.state = State::BodyEnded,
            }
        }
    }
}

/// The body ended before the response was complete.
pub(crate) fn cut() -> Error {
    Error::new(ErrorKind::Unavailable, "the stream was cut before the end of the response")
        .with_help("the received part is incomplete; repeat the request for the whole response")
}
