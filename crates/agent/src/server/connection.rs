//! One connection: the TLS handshake or the first bytes, then requests until the client, a bound or the end of the listener closes it.

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::time::timeout;
use yandex_cloud_auth::redact;
use yandex_cloud_auth::system::BoxFuture;

use super::OpenConnection;
use super::activity::{Activity, TrackedBody};
use super::host::HostRule;
use super::socket::{Connection, Stream};
use super::tls::Tls;
use crate::config::{Address, Limits};
use crate::metrics::Requests;
use crate::service::{Body, Caller, Outcome, Peer, Protocol, Service};

/// How long a connection that has sent nothing yet is open after the end: its first request may be on the way.
const FIRST_REQUEST: Duration = Duration::from_millis(100);

/// How long a connection without a request is open after it was asked to end. A client of HTTP/2 confirms the end.
pub(super) const CONFIRMATION: Duration = Duration::from_secs(2);

/// What HTTP/2 lets a client send before the service reads it: to one stream, and to all of a connection.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// A service, the counters of its requests, and what its connections have to keep to.
pub(crate) struct Served {
    pub(crate) service: Box<dyn Service>,
    pub(crate) requests: Requests,
    pub(crate) limits: Limits,
    pub(crate) tls: Option<Tls>,
}

/// Serves the requests of a connection.
pub(super) async fn serve(connection: Connection, open: Arc<OpenConnection>) {
    // Not the service itself: a reload drops it.
    let (limits, protocol, tls, asks_for_user, closing) = {
        let current = open.0.current();
        let served = &current.served;
        let service = &served.service;
        let asks_for_user = service.asks_for_user();
        (
            served.limits.clone(),
            service.protocol(),
            served.tls.clone(),
            asks_for_user,
            Arc::clone(&current.closing),
        )
    };
    let mut ended = closing.subscribe();
    let peer = if asks_for_user { connection.peer().await } else { Peer::Unknown };
    // In memory of its own, which is free again when the connection is open.
    let opened = Box::pin(opened(connection, protocol, tls, &limits, &mut ended)).await;
    let Some((stream, version)) = opened else { return };
    let activity = Activity::default();
    let (requests, max_headers) = (activity.clone(), limits.headers);
    let service = service_fn(move |request: Request<Incoming>| {
        let (open, closing, begun) = (Arc::clone(&open), Arc::clone(&closing), requests.begin());
        async move {
            let current = open.0.current();
            let refuse = |status, reason| current.served.service.refuse(request.headers(), status, reason);
            let response = match request.version() {
                // HTTP/1.1 has refused it.
                Version::HTTP_2 if request.headers().len() > max_headers => {
                    refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the request has too many headers\n")
                }
                _ if !Arc::ptr_eq(&closing, &current.closing) => {
                    let reason = "the listener serves something else now: connect again\n";
                    refuse(StatusCode::MISDIRECTED_REQUEST, reason)
                }
                _ => {
                    let caller = Caller::new(peer, open.0.ends(&current), Arc::clone(&open) as _);
                    current.served.answer(request, caller, &open.0.address).await
                }
            };
            Ok::<_, Infallible>(response.map(|body| TrackedBody::new(body, begun)))
        }
    });
    let (stream, head_time) = (TokioIo::new(stream), limits.head_time());
    let served = if version == Version::HTTP_2 {
        let connection = http2(&limits).serve_connection(stream, service);
        until_end(connection, http2::Connection::graceful_shutdown, activity, head_time, ended)
    } else {
        let connection = http1(&limits).serve_connection(stream, service).with_upgrades();
        until_end(connection, http1::UpgradeableConnection::graceful_shutdown, activity, head_time, ended)
    };
    served.await;
}

/// HTTP/1.1 within these bounds.
fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time())
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.headers);
    builder
}

/// HTTP/2 within these bounds.
fn http2(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        // A client that is gone without a word, or has stopped, does not answer.
        .keep_alive_interval(limits.head_time())
        .keep_alive_timeout(limits.head_time());
    builder
}

/// Serves until the client goes, the connection is idle, or the listener ends.
///
/// `shut_down` asks the connection to end after the requests that it has.
fn until_end<C: Future + Send + 'static>(
    connection: C,
    shut_down: fn(Pin<&mut C>),
    activity: Activity,
    head_time: Duration,
    mut ended: watch::Receiver<bool>,
) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            // A client that breaks the protocol is told by the library, and the connection ends.
            _ = connection.as_mut() => return,
            _ = ended.wait_for(|ended| *ended) => {}
            // HTTP/2 has no other limit of time.
            () = activity.idle(head_time) => {}
        }
        // The library closes a connection at once that it has read nothing of. The order matters: on a busy machine the
        // request and the end of the pause can be there together.
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = activity.first_request() => {}
            () = tokio::time::sleep(FIRST_REQUEST) => {}
        }
        shut_down(connection.as_mut());
        tokio::select! {
            _ = connection.as_mut() => {}
            () = activity.idle(CONFIRMATION) => {}
        }
    })
}

