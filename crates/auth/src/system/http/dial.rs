//! A connection to the target or, through a proxy's tunnel, past it; and what a failed one says.
//!
//! A failure before TLS always leaves here as an [`HttpError`]; so whatever else comes out of the TLS connector
//! that wraps a [`Dial`] is TLS's own.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiResolver, Name};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::super::BoxFuture;
use super::proxy::Proxy;
use super::{HttpError, HttpFault};

/// Opens TCP connections.
#[derive(Clone)]
pub(super) struct Dial {
    tcp: HttpConnector<Resolver>,
    proxy: Option<Proxy>,
}

impl Dial {
    /// Connections that go through `proxy`, if there is one. `limit` is shared by the addresses of a name.
    pub(super) fn new(limit: Duration, proxy: Option<Proxy>) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limit));
        Self { tcp, proxy }
    }

    async fn open(mut self, target: Uri) -> Result<TokioIo<TcpStream>, HttpError> {
        let Some(proxy) = self.proxy else {
            let host = target.host().unwrap_or_default().to_owned();
            return self.tcp.call(target).await.map_err(|error| unreached(&host, &error));
        };
        let mut tunnel = Tunnel::new(proxy.address.clone(), self.tcp);
        if let Some(authorization) = proxy.authorization {
            tunnel = tunnel.with_auth(authorization);
        }
        tunnel.call(target).await.map_err(|error| not_tunnelled(&proxy.address, &error))
    }
}

impl Service<Uri> for Dial {
    type Response = TokioIo<TcpStream>;
    type Error = HttpError;
    type Future = BoxFuture<'static, Result<Self::Response, HttpError>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        Box::pin(self.clone().open(target))
    }
}

/// The error of a given type in a chain of causes, also where an I/O error wraps it.
pub(super) fn inner<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        // `source` of an I/O error skips the very error that it wraps.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) =
            error.downcast_ref::<E>().filter(|_| wrapped.is_none_or(|wrapped| !wrapped.is::<E>()))
        {
            return Some(found);
        }
        next = match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}

fn unreached(host: &str, error: &(dyn StdError + 'static)) -> HttpError {
    if inner::<Unresolved>(error).is_some() {
        return HttpError::new(HttpFault::NameResolution, format!("the name {host} could not be resolved"));
    }
    let kind = inner::<io::Error>(error).map_or(io::ErrorKind::Other, io::Error::kind);
    let fault = match kind {
        io::ErrorKind::TimedOut => return too_slow(),
        io::ErrorKind::ConnectionRefused => HttpFault::ConnectRefused,
        io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::AddrNotAvailable => HttpFault::Unreachable,
        // This machine's own trouble, such as too many open files, does not mean that nobody is there.
        _ => HttpFault::Interrupted,
    };
    HttpError::new(fault, format!("cannot connect: {kind}"))
}

fn not_tunnelled(proxy: &Uri, error: &(dyn StdError + 'static)) -> HttpError {
    let reason = if inner::<Unresolved>(error).is_some() {
        "its name could not be resolved".to_owned()
    } else if let Some(error) = inner::<io::Error>(error) {
        error.kind().to_string()
    } else {
        // The tunnel's error has no public type; its text is a fixed phrase.
        error.to_string().trim_start_matches("tunnel error: ").to_owned()
    };
    let place = proxy.authority().map_or("", |authority| authority.as_str());
    HttpError::new(HttpFault::Proxy, format!("no tunnel through the proxy {place}: {reason}"))
}

/// The connection took longer than it may.
pub(super) fn too_slow() -> HttpError {
    HttpError::new(HttpFault::ConnectTimeout, "no connection in time")
}

/// The system's resolver, with errors that can be told from others.
#[derive(Clone)]
struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = Unresolved;
    type Future = BoxFuture<'static, Result<GaiAddrs, Unresolved>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        self.0.poll_ready(context).map_err(|_| Unresolved)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let addresses = self.0.call(name);
        Box::pin(async move { addresses.await.map_err(|_| Unresolved) })
    }
}

#[derive(Debug)]
struct Unresolved;

impl fmt::Display for Unresolved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name could not be resolved")
    }
}

impl StdError for Unresolved {}
