//! One client: what it wants, what it has, and the stream of responses that brings the two together.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use yandex_cloud_auth::redact;

use super::Shared;
use super::frames::frame;
use super::grpc::Messages;
use super::messages::{DiscoveryRequest, DiscoveryResponse, SECRET};
use super::status::{Code, Status};
use crate::service::{BoxError, Caller};

/// What a client has asked for and was sent: the protocol of xDS, "state of the world".
#[derive(Default)]
pub(super) struct Subscription {
    /// The names that the agent has.
    names: Vec<String>,
    /// The number of the last response, which is its nonce. 0: none was sent.
    nonce: u64,
    /// Whether the client has taken or refused the last response.
    is_answered: bool,
    /// The number of the last change that was sent.
    sent: u64,
    /// Whether the client waits for a response to other names.
    is_new: bool,
}

impl Subscription {
    /// Takes a request. `names`: those of the request that the agent has. Returns why the client refuses the last response,
    /// if it does.
    pub(super) fn take(&mut self, request: &DiscoveryRequest, names: Vec<String>) -> Option<String> {
        let nonce = request.response_nonce.as_str();
        // About a response before the last one: the client will tell about the last one, too.
        if self.nonce > 0 && !nonce.is_empty() && nonce != self.nonce.to_string() {
            return None;
        }
        if self.nonce == 0 || names != self.names {
            self.names = names;
            self.is_new = true;
        }
        // The nonce of another stream, or the last response once more.
        if self.nonce == 0 || nonce.is_empty() || std::mem::replace(&mut self.is_answered, true) {
            return None;
        }
        request.error_detail.as_ref().map(|error| error.message.clone())
    }

    /// The next response, if there is something to tell. What was sent once is not sent again, also if the client refuses it.
    pub(super) fn next(&mut self, shared: &Shared) -> Option<DiscoveryResponse> {
        let (number, resources) = shared.secrets.of(&self.names);
        // A client ignores an empty response, and waits.
        if resources.is_empty() || !(self.is_new || number > self.sent) {
            return None;
        }
        self.nonce += 1;
        (self.sent, self.is_new, self.is_answered) = (number, false, false);
        Some(DiscoveryResponse {
            version_info: number.to_string(),
            resources,
            type_url: SECRET.to_owned(),
            nonce: self.nonce.to_string(),
        })
    }
}

/// The body of a response that a task writes.
pub(super) struct Frames(mpsc::Receiver<Frame<Bytes>>);

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(context).map(|frame| frame.map(Ok))
    }
}

/// Serves a client until it goes, or the agent has to end. The result is the body of the response.
pub(super) fn start(
    shared: Arc<Shared>,
    messages: Messages,
    caller: Caller,
    place: OwnedSemaphorePermit,
) -> Frames {
    // One response waits for a client that does not read. It gets the last one of those that come meanwhile.
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let counted = shared.metrics.stream();
        if let Some(status) = serve(&shared, messages, caller, &sender).await {
            tracing::debug!(?status, "a stream of Envoy ends");
            let _ = sender.send(Frame::trailers(status.trailers())).await;
        }
        drop((counted, place));
    });
    Frames(receiver)
}

/// How the stream ends; `None` if the client is gone.
async fn serve(
    shared: &Shared,
    mut messages: Messages,
    mut caller: Caller,
    sender: &mpsc::Sender<Frame<Bytes>>,
) -> Option<Status> {
    let mut subscription = Subscription::default();
    let mut tokens = shared.secrets.subscribe();
    let ending = || Some(Status::new(Code::Unavailable, "the agent ends, or has another configuration"));
    loop {
        // The response is made when it can be sent, so that it is never an old one.
        let permit = tokio::select! {
            permit = sender.reserve() => permit.ok()?,
            () = caller.has_to_end() => return ending(),
        };
        tokens.mark_unchanged();
        if let Some(response) = subscription.next(shared) {
            let (version, nonce) = (&response.version_info, &response.nonce);
            tracing::debug!(names = ?subscription.names, version, nonce, "pushed to Envoy");
            permit.send(Frame::data(frame(&response)));
            shared.metrics.pushes.inc();
            continue;
        }
        drop(permit);
        tokio::select! {
            _ = tokens.changed() => {}
            request = messages.next::<DiscoveryRequest>() => match request {
                Ok(Some(request)) => {
                    let names = match shared.known_names(&request) {
                        Ok(names) => names,
                        Err(status) => return Some(status),
                    };
                    if let Some(reason) = subscription.take(&request, names) {
                        shared.metrics.rejections.inc();
                        let reason = redact(&reason, &[]);
                        if shared.log_limit.allows(&reason) {
                            let node = request.node.map(|node| redact(&node.id, &[])).unwrap_or_default();
                            tracing::warn!(names = ?subscription.names, node, reason, "Envoy refuses a secret");
                        }
                    }
                }
                Ok(None) => return Some(Status::new(Code::Ok, "")),
                Err(status) => return Some(status),
            },
            () = caller.has_to_end() => return ending(),
            () = sender.closed() => return None,
        }
    }
}
