//! Opens a connection to the target, directly or through the tunnel of a proxy, and explains a failure.
//!
//! A failure before TLS always leaves here as an [`HttpError`]. So any other error of the TLS connector that wraps a
//! [`Dial`] comes from TLS itself.

use std::error::Error as StdError;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::super::BoxFuture;
use super::proxy::Proxy;
use super::resolver::{Resolver, Unresolved};
use super::{HttpError, HttpFault};

/// Opens TCP connections.
#[derive(Clone)]
pub(super) struct Dial {
    tcp: HttpConnector<Resolver>,
    proxy: Option<Proxy>,
}

impl Dial {
    /// Connects through `proxy`, if there is one. All addresses of a name share `limit`.
    pub(super) fn new(limit: Duration, proxy: Option<Proxy>, resolver: Resolver) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limit));
        Self { tcp, proxy }
    }

    async fn open(mut self, target: Uri) -> Result<TokioIo<TcpStream>, HttpError> {
        let Some(proxy) = self.proxy else {
            let host = target.host().unwrap_or_default().to_owned();
            return self.tcp.call(target).await.map_err(|error| connect_error(&host, &error));
        };
        let mut tunnel = Tunnel::new(proxy.address.clone(), self.tcp);
        if let Some(authorization) = proxy.authorization {
            tunnel = tunnel.with_auth(authorization);
        }
        tunnel.call(target).await.map_err(|error| tunnel_error(&proxy.address, &error))
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

/// The first error of type `E` in a chain of causes, including one that an I/O error wraps.
pub(super) fn find_cause<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        // `source` of an I/O error skips the error that it wraps, so look at the wrapped error first.
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

/// The reason of an I/O error: the kind, or the system's own text where std has no word for the error.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind().to_string() {
        kind if kind == "uncategorized error" || kind == "other error" => error.to_string(),
        kind => kind,
    }
}

fn connect_error(host: &str, error: &(dyn StdError + 'static)) -> HttpError {
    if let Some(unresolved) = find_cause::<Unresolved>(error) {
        let fault = match unresolved {
            Unresolved::Unknown => HttpFault::NameResolution,
            // Says nothing about the host.
            Unresolved::NotAsked(_) => HttpFault::Interrupted,
            Unresolved::NotLoopback => HttpFault::NotLoopback,
        };
        return HttpError::new(fault, unresolved.of(host));
    }
    let Some(error) = find_cause::<io::Error>(error) else {
        return HttpError::new(HttpFault::Interrupted, "cannot connect");
    };
    let fault = match error.kind() {
        io::ErrorKind::TimedOut => return connect_timeout(),
        io::ErrorKind::ConnectionRefused => HttpFault::ConnectRefused,
        io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::AddrNotAvailable => HttpFault::Unreachable,
        // A local problem, such as too many open files, does not mean that the host is down.
        _ => HttpFault::Interrupted,
    };
    HttpError::new(fault, format!("cannot connect: {}", reason(error)))
}

fn tunnel_error(proxy: &Uri, error: &(dyn StdError + 'static)) -> HttpError {
    let reason = if let Some(unresolved) = find_cause::<Unresolved>(error) {
        match unresolved {
            Unresolved::NotLoopback => "the name of the proxy means this computer, but leads to another one",
            Unresolved::Unknown | Unresolved::NotAsked(_) => "the name of the proxy could not be resolved",
        }
        .to_owned()
    } else if let Some(error) = find_cause::<io::Error>(error) {
        reason(error)
    } else {
        // The tunnel's error has no public type. Its text is a fixed phrase.
        error.to_string().trim_start_matches("tunnel error: ").to_owned()
    };
    let place = proxy.authority().map_or("", |authority| authority.as_str());
    HttpError::new(HttpFault::Proxy, format!("no tunnel through the proxy {place}: {reason}"))
}

/// The error for a connection that took longer than [`HttpOptions::connect_timeout`](super::HttpOptions).
pub(super) fn connect_timeout() -> HttpError {
    HttpError::new(HttpFault::ConnectTimeout, "no connection in time")
}
