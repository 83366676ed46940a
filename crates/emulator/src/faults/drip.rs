//! A body that sends one byte at a time. Trailers are unchanged, so that gRPC works too.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::{Sleep, sleep};

use crate::wire::body::{Body, FramePoll, Interrupted};

pub(super) struct Drip {
    inner: Body,
    pause: Duration,
    data: Bytes,
    until: Pin<Box<Sleep>>,
}

impl Drip {
    pub(super) fn new(inner: Body, pause: Duration) -> Self {
        Self { inner, pause, data: Bytes::new(), until: Box::pin(sleep(pause)) }
    }
}

impl http_body::Body for Drip {
    type Data = Bytes;
    type Error = Interrupted;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> FramePoll {
        let this = &mut *self;
        while this.data.is_empty() {
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.data = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                end => return Poll::Ready(end),
            }
        }
        ready!(this.until.as_mut().poll(cx));
        this.until = Box::pin(sleep(this.pause));
        Poll::Ready(Some(Ok(Frame::data(this.data.split_to(1)))))
    }
}
