//! A body in pieces of random sizes, each on its way before the next is made.
//!
//! What a client reads then ends anywhere: within an event, a line, a character.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

/// How large a piece may be, at least; of a large body a two-hundredth part.
const LARGE: usize = 64;
const SMALL: usize = 7;

pub(super) struct Chunks {
    rest: Bytes,
    large: usize,
    random: fastrand::Rng,
    flushing: bool,
}

impl Chunks {
    pub(super) fn new(body: Bytes, seed: u64) -> Self {
        let large = LARGE.max(body.len() / 200);
        Self { rest: body, large, random: fastrand::Rng::with_seed(seed), flushing: false }
    }
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        // A body that is not ready makes the server send what it has.
        if !std::mem::replace(&mut self.flushing, false) {
            self.flushing = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let limit = if self.random.bool() { SMALL } else { self.large };
        let size = self.random.usize(1..=limit).min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(size)))))
    }
}
