//! Opens TCP connections, and explains a failure.

use std::error::Error as StdError;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::resolver::{Resolver, Unresolved};
use super::{HttpError, HttpFault};

/// Opens TCP connections.
#[derive(Clone)]
pub(super) struct Dial {
    tcp: HttpConnector<Resolver>,
    resolver: Resolver,
}

impl Dial {
    /// All addresses of a name share `limit`.
    pub(super) fn new(limit: Duration, resolver: Resolver) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(resolver.clone());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limit));
        Self { tcp, resolver }
    }

    /// Connects to the host of `target`, by its port or that of its scheme.
    pub(super) async fn open(&self, target: &Uri) -> Result<TokioIo<TcpStream>, HttpError> {
        let opened = self.tcp.clone().call(target.clone()).await;
        opened.map_err(|error| connect_error(target.host().unwrap_or_default(), &error))
    }

    /// The first address of a name, in the order of the operating system.
    pub(super) async fn resolve(&self, host: &str) -> Result<IpAddr, HttpError> {
        let unknown = || unresolved(host, &Unresolved::Unknown);
        let name: Name = host.parse().map_err(|_| unknown())?;
        let mut addresses =
            self.resolver.clone().call(name).await.map_err(|error| unresolved(host, &error))?;
        addresses.next().map(|address| address.ip()).ok_or_else(unknown)
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

fn unresolved(host: &str, error: &Unresolved) -> HttpError {
    let fault = match error {
        Unresolved::Unknown => HttpFault::NameResolution,
        // Says nothing about the host.
        Unresolved::NotAsked(_) => HttpFault::Interrupted,
        Unresolved::NotLoopback => HttpFault::NotLoopback,
    };
    HttpError::new(fault, error.of(host))
}

fn connect_error(host: &str, error: &(dyn StdError + 'static)) -> HttpError {
    if let Some(error) = find_cause::<Unresolved>(error) {
        return unresolved(host, error);
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

/// The error for a connection that took longer than [`HttpOptions::connect_timeout`](super::HttpOptions).
pub(super) fn connect_timeout() -> HttpError {
    HttpError::new(HttpFault::ConnectTimeout, "no connection in time")
}
