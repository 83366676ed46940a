//! The layer in front of tonic: an authorized channel, errors as gRPC statuses, and an interceptor for code that needs
//! one.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::runtime::Handle;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tower_layer::Layer;

use super::layer::AuthLayer;
use super::service::AuthService;
use super::tee::TeeReplay;
use crate::system::is_loopback;
use crate::system::transport_policy::Resolver;
use crate::{Credentials, Error, ErrorKind};

/// A channel whose calls are authorized, made by [`AuthLayer::channel`]. Generated clients take it in place of a
/// [`Channel`].
pub type AuthChannel = AuthService<Channel, TeeReplay<Body>>;

impl<R> AuthLayer<R> {
    /// A channel to an endpoint, with the layer in front. It connects on first use.
    ///
    /// The requests of generated clients do not name their host, so the layer checks the URI of the endpoint here. A
    /// message of up to [`replay_limit`](Self::replay_limit) bytes is saved for a replay; of a stream, the messages
    /// sent so far.
    ///
    /// **TLS**: configure it on the endpoint, also for an `https` URI. Without `Endpoint::tls_config` tonic fails the
    /// first call of an `https` endpoint. For Yandex Cloud use `ClientTlsConfig::new().with_native_roots()`, which
    /// needs the features `tls-ring` (or `tls-aws-lc`) and `tls-native-roots` of tonic. [The
    /// manual](crate::tower#tonic) has an example.
    ///
    /// **Deadlines**: set them per request ([`Request::set_timeout`]): they include the wait for a token.
    /// [`Endpoint::timeout`] starts only when the header is there.
    ///
    /// # Errors
    /// [`ErrorKind::Blocked`] where the header must not be sent to the endpoint; [`ErrorKind::Invalid`] where there is
    /// no tokio runtime, which tonic needs for the connection.
    pub fn channel(&self, endpoint: &Endpoint) -> Result<AuthChannel, Error> {
        let layer = self.without_replay().origin(endpoint.uri().clone()).replay(TeeReplay::new(Body::new));
        let mut request = http::Request::new(());
        *request.uri_mut() = endpoint.uri().clone();
        layer.config.wants_header(&request)?;
        if Handle::try_current().is_err() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "a channel needs a tokio runtime, and none is running here",
            )
            .at(endpoint.uri().to_string())
            .with_help("make the channel in async code, or enter a runtime first (`Runtime::enter`)"));
        }
        let channel = connect_lazy(endpoint, layer.config.credentials.system().resolver());
        Ok(layer.layer(channel))
    }

    fn without_replay(&self) -> AuthLayer<()> {
        AuthLayer { config: Arc::clone(&self.config), replay: () }
    }
}

/// The channel to an endpoint. A loopback name leads to this computer, or nowhere: the header may go there in plain text.
fn connect_lazy(endpoint: &Endpoint, resolver: Resolver) -> Channel {
    match endpoint.uri().host() {
        Some(host) if is_loopback(host) => {
            endpoint.connect_with_connector_lazy(connector(endpoint, resolver))
        }
        _ => endpoint.connect_lazy(),
    }
}

/// A connector with the options of the endpoint, as tonic makes one.
fn connector(endpoint: &Endpoint, resolver: Resolver) -> HttpConnector<Resolver> {
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.enforce_http(false);
    connector.set_nodelay(endpoint.get_tcp_nodelay());
    connector.set_keepalive(endpoint.get_tcp_keepalive());
    connector.set_keepalive_interval(endpoint.get_tcp_keepalive_interval());
    connector.set_keepalive_retries(endpoint.get_tcp_keepalive_retries());
    connector.set_connect_timeout(endpoint.get_connect_timeout());
    connector
}

/// `UNAVAILABLE` for a transient error, `UNAUTHENTICATED` for any other. The message includes the help, and the source
/// is the error itself.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let message = match error.help() {
            Some(help) => format!("{error} ({help})"),
            None => error.to_string(),
        };
        let mut status = match error.kind() {
            ErrorKind::Unavailable => Self::unavailable(message),
            _ => Self::unauthenticated(message),
        };
        status.set_source(Arc::new(error));
        status
    }
}

/// An interceptor, for code that needs one. Prefer [`AuthLayer::channel`].
///
/// An interceptor cannot wait, and it sees neither the host of a request nor the response. So:
/// - If there is no token yet, the call fails with `UNAVAILABLE`, and a fetch starts for later calls. Call
///   [`Credentials::header`] once before the first request. (The interceptor does not start automatic selection.)
/// - The host is not checked: every client that has the interceptor sends the header.
/// - A refused token is not invalidated, and the request is not sent again.
///
/// An `authorization` that the request already has stays.
///
/// ```
/// use tonic::service::Interceptor;
/// use yandex_cloud_auth::tower::AuthInterceptor;
/// use yandex_cloud_auth::{ApiKeyAuth, Credentials};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut interceptor = AuthInterceptor::new(Credentials::from(ApiKeyAuth::new("AQVN-fake")?));
/// let request = interceptor.call(tonic::Request::new(()))?;
/// assert_eq!(request.metadata().get("authorization").unwrap(), "Api-Key AQVN-fake");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct AuthInterceptor {
    credentials: Credentials,
}

impl AuthInterceptor {
    /// An interceptor that adds the header of these credentials to each request.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }
}

impl Interceptor for AuthInterceptor {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if request.metadata().contains_key(AUTHORIZATION.as_str()) {
            return Ok(request);
        }
        let header = self.credentials.try_header().unwrap_or_else(|| {
            Err(Error::new(ErrorKind::Unavailable, "there is no token yet, and an interceptor cannot wait for one")
                .with_help(
                    "call `Credentials::header` once before the first call, or use `AuthLayer::channel`, which waits",
                ))
        });
        if let Some(header) = header? {
            // Inserted through the header map: a new metadata value would lose the mark `sensitive`.
            let mut headers = std::mem::take(request.metadata_mut()).into_headers();
            headers.insert(AUTHORIZATION, header);
            *request.metadata_mut() = MetadataMap::from_headers(headers);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use tower_service::Service;

    use super::*;

    #[tokio::test]
    async fn a_channel_to_a_loopback_name_connects_to_this_computer_only() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://localhost:{}", server.local_addr().unwrap().port());
        let endpoint = Endpoint::from_shared(uri).unwrap();
        let hosts = |ips: &[IpAddr]| {
            let hosts = ips.iter().map(|ip| ("localhost".to_owned(), *ip)).collect();
            connector(&endpoint, Resolver::new(hosts))
        };
        let (here, elsewhere) = (Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(192, 0, 2, 1).into());
        let error = hosts(&[elsewhere]).call(endpoint.uri().clone()).await.unwrap_err();
        assert!(format!("{error:?}").contains("NotLoopback"), "{error:?}");
        hosts(&[elsewhere, here]).call(endpoint.uri().clone()).await.unwrap();
    }
}
