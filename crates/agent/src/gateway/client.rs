//! The client of one identity: connections to services, and the token on each request.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, Version};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client as HyperClient, Error as HyperError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_layer::Layer;
use tower_service::Service;
use yandex_cloud_auth::system::transport_policy::Connector;
use yandex_cloud_auth::tower::{AuthLayer, AuthService, AuthServiceError, TeeReplay};

use super::body::Streamed;
use super::pool::{Place, Pool};
use super::upstream::{Default, Upstreams};
use crate::config::GatewayConfig;
use crate::identity::Identity;
use yandex_cloud_auth::Error;

/// How long a connection without requests stays open, and how often one with requests is asked whether it lives.
const IDLE: Duration = Duration::from_secs(60);
const PING: Duration = Duration::from_secs(20);

type Authorized = AuthService<HyperClient<Connector, Streamed>, TeeReplay<Streamed>>;

/// A client of services for one identity.
pub(super) struct Client {
    pub(super) identity: Arc<Identity>,
    pub(super) default: Default,
    /// HTTP/2 where the service has it, else HTTP/1.1.
    any: Pool<Authorized>,
    /// HTTP/1.1 alone: only it can switch to another protocol.
    http1: Pool<Authorized>,
    /// HTTP/2 alone, for gRPC without TLS, where nothing tells the version.
    http2: Pool<Authorized>,
}

/// How a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Any,
    Upgrade,
    Grpc,
}

impl Client {
    /// # Errors
    /// `Invalid` for a service that a token must not go to.
    pub(super) fn new(
        identity: Arc<Identity>,
        config: &GatewayConfig,
        upstreams: &Upstreams,
    ) -> Result<Self, Error> {
        let layer = upstreams.layer(identity.credentials.clone())?;
        let layer = layer.replay_limit(config.kept_bytes).replay(TeeReplay::new(UnsyncBoxBody::new));
        let connector = identity.credentials.system().connector().limit(config.connect_time());
        let pool = |protocols: &'static [&'static [u8]], http2_only| {
            let (layer, connector) = (layer.clone(), connector.clone().protocols(protocols));
            Pool::new(move || authorized(&layer, connector.clone(), http2_only))
        };
        Ok(Self {
            any: pool(&[b"h2", b"http/1.1"], false),
            http1: pool(&[b"http/1.1"], false),
            http2: pool(&[b"h2"], true),
            default: Default::new(),
            identity,
        })
    }

    /// Sends a request with the token, and once more with another one if the service refuses the first.
    pub(super) async fn send(
        &self,
        mut request: Request<Streamed>,
        way: Way,
    ) -> Result<(Response<Incoming>, Place<Authorized>), AuthServiceError<HyperError>> {
        *request.version_mut() = if way == Way::Grpc { Version::HTTP_2 } else { Version::HTTP_11 };
        let open = match way {
            Way::Any => self.any.place(),
            Way::Upgrade => self.http1.place(),
            Way::Grpc => self.http2.place(),
        };
        let mut client = open.client().clone();
        poll_fn(|context| client.poll_ready(context)).await?;
        Ok((client.call(request).await?, open))
    }
}

fn authorized(layer: &AuthLayer<TeeReplay<Streamed>>, connector: Connector, http2_only: bool) -> Authorized {
    let client = HyperClient::builder(TokioExecutor::new())
        .http2_only(http2_only)
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .http2_keep_alive_interval(PING)
        .build(connector);
    layer.layer(client)
}
