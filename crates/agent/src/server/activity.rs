//! Which requests of a connection are open: from their head to the last byte of the response.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::service::{Body, BoxError};

/// The requests of a connection.
#[derive(Clone, Copy, Default, PartialEq)]
struct Requests {
    begun: u64,
    open: u32,
}

/// Counts the requests of a connection. Clones share the numbers.
#[derive(Clone, Default)]
pub(super) struct Activity(Arc<watch::Sender<Requests>>);

impl Activity {
    /// A request begins. It is open as long as the result exists.
    pub(super) fn begin(&self) -> OpenRequest {
        self.0.send_modify(|requests| {
            requests.begun += 1;
            requests.open += 1;
        });
        OpenRequest(Self(Arc::clone(&self.0)))
    }

    /// Waits for the first request.
    pub(super) async fn first_request(&self) {
        // The sender is here, so that the wait cannot fail.
        let _ = self.0.subscribe().wait_for(|requests| requests.begun > 0).await;
    }

    /// Waits until no request was open for this long, and twice as long at most: it looks once in this time, so that a
    /// request costs no timer.
    pub(super) async fn idle(&self, time: Duration) {
        let mut seen = *self.0.borrow();
        loop {
            sleep(time).await;
            let now = *self.0.borrow();
            if now == seen && now.open == 0 {
                return;
            }
            seen = now;
        }
    }
}

/// A request that is being answered.
pub(super) struct OpenRequest(Activity);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.0.send_modify(|requests| requests.open -= 1);
    }
}

/// The body of a response, whose request is open until the body is sent.
pub(super) struct TrackedBody {
    body: Body,
    _request: OpenRequest,
}

impl TrackedBody {
    pub(super) fn new(body: Body, request: OpenRequest) -> Self {
        Self { body, _request: request }
    }
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    /// The clock of the runtime jumps to the next timer while everybody waits.
    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_after_its_last_request() {
        let (time, second) = (Duration::from_secs(30), Duration::from_secs(1));
        let (activity, start) = (Activity::default(), Instant::now());
        let long = activity.begin();
        let requests = async {
            sleep(time * 3).await;
            drop(long);
            // Shorter than the time between two looks.
            sleep(second).await;
            drop(activity.begin());
            start.elapsed()
        };
        let (last, ()) = tokio::join!(requests, activity.idle(time));
        let quiet = start.elapsed() - last;
        assert!(quiet >= time && quiet <= time * 2, "{quiet:?}");
    }
}
