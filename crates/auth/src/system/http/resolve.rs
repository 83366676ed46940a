//! Name resolution by the operating system, with one rule of our own: a loopback name has loopback addresses.
//!
//! A hosts file can give `localhost` any address, and a secret in plain text is allowed for that name. So the addresses
//! are checked before a connection is opened.

use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

use super::super::BoxFuture;
use super::super::loopback::keep_loopback;

/// Resolves names.
#[derive(Clone)]
pub(crate) struct Resolver {
    system: GaiResolver,
    /// Names with given addresses, as a hosts file has them.
    hosts: Arc<[(String, IpAddr)]>,
}

impl Resolver {
    pub(crate) fn new(hosts: Arc<[(String, IpAddr)]>) -> Self {
        Self { system: GaiResolver::new(), hosts }
    }

    fn given(&self, name: &str) -> Option<Vec<SocketAddr>> {
        let found = self.hosts.iter().filter(|(host, _)| host.eq_ignore_ascii_case(name));
        let found: Vec<_> = found.map(|(_, ip)| SocketAddr::new(*ip, 0)).collect();
        (!found.is_empty()).then_some(found)
    }
}

impl Service<Name> for Resolver {
    type Response = IntoIter<SocketAddr>;
    type Error = Box<dyn StdError + Send + Sync>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.system.poll_ready(context).map_err(|_| Unresolved.into())
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let host = name.as_str().to_owned();
        if let Some(given) = self.given(&host) {
            let kept = keep_loopback(&host, given).map(Vec::into_iter).map_err(Into::into);
            return Box::pin(std::future::ready(kept));
        }
        let addresses = self.system.call(name);
        Box::pin(async move {
            let addresses = addresses.await.map_err(|_| Unresolved)?;
            Ok(keep_loopback(&host, addresses)?.into_iter())
        })
    }
}

/// The operating system has no address for a name.
#[derive(Debug)]
pub(crate) struct Unresolved;

impl fmt::Display for Unresolved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name could not be resolved")
    }
}

impl StdError for Unresolved {}
