//! In front of tonic: a channel that is authorised, errors as gRPC knows them, and an interceptor for those who must
//! have one.

use std::sync::Arc;

use http::header::AUTHORIZATION;
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
use crate::{Credentials, Error, ErrorKind};

/// A channel whose calls are authorised; made by [`AuthLayer::channel`]. Generated clients take it as they take a
/// [`Channel`].
pub type AuthChannel = AuthService<Channel, TeeReplay<Body>>;

impl<R> AuthLayer<R> {
    /// A channel to this endpoint with the layer in front. It connects on first use.
    ///
    /// Requests of generated clients do not name their host: the endpoint's URI tells it, and is held to the rules of
    /// the layer right here. Messages up to [`replay_limit`](Self::replay_limit) are kept for a second sending; of
    /// streams, what was sent so far.
    ///
    /// Set deadlines per request ([`Request::set_timeout`]), so that the wait for a token counts into them;
    /// [`Endpoint::timeout`] begins only when a header is at hand. TLS is the endpoint's affair
    /// (`Endpoint::tls_config`, a feature of tonic).
    ///
    /// # Errors
    /// [`ErrorKind::Blocked`] where the header may not go there; [`ErrorKind::Invalid`] where there is no tokio runtime
    /// for tonic to keep the connection on.
    ///
    /// ```
    /// use tonic::transport::Endpoint;
    /// use yandex_cloud_auth::tower::AuthLayer;
    /// use yandex_cloud_auth::Credentials;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let endpoint = Endpoint::from_static("https://llm.api.cloud.yandex.net:443");
    /// let channel = AuthLayer::new(Credentials::automatic()).channel(&endpoint)?;
    /// // let mut client = TextGenerationServiceClient::new(channel);
    /// # let _ = channel;
    /// # Ok(()) }
    /// ```
    pub fn channel(&self, endpoint: &Endpoint) -> Result<AuthChannel, Error> {
        let layer = self.clone_config().origin(endpoint.uri().clone()).replay(TeeReplay::new(Body::new));
        let mut request = http::Request::new(());
        *request.uri_mut() = endpoint.uri().clone();
        layer.config.wants_header(&request)?;
        if Handle::try_current().is_err() {
            return Err(Error::new(ErrorKind::Invalid, "a channel cannot be made without a tokio runtime")
                .at(endpoint.uri().to_string())
                .with_help("make it in async code, or where a runtime was entered (`Runtime::enter`)"));
        }
        Ok(layer.layer(endpoint.connect_lazy()))
    }

    fn clone_config(&self) -> AuthLayer<()> {
        AuthLayer { config: Arc::clone(&self.config), replay: () }
    }
}

/// As gRPC knows it: `UNAVAILABLE` for what may pass, `UNAUTHENTICATED` for all else. The message says what to do
/// next; the error itself is the source.
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

/// For code that must have an interceptor. Prefer [`AuthLayer::channel`].
///
/// An interceptor may not wait, and sees neither where a request goes nor what was answered. So:
/// - Where no token is at hand yet, the call fails with `UNAVAILABLE`, and a fetch is started for those to come. Call
///   [`Credentials::header`] once before the first request. (Automatic selection does not start by itself.)
/// - The host is not checked: whatever client it is put in gets the header.
/// - A refused token is neither dropped nor replaced before its time, and nothing is sent again.
///
/// An `authorization` that the request already has is left as it is.
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
    /// Puts the header of these credentials on each request.
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
            Err(Error::new(ErrorKind::Unavailable, "no token is at hand yet, and an interceptor cannot wait")
                .with_help(
                    "ask for a header once before the first call, or use `AuthLayer::channel`, which waits",
                ))
        });
        if let Some(header) = header? {
            // By way of the header map, for a metadata value made anew would no longer be marked sensitive.
            let mut headers = std::mem::take(request.metadata_mut()).into_headers();
            headers.insert(AUTHORIZATION, header);
            *request.metadata_mut() = MetadataMap::from_headers(headers);
        }
        Ok(request)
    }
}
