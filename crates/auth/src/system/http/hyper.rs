//! The default transport: HTTP/1.1 by hyper, TLS by rustls on ring, one connection for each exchange.
//!
//! No pool, because the runtime that ran one fetch may be gone at the next, and fetches are an hour apart.

use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tower_service::Service;

use super::dial::{Dial, too_slow};
use super::exchange::{Outgoing, exchange};
use super::{BoxFuture, Environment, HttpError, HttpFault, HttpOptions, HttpTransport, proxy, tls};

/// The default transport: `http://` and `https://`, HTTP/1.1, no redirects, nothing kept between exchanges.
///
/// Making one touches nothing. The certificate authorities are read on the first `https://` request, once:
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` where the environment has them, else the system's, and those that were added
/// here. A failure to read them is that request's error, and the next one tries again; plain `http://` needs none.
///
/// `https://` goes through the proxy of `HTTPS_PROXY` or `ALL_PROXY` (by `CONNECT`, so the proxy sees no secret),
/// less the hosts of `NO_PROXY` and this machine itself. Plain `http://`, which is the metadata service or
/// loopback, never goes through a proxy.
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
/// The body of a request is wiped when it has been sent or given up, and so is a part of an answer that is not
/// returned. What hyper and rustls keep in buffers of their own is beyond reach.
///
/// # Cancel safety
/// Dropping the future that [`send`](HttpTransport::send) returns closes the connection at once. A name look-up
/// that the system has begun goes on in a thread of the runtime until the system gives up.
pub struct HyperTransport {
    environment: Arc<dyn Environment>,
    added: Arc<[CertificateDer<'static>]>,
    tls: OnceCell<Arc<ClientConfig>>,
}

impl HyperTransport {
    /// A transport that takes proxies and CA files from an environment.
    #[must_use]
    pub fn new(environment: Arc<dyn Environment>) -> Self {
        Self { environment, added: Arc::from([]), tls: OnceCell::new() }
    }

    /// Trusts the CA certificates of a PEM text too, beside the system's (or `SSL_CERT_FILE`'s).
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
        let more = tls::certificates(pem)?;
        self.added = self.added.iter().cloned().chain(more).collect();
        self.tls = OnceCell::new();
        Ok(self)
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
        let target = outgoing.target.clone();
        let stream = if target.scheme() == Some(&Scheme::HTTPS) {
            let proxy = if options.direct { None } else { proxy::for_target(&*self.environment, &target)? };
            let tls = self.tls().await?;
            let dial = Dial::new(options.connect_timeout, proxy);
            tokio::time::timeout(options.connect_timeout, secure(dial, tls, target)).await
        } else {
            let mut dial = Dial::new(options.connect_timeout, None);
            let opened = async { dial.call(target).await.map(MaybeHttpsStream::Http) };
            tokio::time::timeout(options.connect_timeout, opened).await
        };
        exchange(stream.map_err(|_| too_slow())??, outgoing, options.max_body).await
    }

    /// The configuration, read in a thread of its own: a file that hangs must not take the others along.
    async fn tls(&self) -> Result<Arc<ClientConfig>, HttpError> {
        let load = || async {
            let (environment, added) = (Arc::clone(&self.environment), Arc::clone(&self.added));
            match tokio::task::spawn_blocking(move || tls::configuration(&*environment, &added)).await {
                Ok(loaded) => loaded,
                Err(_) => Err(HttpError::new(HttpFault::Tls, "the CA certificates could not be read")),
            }
        };
        self.tls.get_or_try_init(load).await.cloned()
    }
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

async fn secure(dial: Dial, tls: Arc<ClientConfig>, target: Uri) -> Result<Stream, HttpError> {
    let mut connector = HttpsConnector::from((dial, tls));
    connector.enforce_https();
    connector.call(target).await.map_err(|error| match error.downcast::<HttpError>() {
        Ok(before_tls) => *before_tls,
        Err(error) => tls::failed(&*error),
    })
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
            added: Arc::clone(&self.added),
            tls: OnceCell::new(),
        }))
    }
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HyperTransport").field("added", &self.added.len()).finish_non_exhaustive()
    }
}
