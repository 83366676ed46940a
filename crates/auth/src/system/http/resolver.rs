//! Name lookups by the operating system, on threads that callers share, with one rule of our own: a loopback name has
//! loopback addresses.
//!
//! A lookup can hang for longer than any caller waits. A lookup that hangs costs one thread, however often its name is
//! asked for.
//!
//! A hosts file can give `localhost` any address, and a secret in plain text is allowed for that name. So the addresses
//! are checked before a connection is opened.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use super::super::BoxFuture;
use super::super::loopback::{NotLoopback, keep_loopback};
use super::super::shared_work::SharedWork;

/// The lookups of this process that are under way.
static LOOKUPS: SharedWork<String, Result<Vec<SocketAddr>, Unresolved>> = SharedWork::new();

/// The operating system's resolver, after the names that were given. Every client of the workspace uses this one.
///
/// Hidden: only the SDK needs it, for its own HTTP client.
#[doc(hidden)]
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    /// Names with given addresses, as a hosts file has them.
    hosts: Arc<[(String, IpAddr)]>,
}

impl Resolver {
    #[cfg_attr(not(feature = "transport"), allow(dead_code, reason = "for the default transport"))]
    pub(crate) fn new(hosts: Arc<[(String, IpAddr)]>) -> Self {
        Self { hosts }
    }

    /// The addresses of a name, with the port 0. A loopback name has loopback addresses only.
    ///
    /// # Errors
    /// [`Unresolved`] where there is none.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the lookup, which other callers may share.
    #[must_use]
    pub fn resolve(&self, name: &str) -> BoxFuture<'static, Result<vec::IntoIter<SocketAddr>, Unresolved>> {
        let (given, host) = (self.given(name), name.to_owned());
        Box::pin(async move {
            let addresses = match given {
                Some(given) => given,
                None => {
                    let name = host.clone();
                    let found = LOOKUPS.run(host.clone(), move || look_up(&name)).await;
                    found.unwrap_or_else(|error| Err(Unresolved::NotAsked(error.to_string())))?
                }
            };
            Ok(keep_loopback(&host, addresses)?.into_iter())
        })
    }

    fn given(&self, name: &str) -> Option<Vec<SocketAddr>> {
        let found = self.hosts.iter().filter(|(host, _)| host.eq_ignore_ascii_case(name));
        let found: Vec<_> = found.map(|(_, ip)| SocketAddr::new(*ip, 0)).collect();
        (!found.is_empty()).then_some(found)
    }
}

/// Why a name has no address.
#[doc(hidden)]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Unresolved {
    /// The resolver knows no address.
    Unknown,
    /// The resolver was not asked, because this process lacks a thread or a descriptor; with the system's reason.
    NotAsked(String),
    /// A name of this computer leads to another computer.
    NotLoopback,
}

impl From<NotLoopback> for Unresolved {
    fn from(_: NotLoopback) -> Self {
        Self::NotLoopback
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Unresolved;
    type Future = BoxFuture<'static, Result<Self::Response, Unresolved>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        self.resolve(name.as_str())
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

impl Unresolved {
    /// The reason, with the name in it.
    #[must_use]
    pub fn of(&self, name: &str) -> String {
        match self {
            Self::Unknown => format!("the name {name} could not be resolved"),
            Self::NotAsked(reason) => format!("the name {name} could not be looked up: {reason}"),
            Self::NotLoopback => format!("the name {name} means this computer, but leads to another one"),
        }
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("the name could not be resolved"),
            Self::NotAsked(reason) => write!(formatter, "the name could not be looked up: {reason}"),
            Self::NotLoopback => NotLoopback.fmt(formatter),
        }
    }
}

impl std::error::Error for Unresolved {}
