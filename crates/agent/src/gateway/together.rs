//! The parts of a response that arrive at the same time go on together. By itself each part would be one write, and a model
//! sends a part for each token.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::body::longer;

/// As much as goes on at once without another look for more.
const ENOUGH: usize = 16 << 10;

/// How often there is no more part before the parts go on: the library asks twice in one turn of a connection of HTTP/1.1.
const LOOKS: u8 = 2;

/// A body whose parts go on together. A part waits no longer than the other tasks of the runtime need for a turn or two: the
/// connection to the service is one of them, and has the next part then if it has arrived.
pub(super) struct Together<B: Body> {
    inner: B,
    parts: VecDeque<Frame<Bytes>>,
    /// The bytes of `parts`.
    length: usize,
    state: State<B::Error>,
}

#[derive(Debug)]
enum State<E> {
    /// Parts are collected.
    Collecting,
    /// The other tasks have their turn, to see whether one more part comes. How often there was none so far.
    Looking(u8),
    /// The parts go on, then more are collected.
    Sending,
    /// The parts go on, then the body ends.
    Ending(Option<E>),
}

impl<B: Body<Data = Bytes>> Together<B> {
    pub(super) fn new(inner: B) -> Self {
        Self { inner, parts: VecDeque::new(), length: 0, state: State::Collecting }
    }

    fn collect(&mut self, part: Frame<Bytes>) {
        self.length += part.data_ref().map_or(0, Bytes::len);
        self.parts.push_back(part);
        self.state = if self.length < ENOUGH { State::Collecting } else { State::Sending };
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Together<B>
where
    B::Error: Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        loop {
            if let State::Sending | State::Ending(_) = this.state
                && let Some(part) = this.parts.pop_front()
            {
                return Poll::Ready(Some(Ok(part)));
            }
            if let State::Ending(error) = &mut this.state {
                // At an error the connection drops what it has not written yet: first it gets the time to write.
                if error.is_some() && std::mem::take(&mut this.length) > 0 {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                return Poll::Ready(error.take().map(Err));
            }
            if let State::Sending = this.state {
                // A stream may say nothing for a long time: it keeps no memory for parts.
                (this.length, this.parts, this.state) = (0, VecDeque::new(), State::Collecting);
            }
            match (Pin::new(&mut this.inner).poll_frame(context), &this.state) {
                (Poll::Ready(Some(Ok(part))), _) => this.collect(part),
                (Poll::Ready(Some(Err(error))), _) => this.state = State::Ending(Some(error)),
                (Poll::Ready(None), _) => this.state = State::Ending(None),
                (Poll::Pending, State::Looking(LOOKS)) => this.state = State::Sending,
                (Poll::Pending, state) => {
                    if !this.parts.is_empty() {
                        let looks = if let State::Looking(looks) = state { *looks } else { 0 };
                        this.state = State::Looking(looks + 1);
                        context.waker().wake_by_ref();
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
            && match &self.state {
                State::Ending(error) => error.is_none(),
                _ => self.inner.is_end_stream(),
            }
    }

    fn size_hint(&self) -> SizeHint {
        longer(&self.inner.size_hint(), self.parts.iter().filter_map(Frame::data_ref).map(Bytes::len).sum())
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// A body that has what a list says: a part, an error, or nothing yet.
    struct List(VecDeque<Option<Result<&'static str, &'static str>>>);

    impl Body for List {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
            match self.0.pop_front() {
                Some(Some(next)) => Poll::Ready(Some(next.map(|part| Frame::data(part.into())))),
                Some(None) => Poll::Pending,
                None => Poll::Ready(None),
            }
        }
    }

    /// What a reader gets that asks again after each pause, with a stroke for a pause.
    fn read(list: impl IntoIterator<Item = Option<Result<&'static str, &'static str>>>) -> String {
        let (mut body, mut read) = (Together::new(List(list.into_iter().collect())), String::new());
        let context = &mut Context::from_waker(Waker::noop());
        loop {
            match Pin::new(&mut body).poll_frame(context) {
                Poll::Pending => read.push('|'),
                Poll::Ready(Some(Ok(part))) => {
                    read.push_str(std::str::from_utf8(part.data_ref().unwrap()).unwrap());
                }
                Poll::Ready(Some(Err(error))) => return read + "!" + error,
                Poll::Ready(None) => return read + ".",
            }
        }
    }

    #[test]
    fn parts_go_on_after_two_looks_that_find_no_more() {
        let (a, b, c, none) = (Some(Ok("a")), Some(Ok("b")), Some(Ok("c")), None);
        assert_eq!(read([]), ".");
        assert_eq!(read([a, none, none, none, none, b]), "||a|b.");
        assert_eq!(read([a, none, b, none, c, none, none, none]), "||||abc.", "each look begins anew");
        assert_eq!(read([none, none, a, b, none]), "|||ab.", "without a part there is nothing to look for");
        assert_eq!(read([a, none, b]), "|ab.", "at the end nothing waits");
    }

    #[test]
    fn an_error_comes_after_the_parts() {
        assert_eq!(read([Some(Ok("a")), None, Some(Ok("b")), Some(Err("broken"))]), "|ab|!broken");
        assert_eq!(read([Some(Err("broken"))]), "!broken");
    }

    #[test]
    fn enough_goes_on_without_a_look() {
        static LONG: [u8; ENOUGH] = [b'x'; ENOUGH];
        let long = std::str::from_utf8(&LONG).unwrap();
        assert_eq!(read([Some(Ok(long)), None, None, Some(Ok("a"))]), format!("{long}||a."));
    }
}
