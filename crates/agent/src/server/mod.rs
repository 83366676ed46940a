//! Sockets: accepts connections, checks each request, and lets a service answer.
//!
//! Bounds: the number of connections, the time for the head of a request, the size of the head. A body is read by the one
//! service that takes bodies.

mod host;
mod owner;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use yandex_cloud_auth::{Error, ErrorKind, redact};

use self::host::HostRule;
use crate::metrics::Requests;
use crate::service::{Body, Peer, Service, text};

/// The time for the head of a request, and the longest pause between two requests of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest head of a request, and the most headers.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 64;
/// The most connections of one listener. More wait in the queue of the operating system.
const MAX_CONNECTIONS: usize = 1024;

/// How long a connection that has sent nothing yet is open after the end: its first request may be on the way.
const FIRST_REQUEST: Duration = Duration::from_millis(100);

/// A service, and the counters of its requests.
pub(crate) struct Served {
    pub(crate) service: Box<dyn Service>,
    pub(crate) requests: Requests,
}

/// A listener that accepts no connection yet.
pub(crate) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Binds an address.
    ///
    /// # Errors
    /// `Invalid` if the address cannot be used, for example because another process listens there.
    pub(crate) async fn new(address: SocketAddr) -> Result<Self, Error> {
        let bound = TcpListener::bind(address).await;
        let bound = bound.and_then(|listener| Ok(Self { address: listener.local_addr()?, listener }));
        bound.map_err(|error| {
            Error::new(ErrorKind::Invalid, format!("cannot listen: {error}"))
                .at(address.to_string())
                .with_help("give an address of this machine that no other process listens on")
        })
    }
}

/// A listener with its connections. Dropping it closes the listener, and connections between two requests.
pub(crate) struct Server {
    address: SocketAddr,
    served: Arc<RwLock<Arc<Served>>>,
    end: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    connections: Arc<Semaphore>,
}

impl Server {
    /// Serves the connections of a listener.
    pub(crate) fn start(listener: Bound, served: Served) -> Self {
        let Bound { listener, address } = listener;
        let served = Arc::new(RwLock::new(Arc::new(served)));
        let (end, ended) = watch::channel(false);
        let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let accepting = accept_all(listener, address, Arc::clone(&served), ended, Arc::clone(&connections));
        Self { address, served, end, accepting: tokio::spawn(accepting), connections }
    }

    /// The address, with the port that the system chose.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers later requests by another service, also those of connections that are open.
    pub(crate) fn replace(&self, served: Served) {
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(served);
    }

    /// Accepts the connections that clients have opened and no more, and waits for the requests that are being answered.
    pub(crate) async fn drain(mut self) {
        self.end.send_replace(true);
        let _ = (&mut self.accepting).await;
        let all = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
        let _ = self.connections.acquire_many(all).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        self.end.send_replace(true);
    }
}

async fn accept_all(
    listener: TcpListener,
    address: SocketAddr,
    served: Arc<RwLock<Arc<Served>>>,
    mut ended: watch::Receiver<bool>,
    connections: Arc<Semaphore>,
) {
    let start = |stream, permit, ended| {
        let connection = serve(stream, address, Arc::clone(&served), ended);
        tokio::spawn(async move {
            connection.await;
            drop(permit);
        });
    };
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&connections).acquire_owned() => permit,
            _ = ended.wait_for(|ended| *ended) => break,
        };
        let Ok(permit) = permit else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ended.wait_for(|ended| *ended) => break,
        };
        match accepted {
            Ok((stream, _)) => start(stream, permit, ended.clone()),
            // The process has no free file descriptor, or the peer has closed the connection. Both are temporary.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    // To close a listener resets the connections in the queue of the operating system, whose requests may have been sent.
    let Ok(listener) = listener.into_std() else { return };
    while let Ok(permit) = Arc::clone(&connections).try_acquire_owned()
        && let Ok((stream, _)) = listener.accept()
    {
        if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
            start(stream, permit, ended.clone());
        }
    }
}

async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    served: Arc<RwLock<Arc<Served>>>,
    mut ended: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let peer = owner::of_peer(&stream);
    let (began, mut has_begun) = watch::channel(false);
    let service = service_fn(move |request: Request<Incoming>| {
        began.send_if_modified(|began| !std::mem::replace(began, true));
        let served = Arc::clone(&served.read().unwrap_or_else(PoisonError::into_inner));
        async move { Ok::<_, Infallible>(served.answer(request, peer, address).await) }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
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

impl Served {
    async fn answer(&self, request: Request<Incoming>, peer: Peer, address: SocketAddr) -> Response<Body> {
        let start = Instant::now();
        let asked = tracing::enabled!(tracing::Level::DEBUG)
            .then(|| format!("{} {}", request.method(), redact(request.uri().path(), &[])));
        let rule = self.service.checks_host().then(|| HostRule::new(address));
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

    use super::*;
    use crate::metrics::Metrics;
    use crate::service::Peer;

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
        let served = Served { service: Box::new(Ok200), requests: Metrics::default().requests("probes") };
        Server::start(Bound::new(([127, 0, 0, 1], 0).into()).await.unwrap(), served)
    }

    /// The clock of the runtime jumps to the next timer while everybody waits.
    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_closes_the_connection_after_its_time() {
        let server = server().await;
        for start in ["", "GET / HTTP/1.1\r\nHost: 127", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: b\r\n"] {
            let mut client = TcpStream::connect(server.address()).await.unwrap();
            client.write_all(start.as_bytes()).await.unwrap();
            let began = tokio::time::Instant::now();
            let _ = client.read_to_end(&mut Vec::new()).await;
            let taken = began.elapsed();
            assert!(taken >= HEAD_TIMEOUT && taken < HEAD_TIMEOUT * 2, "{start:?}: {taken:?}");
        }
    }
}
