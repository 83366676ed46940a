//! Response bodies, and reading of request bodies within limits.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Sleep, sleep};

use crate::wire::status::Status;

/// The body of every response.
pub(crate) type Body = UnsyncBoxBody<Bytes, Interrupted>;

/// The result of polling a response body.
pub(crate) type FramePoll = Poll<Option<Result<Frame<Bytes>, Interrupted>>>;

/// The body of every request.
pub(crate) trait RequestBody:
    http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>
{
}

impl<B> RequestBody for B where B: http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> {}

/// Why a response body fails.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted by a fault of the emulator")
    }
}

impl Error for Interrupted {}

pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The largest request body that is read, in bytes.
pub(crate) const MAX_REQUEST: usize = 4 << 20;
/// The time limit for a request body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The delay before a body fails, so that the bytes before are sent.
const FLUSH: Duration = Duration::from_millis(20);

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Body::new(http_body_util::Full::new(bytes.into()).map_err(never))
}

pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let (status, bytes) = match serde_json::to_vec(value) {
        Ok(bytes) => (status, bytes),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Vec::new()),
    };
    let mut response = Response::new(full(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    response
}

/// A body that is sent in pieces and can end with an error.
pub(crate) struct Pieces {
    pieces: Box<dyn Iterator<Item = Bytes> + Send>,
    break_off: Option<Pin<Box<Sleep>>>,
}

impl Pieces {
    pub(crate) fn new<I>(pieces: I) -> Self
    where
        I: IntoIterator<Item = Bytes>,
        I::IntoIter: Send + 'static,
    {
        Self { pieces: Box::new(pieces.into_iter()), break_off: None }
    }

    /// Ends the body with an error, which closes the connection or the stream. The error is delayed, because hyper
    /// discards the bytes that it has not sent.
    pub(crate) fn then_break_off(mut self) -> Self {
        self.break_off = Some(Box::pin(sleep(FLUSH)));
        self
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Interrupted;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> FramePoll {
        if let Some(piece) = self.pieces.next() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let Some(moment) = &mut self.break_off else { return Poll::Ready(None) };
        ready!(moment.as_mut().poll(cx));
        self.break_off = None;
        Poll::Ready(Some(Err(Interrupted)))
    }
}

/// Reads a request's body as JSON.
///
/// An error names the position, never the value. serde's errors quote values, which can be secrets in the wrong field.
pub(crate) async fn read_json<T, B>(body: B) -> Result<T, Status>
where
    T: DeserializeOwned,
    B: RequestBody,
{
    parse(&read(body).await?)
}

/// Reads a request's body as JSON whose fields are all optional. An empty body means no fields.
pub(crate) async fn read_json_or_nothing<T, B>(body: B) -> Result<T, Status>
where
    T: DeserializeOwned,
    B: RequestBody,
{
    let bytes = read(body).await?;
    parse(if bytes.is_empty() { b"{}" } else { &bytes })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Status> {
    serde_json::from_slice(bytes).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "a field of the body is missing or has the wrong type",
            serde_json::error::Category::Eof
            | serde_json::error::Category::Io
            | serde_json::error::Category::Syntax => "the body is not JSON",
        };
        Status::invalid(format!("{what} (line {}, column {})", error.line(), error.column()))
    })
}

pub(crate) async fn read<B>(body: B) -> Result<Bytes, Status>
where
    B: RequestBody,
{
    let too_large = Status::invalid(format!("the body is larger than {MAX_REQUEST} bytes"))
        .over_http(StatusCode::PAYLOAD_TOO_LARGE);
    read_up_to(MAX_REQUEST, too_large, body).await
}

/// As [`read`], with another limit in bytes, and the error for a body over the limit.
pub(crate) async fn read_up_to<B>(limit: usize, too_large: Status, body: B) -> Result<Bytes, Status>
where
    B: RequestBody,
{
    let limited = Limited::new(body, limit).collect();
    match tokio::time::timeout(READ_TIMEOUT, limited).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large),
        Ok(Err(_)) => Err(Status::invalid("the body is incomplete")),
        Err(_) => Err(Status::of_http(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
    }
}

fn never(never: Infallible) -> Interrupted {
    match never {}
}
