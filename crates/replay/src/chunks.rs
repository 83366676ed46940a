//! A body that is sent in chunks of random sizes.
//!
//! A chunk boundary can be at any byte: in the middle of an event, of a line, or of a character.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

/// The size limit of a small chunk, in bytes.
const SMALL: usize = 7;
/// The size limit of a large chunk, in bytes. A body of more than 12,800 bytes gets a higher limit, so that it has
/// about 200 large chunks.
const LARGE: usize = 64;

pub(crate) struct Chunks {
    rest: Bytes,
    large: usize,
    random: fastrand::Rng,
    flushing: bool,
}

impl Chunks {
    pub(crate) fn new(body: Bytes, seed: u64) -> Self {
        let large = LARGE.max(body.len() / 200);
        Self { rest: body, large, random: fastrand::Rng::with_seed(seed), flushing: false }
    }
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        // hyper sends its buffer when the body is pending, so each chunk is sent before the next chunk is created.
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
