//! One HTTP exchange: a request with its whole body, a response of bounded size.
//!
//! The contract is small, so that any client can implement it. A transport follows no redirect, keeps no cookie and
//! adds no credential. Its errors name the step that failed: a metadata probe must tell a host that is down from a host
//! that accepts the connection and stays silent.

#[cfg(feature = "transport")]
mod client_config;
#[cfg(feature = "transport")]
pub(super) mod connector;
#[cfg(feature = "transport")]
mod dial;
#[cfg(any(test, feature = "testing"))]
mod double;
#[cfg(feature = "transport")]
mod exchange;
#[cfg(feature = "transport")]
mod hyper;
#[cfg(feature = "transport")]
pub(super) mod link;
#[cfg(feature = "transport")]
pub(super) mod proxy;
#[cfg(any(feature = "tonic", feature = "transport"))]
pub(super) mod resolver;
#[cfg(feature = "transport")]
pub(super) mod roots;
#[cfg(feature = "transport")]
mod tls;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{BoxFuture, Environment};

#[cfg(any(test, feature = "testing"))]
pub use self::double::{TestHttp, TestReply};
#[cfg(feature = "transport")]
pub use self::hyper::HyperTransport;

/// Limits and rules for one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpOptions {
    /// The time limit for connecting: name resolution, TCP and TLS.
    pub connect_timeout: Duration,
    /// The maximum size of the response body, in bytes. A larger one is [`HttpFault::TooLarge`].
    pub max_body: usize,
    /// Use no proxy, whatever the environment says.
    pub direct: bool,
}

impl HttpOptions {
    /// 5 s to connect, 1 MiB of response body, proxies as the environment says.
    #[must_use]
    pub fn new() -> Self {
        Self { connect_timeout: Duration::from_secs(5), max_body: 1 << 20, direct: false }
    }

    /// Sets the time limit for connecting.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Sets the maximum size of the response body, in bytes.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Uses no proxy.
    #[must_use]
    pub fn direct(mut self) -> Self {
        self.direct = true;
        self
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// The step at which an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpFault {
    /// No connection within [`HttpOptions::connect_timeout`].
    ConnectTimeout,
    /// The host refused the connection.
    ConnectRefused,
    /// No route: the network or the host is unreachable, or the operating system does not permit the connection.
    Unreachable,
    /// The name could not be resolved.
    NameResolution,
    /// A name of this computer (`localhost`, or a name below it) leads to another computer. Nothing was sent.
    NotLoopback,
    /// TLS failed: an unknown issuer, a wrong name, a broken handshake.
    Tls,
    /// No certificate authority can be trusted: none is installed, or the file that names them is unusable.
    NoAuthorities,
    /// The proxy refused or failed.
    Proxy,
    /// The proxy requires a user and a password, or did not accept those of its address.
    ProxyAuthentication,
    /// A variable that names the proxy, or the hosts without a proxy, is unusable. Nothing was sent.
    ProxyInvalid,
    /// The connection broke, or the response was cut short, after connecting.
    Interrupted,
    /// The response is not HTTP.
    Malformed,
    /// The response is larger than [`HttpOptions::max_body`].
    TooLarge,
    /// The request cannot be sent: its address is not HTTP, or no runtime runs it.
    Request,
}

impl HttpFault {
    /// Whether the exchange failed before there was a connection.
    #[must_use]
    pub fn is_before_connection(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::ConnectRefused | Self::Unreachable | Self::NameResolution)
    }
}

/// Why an exchange failed. The message contains neither headers nor body.
#[derive(Clone, Debug)]
pub struct HttpError {
    fault: HttpFault,
    message: String,
    is_transient: bool,
}

impl HttpError {
    /// An error at one step, with a short lower-case message.
    #[must_use]
    pub fn new(fault: HttpFault, message: impl Into<String>) -> Self {
        // A wrong certificate, address or password stays wrong.
        let is_transient = !matches!(
            fault,
            HttpFault::Tls | HttpFault::Request | HttpFault::ProxyAuthentication | HttpFault::ProxyInvalid
        );
        Self { fault, message: message.into(), is_transient }
    }

    /// The step that failed.
    #[must_use]
    pub fn fault(&self) -> HttpFault {
        self.fault
    }

    /// Whether another attempt within seconds may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.is_transient
    }
}

/// The help of a failure of the proxy.
#[doc(hidden)]
#[must_use]
pub fn proxy_help(fault: HttpFault) -> &'static str {
    match fault {
        HttpFault::ProxyAuthentication => {
            "correct the user and password of the proxy in HTTPS_PROXY or ALL_PROXY, or add them: \
             `http://user:password@host:port`, with special characters percent-encoded"
        }
        HttpFault::ProxyInvalid => {
            "set the variable to `http://host:port`, `https://host:port`, `socks5://host:port` or `socks5h://host:port`, \
             or unset it; in a user or password write `/` as %2F, `?` as %3F, `#` as %23, `@` as %40 and `%` as %25"
        }
        _ => "check HTTPS_PROXY, ALL_PROXY and NO_PROXY",
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for HttpError {}

/// Sends one request and returns the response, whatever its status.
///
/// An implementation follows no redirect. It stops all work when the returned future is dropped: callers bound the
/// total time by dropping it.
///
/// ```
/// use yandex_cloud_auth::system::{BoxFuture, HttpError, HttpOptions, HttpTransport};
///
/// /// Logs each request, then sends it by another transport.
/// struct Logged<T>(T);
///
/// impl<T: HttpTransport> HttpTransport for Logged<T> {
///     fn send(
///         &self,
///         request: http::Request<Vec<u8>>,
///         options: HttpOptions,
///     ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, HttpError>> {
///         tracing::debug!(host = request.uri().host(), "request");
///         self.0.send(request, options)
///     }
/// }
/// ```
pub trait HttpTransport: Send + Sync + 'static {
    /// Performs one exchange.
    ///
    /// # Errors
    /// [`HttpError`] where there is no complete response. A response with an error status is not an error here.
    fn send(
        &self,
        request: http::Request<Vec<u8>>,
        options: HttpOptions,
    ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, HttpError>>;

    /// The same transport with another environment, if it reads one (proxies, CA files).
    fn in_environment(&self, environment: &Arc<dyn Environment>) -> Option<Arc<dyn HttpTransport>> {
        let _ = environment;
        None
    }

    /// How this transport resolves names, for the other clients of its system.
    #[cfg(any(feature = "tonic", feature = "transport"))]
    #[doc(hidden)]
    fn resolver(&self) -> resolver::Resolver {
        resolver::Resolver::default()
    }

    /// Opens connections by the rules of this transport, for the other clients of its system. `None` where the
    /// transport has no connections of its own.
    #[cfg(feature = "transport")]
    #[doc(hidden)]
    fn connector(&self) -> Option<connector::Connector> {
        None
    }
}
