//! Comments that keep a stream of events alive until the service begins to answer: clients behind proxies with short limits
//! give up before a long thought ends.

use std::future::ready as ready_now;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Either};
use hyper::body::{Body as HttpBody, Frame};
use tokio::time::{Interval, interval_at};
use yandex_cloud_auth::system::BoxFuture;

use super::body::{Beginning, Bounded, Broken, beginning};
use super::refusal::Refusal;
use super::streaming;
use super::together::Together;
use crate::service::{Body, has_media_type, respond};

/// A comment of a stream of events.
const COMMENT: &[u8] = b": the service has not answered yet\n\n";

const EVENTS: &str = "text/event-stream";

/// The longest answer that becomes an event, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// A response on its way.
type Sent = BoxFuture<'static, Result<Response<Bounded>, Refusal>>;

/// A stream of events that begins before the service does.
pub(super) struct KeepAlive {
    state: State,
    comments: Interval,
}

enum State {
    Waiting(Sent),
    Events(Bounded),
    /// The service has refused, or has no stream: what it says becomes an event.
    Answer(BoxFuture<'static, Bytes>),
    End,
}

impl KeepAlive {
    /// The response of the service; after a pause a stream of events with comments until this response is there.
    pub(super) async fn respond(mut sent: Sent, every: Duration) -> Result<Response<Body>, Refusal> {
        if let Ok(response) = tokio::time::timeout(every, &mut sent).await {
            return response.map(|response| response.map(streaming));
        }
        let comments = interval_at(tokio::time::Instant::now(), every);
        let body = Self { state: State::Waiting(sent), comments };
        let body = Together::new(body).map_err(Into::into).boxed_unsync();
        let mut response = respond(StatusCode::OK, EVENTS, "").map(|_| Either::Right(body));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(response)
    }
}

impl HttpBody for KeepAlive {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            let next = match &mut self.state {
                State::Waiting(sent) => match sent.as_mut().poll(context) {
                    Poll::Ready(response) => follow(response),
                    Poll::Pending => {
                        ready!(self.comments.poll_tick(context));
                        return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(COMMENT)))));
                    }
                },
                State::Events(body) => return Pin::new(body).poll_frame(context),
                State::Answer(text) => {
                    let event = ready!(text.as_mut().poll(context));
                    self.state = State::End;
                    return Poll::Ready(Some(Ok(Frame::data(event))));
                }
                State::End => return Poll::Ready(None),
            };
            self.state = next;
        }
    }
}

/// What comes after the comments.
fn follow(response: Result<Response<Bounded>, Refusal>) -> State {
    match response {
        Ok(response) if is_events(&response) => State::Events(response.into_body()),
        Ok(response) => State::Answer(Box::pin(async move {
            let status = response.status();
            match beginning(response.into_body(), LONGEST_ANSWER).await {
                Ok(Beginning::Whole(text)) if !text.is_empty() => event(&String::from_utf8_lossy(&text)),
                Ok(Beginning::Whole(_)) => no_event(&format!("the service answered with {status}")),
                Ok(Beginning::Part(..)) => no_event(&format!(
                    "the service answered with {status}, and more text than an event can have"
                )),
                Err(broken) => {
                    no_event(&format!("the answer of the service, {status}, was not read: {broken}"))
                }
            }
        })),
        Err(refusal) => State::Answer(Box::pin(ready_now(event(&refusal.json())))),
    }
}

fn is_events(response: &Response<Bounded>) -> bool {
    response.status().is_success() && has_media_type(response.headers(), EVENTS)
}

fn no_event(message: &str) -> Bytes {
    event(&Refusal::new(StatusCode::BAD_GATEWAY, "upstream_failed", message).json())
}

/// A text as an event, on one line.
fn event(text: &str) -> Bytes {
    format!("data: {}\n\n", text.replace(['\r', '\n'], " ")).into()
}
