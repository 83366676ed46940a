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
use tokio::sync::Mutex;
use tower_service::Service;

use super::dial::{Dial, too_slow};
use super::exchange::{Outgoing, exchange};
use super::{BoxFuture, Environment, HttpError, HttpFault, HttpOptions, HttpTransport, proxy, tls};

/// The default transport: `http://` and `https://`, HTTP/1.1, no redirects, nothing kept between exchanges.
///
/// Making one touches nothing. The certificate authorities are read on the first `https://` request, and again on the
/// first one after TLS has failed, since they may have been replaced: `SSL_CERT_FILE` and `SSL_CERT_DIR` where the
/// environment has them, else the system's, and those that were added here. A failure to read them is that request's
/// error, and the next one tries again; plain `http://` needs none.
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
    /// Forgotten when TLS fails: the authorities may have been replaced since they were read.
    tls: Mutex<Option<Arc<ClientConfig>>>,
}

impl HyperTransport {
    /// A transport that takes proxies and CA files from an environment.
    #[must_use]
    pub fn new(environment: Arc<dyn Environment>) -> Self {
        Self { environment, added: Arc::from([]), tls: Mutex::default() }
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
        self.tls = Mutex::default();
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
        if outgoing.target.scheme() != Some(&Scheme::HTTPS) {
            let dial = Dial::new(options.connect_timeout, None);
            return over(plain(dial, outgoing.target.clone()), outgoing, options).await;
        }
        let proxy =
            if options.direct { None } else { proxy::for_target(&*self.environment, &outgoing.target)? };
        let tls = self.tls().await?;
        let dial = Dial::new(options.connect_timeout, proxy);
        let stream = secure(dial, Arc::clone(&tls), outgoing.target.clone());
        let answer = over(stream, outgoing, options).await;
        if answer.as_ref().is_err_and(|error| error.fault() == HttpFault::Tls) {
            let mut kept = self.tls.lock().await;
            if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, &tls)) {
                *kept = None;
            }
        }
        answer
    }

    /// The configuration, read in a thread of its own: a file that hangs must not take the others along.
    async fn tls(&self) -> Result<Arc<ClientConfig>, HttpError> {
        // Locked while they are read, so that they are read once for all who wait.
        let mut kept = self.tls.lock().await;
        if let Some(kept) = &*kept {
            return Ok(Arc::clone(kept));
        }
        let (environment, added) = (Arc::clone(&self.environment), Arc::clone(&self.added));
        let loaded = tokio::task::spawn_blocking(move || tls::configuration(&*environment, &added)).await;
        let loaded =
            loaded.map_err(|_| HttpError::new(HttpFault::Tls, "the CA certificates could not be read"))??;
        Ok(Arc::clone(kept.insert(loaded)))
    }
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// The exchange, once the connection is made.
async fn over(
    stream: impl Future<Output = Result<Stream, HttpError>>,
    outgoing: Outgoing,
    options: HttpOptions,
) -> Result<http::Response<Vec<u8>>, HttpError> {
    let stream = tokio::time::timeout(options.connect_timeout, stream).await;
    exchange(stream.map_err(|_| too_slow())??, outgoing, options.max_body).await
}

async fn plain(mut dial: Dial, target: Uri) -> Result<Stream, HttpError> {
    dial.call(target).await.map(MaybeHttpsStream::Http)
}

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
            tls: Mutex::default(),
        }))
    }
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HyperTransport").field("added", &self.added.len()).finish_non_exhaustive()
    }
}
