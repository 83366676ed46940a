//! An open connection, whatever lies below: TCP, a tunnel, TLS to a proxy, or TLS to the server.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::{Connected, Connection};
use tower_service::Service;

use super::{HttpError, HttpFault};

/// A connection in both directions.
trait Duplex: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Duplex for T {}

/// A connection to a server, with TLS or without.
pub struct Link {
    stream: Box<dyn Duplex>,
    /// Whether both sides have agreed on HTTP/2 in the TLS handshake.
    is_http2: bool,
}

impl Link {
    pub(super) fn new(stream: impl Read + Write + Send + Unpin + 'static) -> Self {
        Self { stream: Box::new(stream), is_http2: false }
    }

    /// A connection after the TLS handshake with its server.
    pub(super) fn with_tls(stream: MaybeHttpsStream<Self>) -> Self {
        let is_http2 = stream.connected().is_negotiated_h2();
        Self { stream: Box::new(stream), is_http2 }
    }

    /// A connector that opens nothing, and gives out this connection.
    pub(super) fn connector(self) -> OpenLink {
        OpenLink(Some(self))
    }
}

impl Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        if self.is_http2 { Connected::new().negotiated_h2() } else { Connected::new() }
    }
}

/// Gives out one connection that is open already: the connectors for TLS and for SOCKS wrap another connector.
pub(super) struct OpenLink(Option<Link>);

impl Service<Uri> for OpenLink {
    type Response = Link;
    type Error = HttpError;
    type Future = Ready<Result<Link, HttpError>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _target: Uri) -> Self::Future {
        let used = || HttpError::new(HttpFault::Interrupted, "the connection is in use already");
        ready(self.0.take().ok_or_else(used))
    }
}
