//! Name resolution by the rule of the auth crate: `localhost` and the names below it lead to this computer, or nowhere.
//!
//! The header may go to loopback in plain text, so a hosts file must not send such a name to another computer.

use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use yandex_cloud_auth::system::transport_policy::keep_loopback;
use yandex_cloud_auth::system::{BoxFuture, HttpError};

type LookUp = dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync;

/// The name that stands for a proxy whose variable is unusable. The HTTP client has no other way to fail the requests
/// that need this proxy: without a proxy it would send them directly.
pub(crate) const UNUSABLE_PROXY: &str = "unusable-proxy.invalid";

/// Resolves names as the operating system does, and keeps the loopback addresses of a loopback name.
#[derive(Clone)]
pub(crate) struct LoopbackNames {
    look_up: Arc<LookUp>,
    /// Why the proxy cannot be used. The answer for [`UNUSABLE_PROXY`], which nobody is asked for then.
    unusable_proxy: Option<HttpError>,
}

impl LoopbackNames {
    pub(crate) fn new(unusable_proxy: Option<HttpError>) -> Self {
        let look_up = |name: String| -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
        };
        Self { look_up: Arc::new(look_up), unusable_proxy }
    }
}

impl Resolve for LoopbackNames {
    fn resolve(&self, name: Name) -> Resolving {
        if let Some(error) = self.unusable_proxy.clone().filter(|_| name.as_str() == UNUSABLE_PROXY) {
            return Box::pin(ready(Err(error.into())));
        }
        let addresses = (self.look_up)(name.as_str().to_owned());
        Box::pin(async move {
            let kept = keep_loopback(name.as_str(), addresses.await?)?;
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(addresses: &[&str]) -> reqwest::Client {
        let addresses: Vec<SocketAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let mut names = LoopbackNames::new(None);
        names.look_up = Arc::new(move |_| Box::pin(ready(Ok(addresses.clone()))));
        reqwest::Client::builder().no_proxy().dns_resolver(names).build().unwrap()
    }

    #[tokio::test]
    async fn a_loopback_name_that_leads_elsewhere_is_not_connected_to() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        for url in [format!("http://localhost:{port}/"), format!("http://ai.localhost:{port}/")] {
            // An address that is not loopback, and that nothing on this computer has.
            let error = hosts(&["192.0.2.1:0"]).get(&url).send().await.unwrap_err();
            assert!(format!("{error:?}").contains("NotLoopback"), "{error:?}");
            let connected = hosts(&["192.0.2.1:0", "127.0.0.1:0"]).get(&url).send();
            tokio::select! {
                connection = server.accept() => drop(connection.unwrap()),
                response = connected => panic!("a response without a server: {response:?}"),
            }
        }
    }
}
