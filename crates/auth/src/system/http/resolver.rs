//! Name lookups by the operating system, on threads that callers share.
//!
//! A lookup can hang for longer than any caller waits. A lookup that hangs costs one thread, however often its name is
//! asked for.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use super::super::BoxFuture;
use super::super::shared_work::SharedWork;

/// The lookups of this process that are under way.
static LOOKUPS: SharedWork<String, Result<Vec<SocketAddr>, Unresolved>> = SharedWork::new();

/// The operating system's resolver.
#[derive(Clone)]
pub(super) struct Resolver;

/// Why a name has no address.
#[derive(Clone, Debug)]
pub(super) enum Unresolved {
    /// The resolver knows no address.
    Unknown,
    /// The resolver was not asked, because this process lacks a thread or a descriptor; with the system's reason.
    NotAsked(String),
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Unresolved;
    type Future = BoxFuture<'static, Result<Self::Response, Unresolved>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move {
            let key = name.as_str().to_owned();
            let found = LOOKUPS.run(key, move || look_up(name.as_str())).await;
            let addresses = found.unwrap_or_else(|error| Err(Unresolved::NotAsked(error.to_string())))?;
            Ok(addresses.into_iter())
        })
    }
}

fn look_up(name: &str) -> Result<Vec<SocketAddr>, Unresolved> {
    // The port is the caller's affair.
    match (name, 0).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(not_asked(&error).unwrap_or(Unresolved::Unknown)),
    }
}

/// Without descriptors the resolver of the C library cannot ask, and may say "unknown name" all the same.
fn not_asked(error: &io::Error) -> Option<Unresolved> {
    if error.raw_os_error().is_some() {
        return Some(Unresolved::NotAsked(error.to_string()));
    }
    #[cfg(unix)]
    if let Err(error) = std::os::unix::net::UnixStream::pair() {
        return Some(Unresolved::NotAsked(error.to_string()));
    }
    None
}

impl fmt::Display for Unresolved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("the name could not be resolved"),
            Self::NotAsked(reason) => write!(formatter, "the name could not be looked up: {reason}"),
        }
    }
}

impl std::error::Error for Unresolved {}