/// The bytes of the connection, after the TLS handshake if the listener has a certificate, and the version of HTTP.
async fn opened(
    connection: Connection,
    protocol: Protocol,
    tls: Option<Tls>,
    limits: &Limits,
    ended: &mut watch::Receiver<bool>,
) -> Option<(Box<dyn Stream>, Version)> {
    let open = async {
        let Some(tls) = tls else {
            let version = match protocol {
                Protocol::Http1 => Version::HTTP_11,
                Protocol::Both => connection.version().await?,
            };
            return Ok((connection.into_stream(limits.write_time()), version));
        };
        let stream = tls.accept(connection.into_stream(limits.write_time())).await?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let version = if is_http2 { Version::HTTP_2 } else { Version::HTTP_11 };
        Ok::<_, io::Error>((Box::new(stream) as _, version))
    };
    let end = async {
        let _ = ended.wait_for(|ended| *ended).await;
        tokio::time::sleep(FIRST_REQUEST).await;
    };
    tokio::select! {
        biased;
        opened = timeout(limits.head_time(), open) => opened.ok()?.ok(),
        () = end => None,
    }
}

impl Served {
    /// Whether an open connection of one can be answered by the other.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.service.kind() == other.service.kind() && self.tls.is_some() == other.tls.is_some()
    }

    /// The response to a request. The future is small, because a connection keeps the memory of one: the request is passed on
    /// before the future begins.
    fn answer<'a>(
        &'a self,
        request: Request<Incoming>,
        caller: Caller,
        address: &Address,
    ) -> impl Future<Output = Response<Body>> + use<'a> {
        let start = Instant::now();
        // Of other services the user is never known.
        let peer = self.service.asks_for_user().then(|| tracing::field::debug(caller.peer()));
        let asked = tracing::event_enabled!(tracing::Level::DEBUG)
            .then(|| format!("{} {}", request.method(), redact(request.uri().path(), &[])));
        // A browser cannot reach a Unix socket. One that reaches the listener by another name refuses the certificate.
        let rule = address
            .tcp()
            .filter(|address| {
                self.service.checks_host() && (address.ip().is_loopback() || self.tls.is_none())
            })
            .map(HostRule::new);
        let response = match rule.and_then(|rule| rule.refusal(&request)) {
            Some(reason) => {
                let refusal = self.service.refuse(request.headers(), StatusCode::FORBIDDEN, reason);
                Box::pin(ready(refusal))
            }
            None => self.service.respond(request, caller),
        };
        async move {
            let mut response = response.await;
            let no_store = HeaderValue::from_static("no-store");
            response.headers_mut().entry(header::CACHE_CONTROL).or_insert(no_store);
            let outcome = response.extensions().get().map_or(response.status(), |Outcome(status)| *status);
            self.requests.count(outcome, start.elapsed());
            if let Some(request) = asked {
                let (listener, status) = (self.service.kind(), outcome.as_u16());
                tracing::debug!(listener, request, status, peer, "answered");
            }
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::metrics::Metrics;
    use crate::server::{Bound, Server};
    use crate::service::text;

    struct Ok200;

    impl Service for Ok200 {
        fn kind(&self) -> &'static str {
            "probes"
        }

        fn respond(&self, _: Request<Incoming>, _: Caller) -> BoxFuture<'_, Response<Body>> {
            Box::pin(ready(text(StatusCode::OK, "")))
        }
    }

    async fn server() -> Server {
        let served = Served {
            service: Box::new(Ok200),
            requests: Metrics::default().requests("probes"),
            limits: Limits::default(),
            tls: None,
        };
        let bound = Bound::any().await;
        Server::start(bound, served)
    }

    /// The clock of the runtime jumps to the next timer while everybody waits.
    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_closes_the_connection_after_its_time() {
        let server = server().await;
        let limit = Limits::default().head_time();
        for start in ["", "GET / HTTP/1.1\r\nHost: 127", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: b\r\n"] {
            let mut client = TcpStream::connect(server.tcp()).await.unwrap();
            client.write_all(start.as_bytes()).await.unwrap();
            let began = tokio::time::Instant::now();
            let _ = client.read_to_end(&mut Vec::new()).await;
            let taken = began.elapsed();
            assert!(taken >= limit && taken < limit * 2, "{start:?}: {taken:?}");
        }
    }
}
