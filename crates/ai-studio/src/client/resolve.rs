//! Name resolution by the rule of the auth crate: `localhost` and the names below it lead to this computer, or nowhere.
//!
//! The header may go to loopback in plain text, so a hosts file must not send such a name to another computer.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use yandex_cloud_auth::system::BoxFuture;
use yandex_cloud_auth::system::transport_policy::keep_loopback;

type LookUp = dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync;

/// Resolves names as the operating system does, and keeps the loopback addresses of a loopback name.
#[derive(Clone)]
pub(crate) struct LoopbackNames(Arc<LookUp>);

impl Default for LoopbackNames {
    fn default() -> Self {
        Self(Arc::new(|name| {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
        }))
    }
}

impl Resolve for LoopbackNames {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = (self.0)(name.as_str().to_owned());
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
        let names = LoopbackNames(Arc::new(move |_| Box::pin(std::future::ready(Ok(addresses.clone())))));
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
