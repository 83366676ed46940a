//! The stream of a client: the client asks for names, and gets their secrets after each change.

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

/// What a client has asked for, and what it was sent (xDS, "state of the world").
#[derive(Default)]
struct Subscription {
    /// The names that it asks for, without those that the agent does not have.
    names: Vec<String>,
    /// The nonce of the last response: the responses are counted. 0 if there was none.
    nonce: u64,
    /// Whether the client has accepted (ACK) or refused (NACK) the last response.
    is_answered: bool,
    /// The version of the last response.
    version: u64,
    /// Whether the client has asked for other names since.
    is_changed: bool,
}

impl Subscription {
    /// Applies a request. `names`: those of the request that the agent has. Returns why the client refuses the last response,
    /// if it does.
    fn apply(&mut self, request: &DiscoveryRequest, names: Vec<String>) -> Option<String> {
        let nonce = request.response_nonce.as_str();
        // This is about an earlier response. The client will answer the last one, too.
        if self.nonce > 0 && !nonce.is_empty() && nonce != self.nonce.to_string() {
            return None;
        }
        if self.nonce == 0 || names != self.names {
            self.names = names;
            self.is_changed = true;
        }
        // The first request of a stream can have a nonce of an earlier stream. A second answer to a response does not count.
        if self.nonce == 0 || nonce.is_empty() || std::mem::replace(&mut self.is_answered, true) {
            return None;
        }
        request.error_detail.as_ref().map(|error| error.message.clone())
    }

    /// The next response, if there is something new. A response that the client has refused is not sent again.
    fn next(&mut self, shared: &Shared) -> Option<DiscoveryResponse> {
        let (version, resources) = shared.secrets.current(&self.names);
        // Envoy ignores a response without secrets.
        if resources.is_empty() || !(self.is_changed || version > self.version) {
            return None;
        }
        self.nonce += 1;
        (self.version, self.is_changed, self.is_answered) = (version, false, false);
        Some(DiscoveryResponse {
            version_info: version.to_string(),
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

/// Serves a client until it leaves, or the stream has to end. The result is the body of the response.
pub(super) fn start(
    shared: Arc<Shared>,
    messages: Messages,
    caller: Caller,
    permit: OwnedSemaphorePermit,
) -> Frames {
    // One response waits for a client that does not read. Then the client gets the last one of those that came meanwhile.
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let counted = shared.metrics.stream();
        if let Some(status) = serve(&shared, messages, caller, &sender).await {
            tracing::debug!(?status, "a stream of Envoy ends");
            let _ = sender.send(Frame::trailers(status.trailers())).await;
        }
        drop((counted, permit));
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
        // A response is made when it can be sent, so that its token is the current one.
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
                    if let Some(reason) = subscription.apply(&request, names) {
                        shared.metrics.rejections.inc();
                        let reason = redact(&reason, &[]);
                        if shared.refusals.allows(&reason) {
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
