//! What a listener asks for a response, and the parts that every service uses.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use tokio::sync::watch;
use yandex_cloud_auth::system::BoxFuture;

/// The body of a response: there as a whole, or a stream.
pub(crate) type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, BoxError>>;

/// Why a stream ends early.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The outcome of a request for metrics and logs, where it is not the status of HTTP: an extension of the response.
#[derive(Clone, Copy)]
pub(crate) struct Outcome(pub(crate) StatusCode);

/// The versions of HTTP that a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/1.1 with upgrades, and HTTP/2. Under TLS the client chooses in the handshake, else by its first bytes.
    Both,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A process of this user, on this machine.
    User(u32),
    /// A process of this machine. The system tells whose processes they are, and did not tell about this one.
    Unknown,
    /// Another machine; or this one, on a system that does not tell whose processes they are.
    Elsewhere,
}

/// Who asks. The connection counts as open as long as a copy of this value exists: a service that goes on with the
/// connection after the response, as after an upgrade, keeps one.
#[derive(Clone)]
pub(crate) struct Caller {
    peer: Peer,
    /// Whether the listener has ended, and whether it has another service.
    ends: [watch::Receiver<bool>; 2],
    _open: Arc<dyn Any + Send + Sync>,
}

// Not the fields: a closure that uses one field captures this field alone, and the connection no longer counts.
impl Caller {
    pub(crate) fn new(
        peer: Peer,
        ends: [watch::Receiver<bool>; 2],
        open: Arc<dyn Any + Send + Sync>,
    ) -> Self {
        Self { peer, ends, _open: open }
    }

    /// The other end of the connection.
    pub(crate) fn peer(&self) -> Peer {
        self.peer
    }

    /// Waits until a response without an end of its own has to end: the listener ends, or has another service.
    pub(crate) async fn has_to_end(&mut self) {
        let [listener, service] = &mut self.ends;
        // A sender that is gone has ended, too.
        tokio::select! {
            _ = listener.wait_for(|ended| *ended) => {}
            _ = service.wait_for(|replaced| *replaced) => {}
        }
    }
}

/// What answers the requests of a listener.
pub(crate) trait Service: Send + Sync {
    /// The name in metrics and logs.
    fn kind(&self) -> &'static str;

    /// Whether a request has to name an address of the listener in `Host`.
    fn checks_host(&self) -> bool {
        true
    }

    /// Whether the service has to know whose process asks. To find out costs the system some work for each connection.
    fn asks_for_user(&self) -> bool {
        false
    }

    /// The versions of HTTP that the listener speaks. Those of a connection are the ones of its start.
    fn protocol(&self) -> Protocol {
        Protocol::Http1
    }

    /// What the streams without an end of their own rest on, such as the right of their client. They go on if a reload
    /// changes nothing of it; `None`: they end at each reload.
    fn streams_rest_on(&self) -> Option<String> {
        None
    }

    /// The response to a request that the listener itself refuses, in the form that the clients of this service read.
    fn refuse(&self, _headers: &HeaderMap, status: StatusCode, reason: &'static str) -> Response<Body> {
        text(status, reason)
    }

    /// The response to a request.
    fn respond(&self, request: Request<Incoming>, caller: Caller) -> BoxFuture<'_, Response<Body>>;
}

/// The headers of a browser's request.
const OF_BROWSERS: [HeaderName; 4] = [
    header::ORIGIN,
    HeaderName::from_static("sec-fetch-mode"),
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("sec-fetch-dest"),
];

/// The headers of a request that a proxy passed on.
const OF_PROXIES: [HeaderName; 4] = [
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    header::FORWARDED,
    header::VIA,
];

/// Whether the headers are those of a browser's request.
pub(crate) fn is_of_browser(headers: &HeaderMap) -> bool {
    OF_BROWSERS.iter().any(|name| headers.contains_key(name))
}

/// Whether the headers are those of a browser's request, or of one that a proxy passed on.
pub(crate) fn is_foreign(headers: &HeaderMap) -> bool {
    is_of_browser(headers) || OF_PROXIES.iter().any(|name| headers.contains_key(name))
}

/// Whether the body is of a media type, whatever its parameters.
pub(crate) fn has_media_type(headers: &HeaderMap, wanted: &str) -> bool {
    let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content.and_then(|content| content.split(';').next()).unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case(wanted)
}

/// Whether the body is that of a call of gRPC, whatever the form of its messages.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let content = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    content.is_some_and(|content| content.starts_with(GRPC.as_bytes()))
}

/// The content type of gRPC.
pub(crate) const GRPC: &str = "application/grpc";

/// The content type of text.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// A body that is there as a whole.
pub(crate) fn whole(body: impl Into<Bytes>) -> Body {
    Either::Left(Full::new(body.into()))
}

/// A response of text.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    respond(status, TEXT, body)
}

/// The methods of a listener that only shows something.
pub(crate) const READING: &str = "GET, HEAD";

/// Whether the method of a request only asks to be shown something.
pub(crate) fn is_reading<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET || request.method() == Method::HEAD
}

/// The refusal of a method. Every such response names the methods that there are (RFC 9110 §15.5.6); `allowed` is empty if
/// there are none.
pub(crate) fn method_not_allowed(mut response: Response<Body>, allowed: &str) -> Response<Body> {
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// A response of a type.
pub(crate) fn respond(status: StatusCode, content: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
    response
}
