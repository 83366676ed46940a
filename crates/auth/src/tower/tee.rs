//! Streamed bodies are recorded while they are sent, up to a limit.
//!
//! Both requests share the body. The first request reads and records it. The second request reads the recording and
//! then continues with the body. So a stream that was refused at its start continues in the second request.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};

use super::replay::{Replay, RequestHead};

/// Records bodies while they are sent: for body types that can wrap another body, such as those of tonic, axum and
/// reqwest.
///
/// Data is shared, not copied. A body that exceeds the limit, or that has trailers, is sent, but not sent again.
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
    /// Wraps the recorded body by `wrap`, such as `tonic::body::Body::new`.
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
    type Saved = RecordedRequest<B>;

    fn save(&self, request: Request<B>, limit: usize) -> (Request<B>, Option<RecordedRequest<B>>) {
        // A body that is known to be too large is not recorded at all.
        if request.body().size_hint().lower() > limit as u64 {
            return (request, None);
        }
        let head = RequestHead::of(&request);
        let (parts, body) = request.into_parts();
        let recording =
            Recording { body, recorded: VecDeque::new(), room: limit, phase: Phase::Recording, first: None };
        let recording = Arc::new(Mutex::new(recording));
        let body = TeeBody { recording: Arc::clone(&recording), reader: Reader::First };
        (Request::from_parts(parts, (self.wrap)(body)), Some(RecordedRequest { head, recording }))
    }

    fn can_replay(&self, saved: &RecordedRequest<B>) -> bool {
        lock(&saved.recording).phase == Phase::Recording
    }

    fn replay(&self, saved: RecordedRequest<B>) -> Option<Request<B>> {
        let first = {
            let mut recording = lock(&saved.recording);
            if recording.phase != Phase::Recording {
                return None;
            }
            recording.phase = Phase::Replaying;
            recording.first.take()
        };
        // The first request may still wait for data: wake it, so that it sees the end of its body.
        if let Some(first) = first {
            first.wake();
        }
        let body = TeeBody { recording: saved.recording, reader: Reader::Second };
        Some(saved.head.with_body((self.wrap)(body)))
    }
}

/// A request in flight, and the recording of its body.
pub struct RecordedRequest<B> {
    head: RequestHead,
    recording: Arc<Mutex<Recording<B>>>,
}

impl<B> fmt::Debug for RecordedRequest<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RecordedRequest").field("head", &self.head).finish_non_exhaustive()
    }
}

/// A body that is recorded while it is read, or that is read from its recording.
pub struct TeeBody<B> {
    recording: Arc<Mutex<Recording<B>>>,
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
enum Phase {
    /// All data that was read is recorded.
    Recording,
    /// The recording was dropped: too much data, or data that cannot be sent again.
    Discarded,
    /// The second request reads. The first request sees the end of its body.
    Replaying,
}

struct Recording<B> {
    body: B,
    recorded: VecDeque<Bytes>,
    /// How many more bytes may be recorded.
    room: usize,
    phase: Phase,
    /// Wakes the reader of the first body.
    first: Option<Waker>,
}

fn lock<B>(recording: &Mutex<Recording<B>>) -> MutexGuard<'_, Recording<B>> {
    recording.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Body<Data = Bytes> + Unpin> Recording<B> {
    fn record(&mut self, frame: &Frame<Bytes>) {
        match (self.phase, frame.data_ref()) {
            // Empty frames carry nothing, and a body may have any number of them.
            (Phase::Recording, Some(data)) if data.is_empty() => {}
            (Phase::Recording, Some(data)) if data.len() <= self.room => {
                self.room -= data.len();
                self.recorded.push_back(data.clone());
            }
            (Phase::Recording, _) => self.discard(),
            _ => {}
        }
    }

    fn discard(&mut self) {
        self.phase = Phase::Discarded;
        self.recorded = VecDeque::new();
    }

    fn has_ended_for(&self, reader: Reader) -> bool {
        reader == Reader::First && self.phase == Phase::Replaying
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
        let recording = &mut *lock(&self.recording);
        if recording.has_ended_for(self.reader) {
            return Poll::Ready(None);
        }
        if self.reader == Reader::Second
            && let Some(data) = recording.recorded.pop_front()
        {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let poll = Pin::new(&mut recording.body).poll_frame(context);
        match &poll {
            Poll::Ready(Some(Ok(frame))) => recording.record(frame),
            Poll::Ready(Some(Err(_))) => recording.discard(),
            Poll::Pending if self.reader == Reader::First => recording.first = Some(context.waker().clone()),
            Poll::Ready(None) | Poll::Pending => {}
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        let recording = lock(&self.recording);
        recording.has_ended_for(self.reader)
            || (recording.recorded_for(self.reader).is_empty() && recording.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let recording = lock(&self.recording);
        if recording.has_ended_for(self.reader) {
            return SizeHint::with_exact(0);
        }
        let recorded: u64 = recording.recorded_for(self.reader).iter().map(|data| data.len() as u64).sum();
        let rest = recording.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(recorded.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(recorded)) {
            hint.set_upper(upper);
        }
        hint
    }
}
