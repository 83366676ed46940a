//! An authorised gRPC channel, for stubs of the user's own.

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
use crate::verify::{Trust, aside};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");

impl AiStudio {
    /// An authorised channel to the service `id`, for a generated client: its address by `service_map` or discovery, the
    /// header of the SDK's credentials, `x-client-request-id` and `x-data-logging-enabled` on each call. It connects on
    /// first use, within 10 s and as long again for TLS, and directly: gRPC goes through no proxy.
    ///
    /// Set deadlines per request (`Request::set_timeout`), so that the wait for a token counts into them. Nothing is
    /// retried but what a server refused for its token, once, where the whole message is at hand.
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
    /// [`ErrorKind::UnknownEndpoint`] where nobody knows the service; [`ErrorKind::Auth`] where the header may not go
    /// there; [`ErrorKind::Unavailable`] where discovery is down; [`ErrorKind::Invalid`] where an option cannot be used.
    pub async fn channel(&self, id: &str) -> Result<Channel, Error> {
        in_runtime()?;
        let inner = self.client.inner();
        let base = inner.services.by_id(id).await?;
        let bad = |reason: &str| {
            Error::new(ErrorKind::Invalid, format!("service_map: {id}: {reason}"))
                .with_help("give it as `host`, `host:port` or a URL without a path")
        };
        if !base.path.is_empty() {
            return Err(bad("a gRPC service is at a host, not below a path"));
        }
        let mut endpoint = Endpoint::from_shared(base.join(""))
            .and_then(|endpoint| endpoint.connect_timeout(CONNECT).user_agent(USER_AGENT))
            .map_err(|error| bad("not the address of a service").with_source(&error))?;
        if base.address.is_tls() {
            let roots = aside(inner.trust.clone(), Trust::roots).await?;
            // The endpoint's own limit ends where the handshake begins.
            let tls = ClientTlsConfig::new().trust_anchors(roots.roots).timeout(CONNECT);
            endpoint =
                endpoint.tls_config(tls).map_err(|error| bad("TLS cannot be set up").with_source(&error))?;
        }
        let channel = inner.services.layer(&inner.credentials).await?.channel(&endpoint)?;
        Ok(Channel { channel, data_logging: inner.data_logging.map(logging) })
    }
}

/// A channel whose calls are authorised; made by [`AiStudio::channel`]. Generated clients take it as they take
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

    /// What the request already has is left as it is.
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
