//! What a listener asks for a response, and the parts that every service uses.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use yandex_cloud_auth::system::BoxFuture;

/// A body that is there as a whole.
pub(crate) type Body = Full<Bytes>;

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

/// What answers the requests of a listener.
pub(crate) trait Service: Send + Sync {
    /// The name in metrics and logs.
    fn kind(&self) -> &'static str;

    /// Whether a request has to name an address of the listener in `Host`.
    fn checks_host(&self) -> bool {
        true
    }

    /// The response to a request.
    fn respond(&self, request: Request<Incoming>, peer: Peer) -> BoxFuture<'_, Response<Body>>;
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

/// The content type of text.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// A response of text.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    respond(status, TEXT, body)
}

/// A response of a type.
pub(crate) fn respond(status: StatusCode, content: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
    response
}
