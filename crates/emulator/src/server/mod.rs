//! Sockets: accepts connections, serves HTTP, and closes all connections when dropped.
//!
//! `api.rs` and `metadata.rs` compute the responses.

mod guard;
mod respond;
mod tls;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub(crate) use guard::Guard;
pub(crate) use respond::Port;
pub(crate) use tls::Tls;

use crate::cloud::Cloud;
use crate::faults::Hangup;
use crate::wire::body::Body;

/// The time limit for the handshake of a client and for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HEAD: usize = 64 << 10;
const MAX_STREAMS: u32 = 1024;

/// A connection's bytes, with TLS or without. One type of both keeps a second copy of HTTP out of the program.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// One port and what it serves.
pub(crate) struct Server {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) port: Port,
    pub(crate) guard: Guard,
    pub(crate) tls: Option<TlsAcceptor>,
}

impl Server {
    /// Serves until the future is dropped. Dropping the future closes the listener and every connection.
    pub(crate) async fn run(self, listener: TcpListener) {
        let server = Arc::new(self);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(Arc::clone(&server).connection(stream));
                    }
                    // The process has no free file descriptor, or the peer has closed the connection. Both are
                    // temporary.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                },
                // Removes finished connections. Otherwise the set would grow with every connection.
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        // Closes connections that send nothing, with or without TLS.
        let mut first = [0];
        match tokio::time::timeout(HEAD_TIMEOUT, stream.peek(&mut first)).await {
            Ok(Ok(read)) if read > 0 => {}
            _ => return,
        }
        match self.tls.clone() {
            None => self.http(Box::new(stream)).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                    self.http(Box::new(stream)).await;
                }
            }
        }
    }

    async fn http(self: Arc<Self>, stream: Box<dyn Stream>) {
        let mut http = auto::Builder::new(TokioExecutor::new());
        if self.port == Port::Metadata {
            http = http.http1_only();
        }
        http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD);
        http.http2()
            .timer(TokioTimer::new())
            .max_header_list_size(MAX_HEAD as u32)
            .max_concurrent_streams(MAX_STREAMS);

        let hangup = Hangup::default();
        let closed = hangup.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (server, hangup) = (Arc::clone(&self), hangup.clone());
            async move { Ok::<Response<Body>, Infallible>(server.respond(&hangup, request).await) }
        });
        // A protocol error closes the connection. The emulator does not report the error. A fault closes the connection
        // by dropping the service, so that no response is sent.
        tokio::select! {
            _ = http.serve_connection(TokioIo::new(stream), service) => {}
            () = closed.closed() => {}
        }
    }
}

/// Binds an address, loopback unless `anywhere`.
pub(crate) async fn bind(address: SocketAddr, anywhere: bool) -> io::Result<TcpListener> {
    if !anywhere && !address.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "{address} is not a loopback address: the emulator issues tokens to everyone who can reach it \
                 (allow it with allow_non_loopback)"
            ),
        ));
    }
    TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
}
