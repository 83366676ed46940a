//! Name resolution by the resolver of the auth crate: one rule for a call and for the token for it.
//!
//! The header may go to loopback in plain text, so a hosts file must not send `localhost` to another computer.

use std::future::ready;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use yandex_cloud_auth::system::HttpError;
use yandex_cloud_auth::system::transport_policy::Resolver;

/// The name that stands for a proxy whose variable is unusable. The HTTP client has no other way to fail the requests
/// that need this proxy: without a proxy it would send them directly.
pub(crate) const UNUSABLE_PROXY: &str = "unusable-proxy.invalid";

/// The resolver of a system, for reqwest.
pub(crate) struct SystemResolver {
    resolver: Resolver,
    /// Why the proxy cannot be used. The answer for [`UNUSABLE_PROXY`], which nobody is asked for then.
    unusable_proxy: Option<HttpError>,
}

impl SystemResolver {
    pub(crate) fn new(resolver: Resolver, unusable_proxy: Option<HttpError>) -> Self {
        Self { resolver, unusable_proxy }
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        if let Some(error) = self.unusable_proxy.clone().filter(|_| name.as_str() == UNUSABLE_PROXY) {
            return Box::pin(ready(Err(error.into())));
        }
        let addresses = self.resolver.resolve(name.as_str());
        Box::pin(async move { Ok(Box::new(addresses.await?) as Addrs) })
    }
}
