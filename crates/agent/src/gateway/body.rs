//! Bodies on their way through the gateway: nothing is held back, and no pause is longer than allowed.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// The body of a request to a service.
pub(super) type Streamed = UnsyncBoxBody<Bytes, Broken>;

/// Why a body ended before its end.
#[derive(Clone, Debug)]
pub(super) enum Broken {
    TooSlow,
    TooLong,
    Lost(Arc<hyper::Error>),
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSlow => formatter.write_str("the next part of the body took too long"),
            Self::TooLong => formatter.write_str("the body is too long"),
            Self::Lost(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for Broken {}

/// How far the body of a request is. Clones share what they know.
#[derive(Clone)]
pub(super) struct Upload(Arc<Progress>);

struct Progress {
    /// Why the body broke, if it did: the library does not pass the reason on if the service speaks HTTP/2.
    broken: OnceLock<Broken>,
    /// When the service has read the last part so far.
    last: Mutex<Instant>,
}

impl Default for Upload {
    fn default() -> Self {
        Self(Arc::new(Progress { broken: OnceLock::new(), last: Mutex::new(Instant::now()) }))
    }
}

impl Upload {
    pub(super) fn broken(&self) -> Option<&Broken> {
        self.0.broken.get()
    }

    pub(super) fn last(&self) -> Instant {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn goes_on(&self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// A body with a limit of its size, and of the pause between two parts.
pub(super) struct Bounded {
    inner: Incoming,
    pause: Duration,
    /// Runs while the next part has not arrived.
    waiting: Option<Pin<Box<Sleep>>>,
    left: u64,
    /// That of a request.
    upload: Option<Upload>,
    _open: Option<Arc<dyn Any + Send + Sync>>,
}

impl Bounded {
    pub(super) fn new(inner: Incoming, pause: Duration, limit: u64) -> Self {
        Self { inner, pause, waiting: None, left: limit, upload: None, _open: None }
    }

    /// The body of a request, which tells how far it is. Its trailers are dropped, as RFC 9110 §6.5.1 allows: no service asks
    /// for any, and the key could stand in them.
    pub(super) fn of(self, upload: &Upload) -> Self {
        Self { upload: Some(upload.clone()), ..self }
    }

    /// Keeps what counts the request as open.
    pub(super) fn holding(self, open: Arc<dyn Any + Send + Sync>) -> Self {
        Self { _open: Some(open), ..self }
    }

    fn broken(&self, broken: Broken) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(upload) = &self.upload {
            let _ = upload.0.broken.set(broken.clone());
        }
        Poll::Ready(Some(Err(broken)))
    }
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) else {
            let pause = self.pause;
            let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(pause)));
            ready!(waiting.as_mut().poll(context));
            return self.broken(Broken::TooSlow);
        };
        self.waiting = None;
        let length = |frame: &Frame<Bytes>| frame.data_ref().map_or(0, Bytes::len) as u64;
        match frame {
            Some(Ok(frame)) if length(&frame) > self.left => self.broken(Broken::TooLong),
            Some(Ok(frame)) if frame.is_trailers() && self.upload.is_some() => Poll::Ready(None),
            Some(Ok(frame)) => {
                self.left -= length(&frame);
                if let Some(upload) = &self.upload {
                    upload.goes_on();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => self.broken(Broken::Lost(Arc::new(error))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The beginning of a body.
pub(super) enum Beginning {
    /// The body as a whole.
    Whole(Bytes),
    /// More than the limit of it, and the rest.
    Part(Bytes, Bounded),
}

/// Reads a body up to a limit.
///
/// # Errors
/// The client broke off, or took too long.
pub(super) async fn beginning(mut body: Bounded, limit: usize) -> Result<Beginning, Broken> {
    let mut first = Bytes::new();
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        // Most bodies are one part, which is not copied.
        if first.is_empty() && read.is_empty() {
            first = data;
        } else {
            if read.is_empty() {
                read.extend_from_slice(&first);
            }
            read.extend_from_slice(&data);
        }
        if first.len().max(read.len()) > limit {
            return Ok(Beginning::Part(if read.is_empty() { first } else { read.freeze() }, body));
        }
    }
    Ok(Beginning::Whole(if read.is_empty() { first } else { read.freeze() }))
}

/// A body that is there as a whole.
pub(super) fn whole(body: Bytes) -> Streamed {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

/// A body whose beginning has been read.
pub(super) struct Resumed {
    beginning: Option<Bytes>,
    rest: Bounded,
}

impl Resumed {
    pub(super) fn new(beginning: Bytes, rest: Bounded) -> Self {
        Self { beginning: Some(beginning), rest }
    }
}

impl Body for Resumed {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.beginning.take() {
            Some(beginning) => Poll::Ready(Some(Ok(Frame::data(beginning)))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn size_hint(&self) -> SizeHint {
        longer(&self.rest.size_hint(), self.beginning.as_ref().map_or(0, Bytes::len))
    }
}

/// What is known of the length of a body with these bytes more.
pub(super) fn longer(hint: &SizeHint, bytes: usize) -> SizeHint {
    let mut longer = SizeHint::new();
    longer.set_lower(hint.lower().saturating_add(bytes as u64));
    if let Some(upper) = hint.upper().and_then(|upper| upper.checked_add(bytes as u64)) {
        longer.set_upper(upper);
    }
    longer
}
