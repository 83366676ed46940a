//! One request and one answer on a connection of their own.
//!
//! The connection is driven by the exchange itself, not by a task beside it: when the exchange ends or is dropped,
//! the socket is closed, whatever becomes of the runtime.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, HOST, HeaderValue, USER_AGENT};
use http::uri::{PathAndQuery, Scheme, Uri};
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use zeroize::Zeroizing;

use super::super::bounded::Bounded;
use super::dial::inner;
use super::{HttpError, HttpFault, tls};

/// How large the head of an answer may be. It also bounds how much is parsed at a time, so that a flood of interim
/// answers does not keep the thread from its other work.
const MAX_HEAD: usize = 32 << 10;

/// A request that is ready to be written, and where it goes.
pub(super) struct Outgoing {
    pub(super) target: Uri,
    request: Request<Full<Bytes>>,
}

impl Outgoing {
    /// Splits the target from the request, names the host and the library, and makes the body wipe itself.
    pub(super) fn new(request: Request<Vec<u8>>) -> Result<Self, HttpError> {
        let (mut parts, body) = request.into_parts();
        let body = Full::new(Bytes::from_owner(Zeroizing::new(body)));
        let refuse =
            |why: &str| HttpError::new(HttpFault::Request, format!("cannot send the request: {why}"));
        let target = std::mem::take(&mut parts.uri);
        let secure = target.scheme() == Some(&Scheme::HTTPS);
        if !secure && target.scheme() != Some(&Scheme::HTTP) {
            return Err(refuse("the address is neither http:// nor https://"));
        }
        let host =
            target.host().filter(|host| !host.is_empty()).ok_or_else(|| refuse("the address has no host"))?;
        let default_port = if secure { 443 } else { 80 };
        let host = match target.port_u16().filter(|port| *port != default_port) {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let host = HeaderValue::try_from(host).map_err(|_| refuse("the host cannot stand in a header"))?;
        parts.headers.entry(HOST).or_insert(host);
        parts
            .headers
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!("yandex-cloud-auth/", env!("CARGO_PKG_VERSION"))));
        parts.headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
        parts.uri = target.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")).into();
        parts.version = Version::HTTP_11;
        Ok(Self { target, request: Request::from_parts(parts, body) })
    }
}

/// Sends the request over `stream` and reads the answer, at most `max_body` bytes of body.
pub(super) async fn exchange<S>(
    stream: S,
    outgoing: Outgoing,
    max_body: usize,
) -> Result<Response<Vec<u8>>, HttpError>
where
    S: Read + Write + Unpin,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(stream)
        .await
        .map_err(|error| broken(&error))?;
    let answer = async move {
        let response = sender.send_request(outgoing.request).await.map_err(|error| broken(&error))?;
        read(response, max_body).await
    };
    beside(connection, answer).await
}

/// Polls `main` to its end, and `driver` with it for as long as that runs.
async fn beside<T>(driver: impl Future, main: impl Future<Output = T>) -> T {
    let (mut driver, mut main) = (pin!(driver), pin!(main));
    let mut driving = true;
    poll_fn(|context| {
        driving = driving && driver.as_mut().poll(context).is_pending();
        match main.as_mut().poll(context) {
            Poll::Pending if driving => {
                // What `main` has just asked for may be done by the driver at once.
                driving = driver.as_mut().poll(context).is_pending();
                if driving { Poll::Pending } else { main.as_mut().poll(context) }
            }
            polled => polled,
        }
    })
    .await
}

async fn read(response: Response<Incoming>, max_body: usize) -> Result<Response<Vec<u8>>, HttpError> {
    let (parts, mut body) = response.into_parts();
    let too_large =
        || HttpError::new(HttpFault::TooLarge, format!("the answer is larger than {max_body} bytes"));
    if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > max_body) {
        return Err(too_large());
    }
    let mut kept = Bounded::new(max_body);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        if frame.data_ref().is_some_and(|data| !kept.push(data)) {
            return Err(too_large());
        }
    }
    Ok(Response::from_parts(parts, std::mem::take(&mut *kept.into_bytes())))
}

/// What a failure on an open connection says.
fn broken(error: &hyper::Error) -> HttpError {
    let source: &(dyn StdError + 'static) = error;
    if inner::<rustls::Error>(source).is_some() {
        return tls::failed(source);
    }
    if error.is_parse() {
        // One of hyper's fixed phrases: it quotes nothing.
        return HttpError::new(HttpFault::Malformed, format!("the answer is not HTTP: {error}"));
    }
    match inner::<io::Error>(source).map(io::Error::kind) {
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
            HttpError::new(HttpFault::Malformed, "the body of the answer is not HTTP")
        }
        Some(io::ErrorKind::UnexpectedEof) | None => {
            HttpError::new(HttpFault::Interrupted, "the connection was closed before the whole answer came")
        }
        Some(kind) => HttpError::new(HttpFault::Interrupted, format!("the connection broke: {kind}")),
    }
}
