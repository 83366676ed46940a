//! One request and one response, on a connection that serves nothing else.
//!
//! The exchange itself polls the connection; no task does. So the socket closes when the exchange ends or is dropped,
//! even if the runtime is gone.

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
use super::dial::{find_cause, reason};
use super::tls::tls_error;
use super::{HttpError, HttpFault};

/// The maximum size of a response head. It also bounds how much is parsed at once, so that a flood of interim responses
/// does not starve other work on the thread.
pub(super) const MAX_HEAD: usize = 32 << 10;

/// A request that is ready to be sent, and its target.
pub(super) struct Outgoing {
    pub(super) target: Uri,
    request: Request<Full<Bytes>>,
}

impl Outgoing {
    /// Separates the target from the request, adds `Host` and `User-Agent`, and arranges for the body to be wiped.
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
        let host = HeaderValue::try_from(host).map_err(|_| refuse("the host cannot be a header value"))?;
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

/// Sends the request over `stream` and reads the response, with at most `max_body` bytes of body.
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
        .map_err(|error| connection_error(&error))?;
    let response = async move {
        let response =
            sender.send_request(outgoing.request).await.map_err(|error| connection_error(&error))?;
        read(response, max_body).await
    };
    drive(connection, response).await
}

/// Polls `main` to completion, and polls `driver` along with it until `driver` completes.
pub(super) async fn drive<T>(driver: impl Future, main: impl Future<Output = T>) -> T {
    let (mut driver, mut main) = (pin!(driver), pin!(main));
    let mut driving = true;
    poll_fn(|context| {
        driving = driving && driver.as_mut().poll(context).is_pending();
        match main.as_mut().poll(context) {
            Poll::Pending if driving => {
                // `main` may have just queued work that the driver can do immediately.
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
        || HttpError::new(HttpFault::TooLarge, format!("the response is larger than {max_body} bytes"));
    if usize::try_from(body.size_hint().lower()).map_or(true, |declared| declared > max_body) {
        return Err(too_large());
    }
    let mut received = Bounded::new(max_body);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| connection_error(&error))?;
        if frame.data_ref().is_some_and(|data| !received.push(data)) {
            return Err(too_large());
        }
    }
    Ok(Response::from_parts(parts, std::mem::take(&mut *received.into_bytes())))
}

/// The error for a failure on an open connection.
pub(super) fn connection_error(error: &hyper::Error) -> HttpError {
    let source: &(dyn StdError + 'static) = error;
    if find_cause::<rustls::Error>(source).is_some() {
        return tls_error(source);
    }
    if error.is_parse() {
        // hyper's text is a fixed phrase: it quotes nothing of the response.
        return HttpError::new(HttpFault::Malformed, format!("the response is not HTTP: {error}"));
    }
    let error = find_cause::<io::Error>(source);
    match error.map(io::Error::kind) {
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
            HttpError::new(HttpFault::Malformed, "the body of the response is not HTTP")
        }
        Some(io::ErrorKind::UnexpectedEof) | None => HttpError::new(
            HttpFault::Interrupted,
            "the connection was closed before the whole response arrived",
        ),
        Some(_) => {
            let why = error.map(reason).unwrap_or_default();
            HttpError::new(HttpFault::Interrupted, format!("the connection broke: {why}"))
        }
    }
}
