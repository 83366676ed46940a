//! The default transport: HTTP/1.1 by hyper, TLS by rustls on ring, a new connection for each exchange.
//!
//! There is no connection pool: fetches are an hour apart, and the runtime of one fetch may be gone at the next.

use std::fmt;
#[cfg(any(test, feature = "testing"))]
use std::net::IpAddr;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use super::connector::Connector;
use super::exchange::{Outgoing, exchange};
use super::resolver::Resolver;
use super::{BoxFuture, Environment, HttpError, HttpFault, HttpOptions, HttpTransport};

/// The default transport: `http://` and `https://`, HTTP/1.1, no redirects, no state between exchanges.
///
/// Construction does no I/O. The first `https://` request reads the certificate authorities: those of `SSL_CERT_FILE`
/// and `SSL_CERT_DIR` where the environment has them, else the operating system's, and those that were added here. They
/// are read again by the first request after a TLS failure, since they may have been replaced. A failure to read them
/// fails that request, and the next request reads them again. `http://` needs none.
///
/// `https://` goes through the proxy of `HTTPS_PROXY` or `ALL_PROXY`, except for the hosts of `NO_PROXY` and loopback.
/// The proxy opens a tunnel (`CONNECT` or SOCKS5), so it sees no secret. The address of a proxy begins with `http://`,
/// `https://` (TLS to the proxy, whose certificate is verified), `socks5://` (names are resolved on this computer) or
/// `socks5h://` (the proxy resolves names; `socks://` is the same). `http://` targets never go through a proxy: they are
/// the metadata service and loopback.
///
/// `localhost` and the names below it lead to this computer only: if they have other addresses alone, the exchange
/// fails with [`HttpFault::NotLoopback`] before anything is sent. A transport of your own gets hosts that are loopback
/// by name, and has to check their addresses itself.
///
/// ```
/// use std::sync::Arc;
/// use yandex_cloud_auth::System;
/// use yandex_cloud_auth::system::{HyperTransport, ProcessEnvironment};
///
/// let transport = HyperTransport::new(Arc::new(ProcessEnvironment));
/// let system = System::real().with_http(transport);
/// assert!(system.http().is_ok());
/// ```
///
/// The body of a request is wiped when it has been sent or dropped. So is the part of a response that is not returned.
/// Buffers inside hyper and rustls are not wiped.
///
/// # Cancel safety
/// Dropping the future of [`send`](HttpTransport::send) closes the connection at once. A name lookup that has started
/// continues on a thread of its own until the operating system ends it.
#[derive(Clone)]
pub struct HyperTransport {
    connector: Connector,
}

impl HyperTransport {
    /// A transport that reads proxies and CA files from an environment.
    #[must_use]
    pub fn new(environment: Arc<dyn Environment>) -> Self {
        Self { connector: Connector::new(environment) }
    }

    /// Gives names addresses, as a hosts file does, for tests. A name may stand more than once.
    ///
    /// ```
    /// use std::net::{IpAddr, Ipv4Addr};
    /// use std::sync::Arc;
    /// use yandex_cloud_auth::system::{HyperTransport, ProcessEnvironment};
    ///
    /// let here = IpAddr::from(Ipv4Addr::LOCALHOST);
    /// let transport = HyperTransport::new(Arc::new(ProcessEnvironment)).with_hosts([("iam.test", here)]);
    /// ```
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn with_hosts<N: Into<String>>(mut self, hosts: impl IntoIterator<Item = (N, IpAddr)>) -> Self {
        self.connector.hosts = hosts.into_iter().map(|(name, ip)| (name.into(), ip)).collect();
        self
    }

    /// Trusts the CA certificates of a PEM text too, beside those of the environment.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use yandex_cloud_auth::system::{HyperTransport, ProcessEnvironment};
    ///
    /// let transport = HyperTransport::new(Arc::new(ProcessEnvironment));
    /// let refusal = transport.with_root_certificate_pem(b"not a certificate").unwrap_err();
    /// assert!(refusal.to_string().contains("no certificate in the PEM text"));
    /// ```
    ///
    /// # Errors
    /// [`HttpFault::Tls`] where the text holds no certificate, or one that cannot be read.
    pub fn with_root_certificate_pem(self, pem: &[u8]) -> Result<Self, HttpError> {
        Ok(Self { connector: self.connector.with_root_certificate_pem(pem)? })
    }

    /// Trusts the CA certificates that `load` reads, too. They are read when the others are read, and again with them.
    pub(in crate::system) fn with_root_loader(
        self,
        load: impl Fn() -> Result<Vec<CertificateDer<'static>>, HttpError> + Send + Sync + 'static,
    ) -> Self {
        Self { connector: self.connector.with_root_loader(load) }
    }

    async fn exchange(
        &self,
        outgoing: Outgoing,
        options: HttpOptions,
    ) -> Result<http::Response<Vec<u8>>, HttpError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(HttpError::new(
                HttpFault::Request,
                "cannot send the request: no tokio runtime runs it",
            ));
        }
        let connector = self.connector.clone().limit(options.connect_timeout).direct(options.direct);
        let stream = connector.open(&outgoing.target).await?;
        exchange(stream, outgoing, options.max_body).await
    }
}

impl HttpTransport for HyperTransport {
    fn send(
        &self,
        request: http::Request<Vec<u8>>,
        options: HttpOptions,
    ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, HttpError>> {
        let outgoing = Outgoing::new(request);
        Box::pin(async move { self.exchange(outgoing?, options).await })
    }

    fn in_environment(&self, environment: &Arc<dyn Environment>) -> Option<Arc<dyn HttpTransport>> {
        Some(Arc::new(Self { connector: self.connector.in_environment(environment) }))
    }

    fn resolver(&self) -> Resolver {
        self.connector.resolver()
    }

    fn connector(&self) -> Option<Connector> {
        Some(self.connector.clone())
    }
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HyperTransport")
            .field("added", &self.connector.added.certificates.len())
            .finish_non_exhaustive()
    }
}
