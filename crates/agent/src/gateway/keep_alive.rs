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

use super::body::{Bounded, Broken};
use super::refusal::Refusal;
use super::streaming;
use super::together::Together;
use crate::service::{Body, respond};

/// A comment of a stream of events.
const COMMENT: &[u8] = b": the service has not answered yet\n\n";

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
    /// The service has refused: what it says becomes an event.
    Refusal(BoxFuture<'static, Bytes>),
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
        let mut response = respond(StatusCode::OK, "text/event-stream", "").map(|_| Either::Right(body));
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
                State::Refusal(text) => {
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
        Ok(response) if response.status().is_success() => State::Events(response.into_body()),
        Ok(response) => State::Refusal(Box::pin(async move {
            let body = response.into_body().collect().await.map(http_body_util::Collected::to_bytes);
            event(&String::from_utf8_lossy(&body.unwrap_or_default()))
        })),
        Err(refusal) => State::Refusal(Box::pin(ready_now(event(&refusal.json())))),
    }
}

/// A text as an event, on one line.
fn event(text: &str) -> Bytes {
    format!("data: {}\n\n", text.replace(['\r', '\n'], " ")).into()
}
