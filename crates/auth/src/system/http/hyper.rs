//! The default transport: HTTP/1.1 by hyper, TLS by rustls on ring, a new connection for each exchange.
//!
//! There is no connection pool: fetches are an hour apart, and the runtime of one fetch may be gone at the next.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use hyper_rustls::MaybeHttpsStream;
use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;

use super::client_config::CachedConfig;
use super::dial::{Dial, connect_timeout};
use super::exchange::{Outgoing, exchange};
use super::link::Link;
use super::proxy::{self, Proxy, open_tunnel};
use super::resolver::Resolver;
use super::roots::{Locations, TrustedRoots, parse_pem};
use super::tls::{start_tls, tls_error};
use super::{BoxFuture, Environment, HttpError, HttpFault, HttpOptions, HttpTransport};
use crate::error::in_seconds;

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
pub struct HyperTransport {
    environment: Arc<dyn Environment>,
    added: AddedRoots,
    hosts: Arc<[(String, IpAddr)]>,
    tls: CachedConfig,
}

/// How long a request waits for the files with certificate authorities. Not a part of the time for connecting: the files
/// are read once, and say nothing about the host.
const CERTIFICATES_TIMEOUT: Duration = Duration::from_secs(5);

/// The certificate authorities beside those of the environment.
#[derive(Clone)]
struct AddedRoots {
    certificates: Arc<[CertificateDer<'static>]>,
    load: Option<Arc<LoadRoots>>,
}

/// Reads certificate authorities. May block on files.
type LoadRoots = dyn Fn() -> Result<Vec<CertificateDer<'static>>, HttpError> + Send + Sync;

impl HyperTransport {
    /// A transport that reads proxies and CA files from an environment.
    #[must_use]
    pub fn new(environment: Arc<dyn Environment>) -> Self {
        Self {
            environment,
            added: AddedRoots { certificates: Arc::from([]), load: None },
            hosts: Arc::from([]),
            tls: CachedConfig::new(),
        }
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
        self.hosts = hosts.into_iter().map(|(name, ip)| (name.into(), ip)).collect();
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
    pub fn with_root_certificate_pem(mut self, pem: &[u8]) -> Result<Self, HttpError> {
        let more = parse_pem(pem).map_err(|why| {
            HttpError::new(HttpFault::Tls, format!("the CA certificate is unusable: {why}"))
        })?;
        self.added.certificates = self.added.certificates.iter().cloned().chain(more).collect();
        self.tls = CachedConfig::new();
        Ok(self)
    }

    /// Trusts the CA certificates that `load` reads, too. They are read when the others are read, and again with them.
    pub(in crate::system) fn with_root_loader(
        mut self,
        load: impl Fn() -> Result<Vec<CertificateDer<'static>>, HttpError> + Send + Sync + 'static,
    ) -> Self {
        self.added.load = Some(Arc::new(load));
        self
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
        let dial = Dial::new(options.connect_timeout, self.resolver());
        let target = outgoing.target.clone();
        if target.scheme() != Some(&Scheme::HTTPS) {
            let stream = async { Ok(MaybeHttpsStream::Http(Link::new(dial.open(&target).await?))) };
            return exchange_over(stream, None, outgoing, options).await;
        }
        let proxy = if options.direct { None } else { proxy::for_target(&*self.environment, &target)? };
        let tls = self.tls(CERTIFICATES_TIMEOUT).await?;
        let stream = async {
            let link = match &proxy {
                Some(proxy) => open_tunnel(proxy, &target, &dial, &tls).await?,
                None => Link::new(dial.open(&target).await?),
            };
            start_tls(link, Arc::clone(&tls), target.clone()).await
        };
        let response = exchange_over(stream, proxy.as_ref(), outgoing, options).await;
        if response.as_ref().is_err_and(|error| error.fault() == HttpFault::Tls) {
            self.tls.forget(&tls);
        }
        response
    }

    /// The TLS configuration, if it can be read within `limit`.
    async fn tls(&self, limit: Duration) -> Result<Arc<ClientConfig>, HttpError> {
        let (environment, added) = (Arc::clone(&self.environment), self.added.clone());
        let config = self.tls.get(move || client_config(&*environment, &added));
        tokio::time::timeout(limit, config).await.unwrap_or_else(|_| {
            let files = Locations::of(&*self.environment).map(|files| format!(": {}", files.describe()));
            let files = files.unwrap_or_default();
            let reason = format!("the CA certificates were not read within {}{files}", in_seconds(limit));
            Err(HttpError::new(HttpFault::Tls, reason))
        })
    }
}

fn client_config(environment: &dyn Environment, added: &AddedRoots) -> Result<Arc<ClientConfig>, HttpError> {
    let mut extra = added.certificates.to_vec();
    if let Some(load) = &added.load {
        extra.extend(load()?);
    }
    let roots = TrustedRoots::load(environment, &extra);
    roots.check()?;
    roots.into_client_config().map(Arc::new).map_err(|error| tls_error(&error))
}

/// Waits for the connection, then performs the exchange over it.
async fn exchange_over(
    stream: impl Future<Output = Result<MaybeHttpsStream<Link>, HttpError>>,
    proxy: Option<&Proxy>,
    outgoing: Outgoing,
    options: HttpOptions,
) -> Result<http::Response<Vec<u8>>, HttpError> {
    let stream = tokio::time::timeout(options.connect_timeout, stream).await.unwrap_or_else(|_| {
        let error = connect_timeout();
        Err(proxy.map_or_else(|| error.clone(), |proxy| proxy.failed(&error)))
    });
    exchange(stream?, outgoing, options.max_body).await
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
        Some(Arc::new(Self {
            environment: Arc::clone(environment),
            added: self.added.clone(),
            hosts: Arc::clone(&self.hosts),
            tls: CachedConfig::new(),
        }))
    }

    fn resolver(&self) -> Resolver {
        Resolver::new(Arc::clone(&self.hosts))
    }
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HyperTransport")
            .field("added", &self.added.certificates.len())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::super::doubles::TestEnvironment;
    use super::*;

    #[tokio::test]
    async fn a_file_that_hangs_is_named() {
        let pipe = std::env::temp_dir().join(format!("certificates-{}-pipe", std::process::id()));
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let transport = HyperTransport::new(Arc::new(TestEnvironment::new([("SSL_CERT_FILE", &pipe)])));
        let error = transport.tls(Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(error.fault(), HttpFault::Tls);
        let expected = format!("the CA certificates were not read within 0.02 s: {}", pipe.display());
        assert_eq!(error.to_string(), expected);
        std::fs::remove_file(&pipe).unwrap();
    }
}
