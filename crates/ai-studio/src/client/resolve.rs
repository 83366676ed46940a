//! Name resolution by the resolver of the auth crate: one rule for a call and for the token for it.
//!
//! The header may go to loopback in plain text, so a hosts file must not send `localhost` to another computer.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use yandex_cloud_auth::system::transport_policy::Resolver;

/// The resolver of a system, for reqwest.
pub(crate) struct SystemResolver(pub(crate) Resolver);

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.0.resolve(name.as_str());
        Box::pin(async move { Ok(Box::new(addresses.await?) as Addrs) })
    }
}
