//! One connection: the TLS handshake, then requests until the client, a bound or the end of the listener closes it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use yandex_cloud_auth::redact;

use super::host::HostRule;
use super::tls::Tls;
use super::{Shared, owner};
use crate::config::Limits;
use crate::metrics::Requests;
use crate::service::{Body, Peer, Service, text};

/// How long a connection that has sent nothing yet is open after the end: its first request may be on the way.
const FIRST_REQUEST: Duration = Duration::from_millis(100);

/// A service, the counters of its requests, and what its connections have to keep to.
pub(crate) struct Served {
    pub(crate) service: Box<dyn Service>,
    pub(crate) requests: Requests,
    pub(crate) limits: Limits,
    pub(crate) tls: Option<Tls>,
}

/// A connection's bytes, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Serves the requests of a connection.
pub(super) async fn serve(stream: TcpStream, shared: &Shared, mut ended: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let peer = owner::of_peer(&stream);
    let limits = shared.served().limits.clone();
    let Some(stream) = opened(stream, shared, &limits, &mut ended).await else { return };
    let (began, mut has_begun) = watch::channel(false);
    let service = service_fn(move |request: Request<Incoming>| {
        began.send_if_modified(|began| !std::mem::replace(began, true));
        let served = shared.served();
        async move { Ok::<_, Infallible>(served.answer(request, peer, shared.address).await) }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time())
            .max_buf_size(limits.head_bytes)
            .max_headers(limits.headers)
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        // A client that breaks the protocol is told by the library, and the connection ends.
        _ = connection.as_mut() => return,
        _ = ended.wait_for(|ended| *ended) => {}
    }
    // The library closes a connection at once that it has read nothing of. The order matters: on a busy machine the request
    // and the end of the pause can be there together.
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        _ = has_begun.wait_for(|begun| *begun) => {}
        () = tokio::time::sleep(FIRST_REQUEST) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// The bytes of the connection, after the TLS handshake if the listener has a certificate.
async fn opened(
    stream: TcpStream,
    shared: &Shared,
    limits: &Limits,
    ended: &mut watch::Receiver<bool>,
) -> Option<Box<dyn Stream>> {
    let Some(tls) = shared.served().tls.clone() else { return Some(Box::new(stream)) };
    let end = async {
        let _ = ended.wait_for(|ended| *ended).await;
        tokio::time::sleep(FIRST_REQUEST).await;
    };
    tokio::select! {
        stream = timeout(limits.head_time(), tls.accept(stream)) => Some(Box::new(stream.ok()?.ok()?)),
        () = end => None,
    }
}

impl Served {
    async fn answer(&self, request: Request<Incoming>, peer: Peer, address: SocketAddr) -> Response<Body> {
        let start = Instant::now();
        let asked = tracing::event_enabled!(tracing::Level::DEBUG)
            .then(|| format!("{} {}", request.method(), redact(request.uri().path(), &[])));
        // A browser that reaches the listener by another name refuses the certificate.
        let has_rule = self.service.checks_host() && (address.ip().is_loopback() || self.tls.is_none());
        let rule = has_rule.then(|| HostRule::new(address));
        let mut response = match rule.and_then(|rule| rule.refusal(&request)) {
            Some(reason) => text(StatusCode::FORBIDDEN, reason),
            None => self.service.respond(request, peer).await,
        };
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        self.requests.count(response.status(), start.elapsed());
        if let Some(request) = asked {
            let (listener, status) = (self.service.kind(), response.status().as_u16());
            tracing::debug!(listener, request, status, ?peer, "answered");
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::metrics::Metrics;
    use crate::server::{Bound, Server, Sockets};

    struct Ok200;

    impl Service for Ok200 {
        fn kind(&self) -> &'static str {
            "probes"
        }

        fn respond(
            &self,
            _: Request<Incoming>,
            _: Peer,
        ) -> yandex_cloud_auth::system::BoxFuture<'_, Response<Body>> {
            Box::pin(std::future::ready(Response::default()))
        }
    }

    async fn server() -> Server {
        let served = Served {
            service: Box::new(Ok200),
            requests: Metrics::default().requests("probes"),
            limits: Limits::default(),
            tls: None,
        };
        let bound = Bound::new(([127, 0, 0, 1], 0).into(), &Sockets::default()).await;
        Server::start(bound.unwrap(), served)
    }

    /// The clock of the runtime jumps to the next timer while everybody waits.
    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_closes_the_connection_after_its_time() {
        let server = server().await;
        let limit = Limits::default().head_time();
        for start in ["", "GET / HTTP/1.1\r\nHost: 127", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: b\r\n"] {
            let mut client = TcpStream::connect(server.address()).await.unwrap();
            client.write_all(start.as_bytes()).await.unwrap();
            let began = tokio::time::Instant::now();
            let _ = client.read_to_end(&mut Vec::new()).await;
            let taken = began.elapsed();
            assert!(taken >= limit && taken < limit * 2, "{start:?}: {taken:?}");
        }
    }
}
