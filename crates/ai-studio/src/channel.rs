//! An authorized gRPC channel, for the user's generated clients.

use std::fmt;
use std::task::{Context, Poll};

use http::{HeaderName, HeaderValue, Request, Response};
use tonic::body::Body;
use tonic::transport::{ClientTlsConfig, Endpoint};
use tower_service::Service;
use uuid::Uuid;
use yandex_cloud_auth::tower::AuthChannel;

use crate::client::{CONNECT, USER_AGENT, in_runtime, logging};
use crate::error::{Error, ErrorKind};
use crate::sdk::AiStudio;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");

impl AiStudio {
    /// An authorized channel to the service `id`, for a generated client.
    ///
    /// The address comes from `service_map` or discovery. Each call has the header of the SDK's credentials,
    /// `x-client-request-id` and `x-data-logging-enabled`. The channel connects on first use: 10 s at most for TCP, and
    /// 10 s for TLS. gRPC does not go through a proxy.
    ///
    /// Set deadlines per request (`Request::set_timeout`): they include the wait for a token. The channel does not
    /// retry. It sends a call once more only if the server refused the token and the whole message is still known.
    ///
    /// ```no_run
    /// use yandex_ai_studio_sdk::AiStudio;
    ///
    /// # async fn example(sdk: AiStudio) -> Result<(), yandex_ai_studio_sdk::Error> {
    /// let channel = sdk.channel("ai-foundation-models").await?;
    /// // let mut client = TextGenerationServiceClient::new(channel);
    /// # let _ = channel;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::UnknownEndpoint`] where the service is unknown; [`ErrorKind::Auth`] where the header must not be
    /// sent there; [`ErrorKind::Unavailable`] where discovery is down; [`ErrorKind::Invalid`] where an option cannot be
    /// used.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect on the SDK; discovery that it waits for continues for other calls.
    pub async fn channel(&self, id: &str) -> Result<Channel, Error> {
        in_runtime()?;
        let inner = self.client.inner();
        let base = inner.services.by_id(id).await?;
        let bad = |reason: &str| {
            Error::new(ErrorKind::Invalid, format!("service_map: {id}: {reason}"))
                .with_help("give it as `host`, `host:port` or a URL without a path")
        };
        if !base.path.is_empty() {
            return Err(bad("a gRPC service has a host and no path"));
        }
        let mut endpoint = Endpoint::from_shared(base.join(""))
            .and_then(|endpoint| endpoint.connect_timeout(CONNECT).user_agent(USER_AGENT))
            .map_err(|error| bad("not the address of a service").with_source(&error))?;
        if base.address.is_tls() {
            let roots = inner.trust.roots().await?;
            // The endpoint's `connect_timeout` covers TCP only, so the TLS handshake has its own limit.
            let tls = ClientTlsConfig::new().trust_anchors(roots.roots).timeout(CONNECT);
            endpoint =
                endpoint.tls_config(tls).map_err(|error| bad("TLS cannot be set up").with_source(&error))?;
        }
        let channel = inner.services.layer(&inner.credentials).await?.channel(&endpoint)?;
        Ok(Channel { channel, data_logging: inner.data_logging.map(logging) })
    }
}

/// A channel whose calls are authorized, made by [`AiStudio::channel`]. Generated clients take it in place of a
/// `tonic::transport::Channel`. Cheap to clone.
#[derive(Clone)]
pub struct Channel {
    channel: AuthChannel,
    data_logging: Option<(HeaderName, HeaderValue)>,
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = <AuthChannel as Service<Request<Body>>>::Error;
    type Future = <AuthChannel as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(context)
    }

    /// Adds the headers of the SDK that the request does not have yet.
    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let headers = request.headers_mut();
        if !headers.contains_key(REQUEST_ID)
            && let Ok(id) = HeaderValue::try_from(Uuid::new_v4().to_string())
        {
            headers.insert(REQUEST_ID, id);
        }
        if let Some((name, value)) = &self.data_logging
            && !headers.contains_key(name)
        {
            headers.insert(name, value.clone());
        }
        self.channel.call(request)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Channel")
    }
}
