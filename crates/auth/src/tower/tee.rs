//! Bodies that stream are recorded while they are sent, up to a limit.
//!
//! The body belongs to neither request but to what they share: the first reads and records, the second is given the
//! recording and goes on where it ends. So a stream that was refused at its start goes on in the second request.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};

use super::replay::{Head, Replay};

/// Records bodies while they are sent: for any body that a body of one's own can be wrapped into, as tonic's,
/// axum's and reqwest's can.
///
/// Data is shared, not copied. A body that grows over the limit, or that has trailers, is sent as ever, but not
/// again.
///
/// ```
/// # struct AnyBody(std::pin::Pin<Box<dyn http_body::Body<Data = bytes::Bytes, Error = std::io::Error> + Send>>);
/// # impl AnyBody {
/// #     fn new(body: impl http_body::Body<Data = bytes::Bytes, Error = std::io::Error> + Send + 'static) -> Self {
/// #         Self(Box::pin(body))
/// #     }
/// # }
/// # impl http_body::Body for AnyBody {
/// #     type Data = bytes::Bytes;
/// #     type Error = std::io::Error;
/// #     fn poll_frame(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>)
/// #         -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, std::io::Error>>> {
/// #         self.0.as_mut().poll_frame(context)
/// #     }
/// # }
/// use yandex_cloud_auth::tower::{AuthLayer, TeeReplay};
/// use yandex_cloud_auth::Credentials;
///
/// let layer = AuthLayer::new(Credentials::automatic())
///     .replay(TeeReplay::<AnyBody>::new(AnyBody::new))
///     .replay_limit(16 << 10);
/// ```
pub struct TeeReplay<B> {
    wrap: fn(TeeBody<B>) -> B,
}

impl<B> TeeReplay<B> {
    /// Wraps recorded bodies by `wrap`, such as `tonic::body::Body::new`.
    pub fn new(wrap: fn(TeeBody<B>) -> B) -> Self {
        Self { wrap }
    }
}

impl<B> Clone for TeeReplay<B> {
    fn clone(&self) -> Self {
        Self { wrap: self.wrap }
    }
}

impl<B> fmt::Debug for TeeReplay<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TeeReplay")
    }
}

impl<B: Body<Data = Bytes> + Unpin> Replay<Request<B>> for TeeReplay<B> {
    type Kept = Kept<B>;

    fn keep(&self, request: Request<B>, limit: usize) -> (Request<B>, Option<Kept<B>>) {
        // What is known to be too much is not recorded in the first place.
        if request.body().size_hint().lower() > limit as u64 {
            return (request, None);
        }
        let head = Head::of(&request);
        let (parts, body) = request.into_parts();
        let tape =
            Tape { body, recorded: VecDeque::new(), room: limit, state: State::Recording, first: None };
        let tape = Arc::new(Mutex::new(tape));
        let body = TeeBody { tape: Arc::clone(&tape), reader: Reader::First };
        (Request::from_parts(parts, (self.wrap)(body)), Some(Kept { head, tape }))
    }

    fn can_again(&self, kept: &Kept<B>) -> bool {
        lock(&kept.tape).state == State::Recording
    }

    fn again(&self, kept: Kept<B>) -> Option<Request<B>> {
        let first = {
            let mut tape = lock(&kept.tape);
            if tape.state != State::Recording {
                return None;
            }
            tape.state = State::TakenOver;
            tape.first.take()
        };
        // Whoever waits for more of the first body learns that there is none.
        if let Some(first) = first {
            first.wake();
        }
        Some(kept.head.with((self.wrap)(TeeBody { tape: kept.tape, reader: Reader::Second })))
    }
}

/// A request under way, and the recording of its body.
pub struct Kept<B> {
    head: Head,
    tape: Arc<Mutex<Tape<B>>>,
}

impl<B> fmt::Debug for Kept<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Kept").field("head", &self.head).finish_non_exhaustive()
    }
}

/// A body that is recorded while it is read, or read from its recording.
pub struct TeeBody<B> {
    tape: Arc<Mutex<Tape<B>>>,
    reader: Reader,
}

impl<B> fmt::Debug for TeeBody<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TeeBody").field("reader", &self.reader).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    First,
    Second,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// All that was read is recorded.
    Recording,
    /// There was too much, or something that cannot be sent again.
    Lost,
    /// The second reader has it.
    TakenOver,
}

struct Tape<B> {
    body: B,
    recorded: VecDeque<Bytes>,
    /// How many bytes more may be recorded.
    room: usize,
    state: State,
    /// Who waits for the first body.
    first: Option<Waker>,
}

fn lock<B>(tape: &Mutex<Tape<B>>) -> MutexGuard<'_, Tape<B>> {
    tape.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Body<Data = Bytes> + Unpin> Tape<B> {
    fn record(&mut self, frame: &Frame<Bytes>) {
        match (self.state, frame.data_ref()) {
            // There may be any number of them, and they say nothing.
            (State::Recording, Some(data)) if data.is_empty() => {}
            (State::Recording, Some(data)) if data.len() <= self.room => {
                self.room -= data.len();
                self.recorded.push_back(data.clone());
            }
            (State::Recording, _) => self.lose(),
            _ => {}
        }
    }

    fn lose(&mut self) {
        self.state = State::Lost;
        self.recorded = VecDeque::new();
    }

    fn is_taken_from(&self, reader: Reader) -> bool {
        reader == Reader::First && self.state == State::TakenOver
    }

    fn recorded_for(&self, reader: Reader) -> &VecDeque<Bytes> {
        const NONE: &VecDeque<Bytes> = &VecDeque::new();
        if reader == Reader::Second { &self.recorded } else { NONE }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for TeeBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let tape = &mut *lock(&self.tape);
        if tape.is_taken_from(self.reader) {
            return Poll::Ready(None);
        }
        if self.reader == Reader::Second
            && let Some(data) = tape.recorded.pop_front()
        {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let poll = Pin::new(&mut tape.body).poll_frame(context);
        match &poll {
            Poll::Ready(Some(Ok(frame))) => tape.record(frame),
            Poll::Ready(Some(Err(_))) => tape.lose(),
            Poll::Pending if self.reader == Reader::First => tape.first = Some(context.waker().clone()),
            Poll::Ready(None) | Poll::Pending => {}
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        let tape = lock(&self.tape);
        tape.is_taken_from(self.reader)
            || (tape.recorded_for(self.reader).is_empty() && tape.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let tape = lock(&self.tape);
        if tape.is_taken_from(self.reader) {
            return SizeHint::with_exact(0);
        }
        let recorded: u64 = tape.recorded_for(self.reader).iter().map(|data| data.len() as u64).sum();
        let rest = tape.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(recorded.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(recorded)) {
            hint.set_upper(upper);
        }
        hint
    }
}
