//! Opens connections by the rules of the default transport: proxies, trusted authorities, loopback.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;
use tower_service::Service;

use super::client_config::CachedConfig;
use super::dial::{Dial, connect_timeout};
use super::link::Link;
use super::proxy::{self, open_tunnel};
use super::resolver::Resolver;
use super::roots::{Locations, TrustedRoots, parse_pem};
use super::tls::{start_tls, tls_error};
use super::{Environment, HttpError, HttpFault};
use crate::error::in_seconds;

/// How long a request waits for the files with certificate authorities. Not a part of the time for connecting: the files
/// are read once, and say nothing about the host.
const CERTIFICATES_TIMEOUT: Duration = Duration::from_secs(5);

/// The certificate authorities beside those of the environment.
#[derive(Clone)]
pub(super) struct AddedRoots {
    pub(super) certificates: Arc<[CertificateDer<'static>]>,
    load: Option<Arc<LoadRoots>>,
}

/// Reads certificate authorities. May block on files.
type LoadRoots = dyn Fn() -> Result<Vec<CertificateDer<'static>>, HttpError> + Send + Sync;

/// Opens connections for HTTP clients of their own, such as one with a pool. The rules are those of
/// [`HyperTransport`](super::HyperTransport). Clones share the certificate authorities.
#[derive(Clone)]
pub struct Connector {
    environment: Arc<dyn Environment>,
    pub(super) added: AddedRoots,
    pub(super) hosts: Arc<[(String, IpAddr)]>,
    tls: Arc<CachedConfig>,
    limit: Duration,
    direct: bool,
    /// What the client offers in a TLS handshake, in its order.
    protocols: &'static [&'static [u8]],
}

impl Connector {
    /// A connector that reads proxies and CA files from an environment. Does no I/O.
    #[must_use]
    pub fn new(environment: Arc<dyn Environment>) -> Self {
        Self {
            environment,
            added: AddedRoots { certificates: Arc::from([]), load: None },
            hosts: Arc::from([]),
            tls: Arc::new(CachedConfig::new()),
            limit: Duration::from_secs(5),
            direct: false,
            protocols: &[],
        }
    }

    /// Limits the time for each connection: name resolution, TCP and TLS.
    #[must_use]
    pub fn limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Offers these protocols in a TLS handshake, such as `h2`.
    #[must_use]
    pub fn protocols(self, protocols: &'static [&'static [u8]]) -> Self {
        Self { protocols, ..self }
    }

    /// Uses no proxy, whatever the environment says.
    pub(super) fn direct(self, direct: bool) -> Self {
        Self { direct, ..self }
    }

    /// The same rules in another environment.
    pub(super) fn in_environment(&self, environment: &Arc<dyn Environment>) -> Self {
        Self { environment: Arc::clone(environment), tls: Arc::new(CachedConfig::new()), ..self.clone() }
    }

    /// Trusts the CA certificates of a PEM text too.
    pub(super) fn with_root_certificate_pem(mut self, pem: &[u8]) -> Result<Self, HttpError> {
        let more = parse_pem(pem).map_err(|why| {
            HttpError::new(HttpFault::Tls, format!("the CA certificate is unusable: {why}"))
        })?;
        self.added.certificates = self.added.certificates.iter().cloned().chain(more).collect();
        self.tls = Arc::new(CachedConfig::new());
        Ok(self)
    }

    /// Trusts the CA certificates that `load` reads, too.
    pub(super) fn with_root_loader(
        mut self,
        load: impl Fn() -> Result<Vec<CertificateDer<'static>>, HttpError> + Send + Sync + 'static,
    ) -> Self {
        self.added.load = Some(Arc::new(load));
        self
    }

    pub(super) fn resolver(&self) -> Resolver {
        Resolver::new(Arc::clone(&self.hosts))
    }

    /// Opens a connection to the host of `target`.
    ///
    /// # Errors
    /// The step that failed.
    pub async fn open(&self, target: &Uri) -> Result<Link, HttpError> {
        let dial = Dial::new(self.limit, self.resolver());
        if target.scheme() != Some(&Scheme::HTTPS) {
            let open = async { dial.open(target).await.map(Link::new) };
            return self.limited(open, |error| error).await;
        }
        let proxy = if self.direct { None } else { proxy::for_target(&*self.environment, target)? };
        let tls = self.tls(CERTIFICATES_TIMEOUT).await?;
        let open = async {
            let link = match &proxy {
                Some(proxy) => open_tunnel(proxy, target, &dial, &tls).await?,
                None => Link::new(dial.open(target).await?),
            };
            start_tls(link, self.offering(&tls), target.clone()).await
        };
        let at_proxy =
            |error| proxy.as_ref().map_or_else(|| HttpError::clone(&error), |proxy| proxy.failed(&error));
        let opened = self.limited(open, at_proxy).await;
        if opened.as_ref().is_err_and(|error| error.fault() == HttpFault::Tls) {
            self.tls.forget(&tls);
        }
        opened
    }

    /// The result of `open`, within the limit. `late` tells what took too long.
    async fn limited(
        &self,
        open: impl Future<Output = Result<Link, HttpError>>,
        late: impl FnOnce(HttpError) -> HttpError,
    ) -> Result<Link, HttpError> {
        tokio::time::timeout(self.limit, open).await.unwrap_or_else(|_| Err(late(connect_timeout())))
    }

    fn offering(&self, config: &Arc<ClientConfig>) -> Arc<ClientConfig> {
        if self.protocols.is_empty() {
            return Arc::clone(config);
        }
        let mut config = ClientConfig::clone(config);
        config.alpn_protocols = self.protocols.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
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

impl Service<Uri> for Connector {
    type Response = Link;
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Link, HttpError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.open(&target).await })
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connector").field("limit", &self.limit).finish_non_exhaustive()
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

#[cfg(all(test, unix))]
mod tests {
    use super::super::super::doubles::TestEnvironment;
    use super::*;

    #[tokio::test]
    async fn a_file_that_hangs_is_named() {
        let pipe = std::env::temp_dir().join(format!("certificates-{}-pipe", std::process::id()));
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let connector = Connector::new(Arc::new(TestEnvironment::new([("SSL_CERT_FILE", &pipe)])));
        let error = connector.tls(Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(error.fault(), HttpFault::Tls);
        let expected = format!("the CA certificates were not read within 0.02 s: {}", pipe.display());
        assert_eq!(error.to_string(), expected);
        std::fs::remove_file(&pipe).unwrap();
    }
}
