//! Envoy's Secret Discovery Service: gRPC over a Unix socket. Envoy asks for secrets by name, and gets each new token at once.
//!
//! An empty value withdraws the secret of a token that has expired, because Envoy keeps the last one otherwise. Before the first
//! token there is no response, and Envoy waits.

mod frames;
mod grpc;
mod messages;
mod secrets;
mod status;
mod stream;

use std::sync::Arc;

use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use yandex_cloud_auth::redact;
use yandex_cloud_auth::system::BoxFuture;

use self::frames::frame;
use self::grpc::Messages;
use self::messages::{DiscoveryRequest, DiscoveryResponse, SECRET};
use self::secrets::{Named, Secrets};
use self::status::{Code, Status};
use crate::config::{Address, Limits, SdsConfig};
use crate::identity::Identity;
use crate::log_limit::LogLimit;
use crate::metrics::SdsMetrics;
use crate::service::{Body, Caller, Protocol, Service, is_grpc, method_not_allowed, text};
use crate::users::Users;

const SERVICE: &str = "/envoy.service.secret.v3.SecretDiscoveryService/";

/// The service of a listener.
pub(crate) struct Sds {
    users: Users,
    limits: Limits,
    shared: Arc<Shared>,
    /// The streams that may still be opened.
    free_streams: Arc<Semaphore>,
}

/// What the streams of a listener have in common.
struct Shared {
    secrets: Secrets,
    metrics: SdsMetrics,
    /// For names that the configuration does not have.
    unknown_names: LogLimit,
    /// For secrets that Envoy refuses. A client that asks for many unknown names does not use up this limit.
    refusals: LogLimit,
}

impl Sds {
    /// The service of a configuration. `identities` are those of its secrets, in their order. `removed` has names of an earlier
    /// configuration of the same listener: clients may have these secrets.
    pub(crate) fn new<'a>(
        config: &'a SdsConfig,
        identities: impl IntoIterator<Item = Arc<Identity>>,
        removed: impl IntoIterator<Item = &'a str>,
        metrics: SdsMetrics,
    ) -> Self {
        let named = config.secrets.iter().zip(identities).map(|(secret, identity)| Named {
            name: &secret.name,
            identity,
            format: secret.format,
        });
        let secrets = Secrets::new(named, removed);
        Self {
            users: Users::new(Address::Unix(config.path.clone()), &config.allow_uids),
            limits: config.limits.clone(),
            shared: Arc::new(Shared {
                secrets,
                metrics,
                unknown_names: LogLimit::default(),
                refusals: LogLimit::default(),
            }),
            free_streams: Arc::new(Semaphore::new(config.limits.connections as usize)),
        }
    }

    async fn answer(&self, request: Request<Incoming>, caller: Caller) -> Result<Response<Body>, Status> {
        if let Some(reason) = self.users.refusal(caller.peer()) {
            return Err(Status::new(Code::PermissionDenied, reason));
        }
        let (head, body) = request.into_parts();
        let messages = Messages::new(body, &self.limits);
        match head.uri.path().strip_prefix(SERVICE) {
            Some("StreamSecrets") => {
                let permit = Arc::clone(&self.free_streams).try_acquire_owned().map_err(|_| {
                    Status::new(Code::ResourceExhausted, "there are as many streams as `connections` allows")
                })?;
                let frames = stream::start(Arc::clone(&self.shared), messages, caller, permit);
                Ok(grpc::response(UnsyncBoxBody::new(frames)))
            }
            Some("FetchSecrets") => self.fetch(messages).await,
            _ => Err(Status::new(Code::Unimplemented, "the agent has StreamSecrets and FetchSecrets")),
        }
    }

    /// The current secrets, after a wait for tokens that are not there yet.
    async fn fetch(&self, mut messages: Messages) -> Result<Response<Body>, Status> {
        let request = messages.next::<DiscoveryRequest>().await?;
        let request = request.ok_or_else(|| Status::new(Code::Internal, "the request has no message"))?;
        let names = self.shared.known_names(&request)?;
        if names.is_empty() {
            return Err(Status::new(Code::NotFound, "the agent has no secret of this name"));
        }
        let fetched = self.shared.secrets.fetch(&names).await;
        let (version, resources) =
            fetched.map_err(|error| Status::new(Code::Unavailable, error.to_string()))?;
        if resources.is_empty() {
            return Err(Status::new(Code::Unavailable, "the identity has no token: its method is `none`"));
        }
        let response = DiscoveryResponse {
            version_info: version.to_string(),
            resources,
            type_url: SECRET.to_owned(),
            nonce: String::new(),
        };
        let end = std::future::ready(Some(Ok(Status::new(Code::Ok, "").trailers())));
        let body = Full::new(frame(&response)).with_trailers(end).map_err(|never| match never {});
        Ok(grpc::response(UnsyncBoxBody::new(body)))
    }
}

impl Shared {
    /// The names of a request that the agent has. The log has a warning of the others, for which Envoy waits, and of those
    /// that a reload has removed.
    fn known_names(&self, request: &DiscoveryRequest) -> Result<Vec<String>, Status> {
        let mut known = Vec::new();
        for name in request.names()? {
            match self.secrets.has(name) {
                true if known.contains(name) => {}
                true => {
                    if self.secrets.is_removed(name) && self.unknown_names.allows(name) {
                        tracing::warn!(name, "a reload has removed this secret: Envoy has to drop it");
                    }
                    known.push(name.clone());
                }
                false => {
                    let name = redact(name, &[]);
                    if self.unknown_names.allows(&name) {
                        tracing::warn!(name, "Envoy asks for a secret that the configuration does not have");
                    }
                }
            }
        }
        Ok(known)
    }
}

impl Service for Sds {
    fn kind(&self) -> &'static str {
        "sds"
    }

    fn asks_for_user(&self) -> bool {
        true
    }

    fn protocol(&self) -> Protocol {
        Protocol::Both
    }

    fn respond(&self, request: Request<Incoming>, caller: Caller) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move {
            let reason = "this socket has Envoy's Secret Discovery Service: gRPC over HTTP/2, by POST\n";
            if !is_grpc(request.headers()) || request.version() != Version::HTTP_2 {
                return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason);
            }
            if request.method() != Method::POST {
                let response = text(StatusCode::METHOD_NOT_ALLOWED, reason);
                return method_not_allowed(response, Method::POST.as_str());
            }
            self.answer(request, caller).await.unwrap_or_else(|status| status.response())
        })
    }
}

/// For the fuzz targets: the requests of a client whose bytes arrive in these parts, and how the call ends.
pub(crate) mod parsers {
    use super::frames::Decoder;
    use super::messages::DiscoveryRequest;
    use super::status::Status;

    /// What a client asks for.
    #[derive(Debug, PartialEq)]
    pub struct SdsRequest {
        /// The name of the client.
        pub node: Option<String>,
        /// The names of the secrets.
        pub names: Vec<String>,
        /// The number of the response that the client takes or refuses.
        pub nonce: String,
        /// Why the client refuses the response.
        pub error: Option<String>,
    }

    /// The requests, and the code and the reason of the status that ends the call.
    pub(crate) fn requests<'a>(
        parts: impl IntoIterator<Item = &'a [u8]>,
        max_length: usize,
    ) -> (Vec<SdsRequest>, Result<(), (u16, String)>) {
        let mut requests = Vec::new();
        let end = read(parts, max_length, &mut requests);
        (requests, end.map_err(|status| (status.code() as u16, status.message().to_owned())))
    }

    fn read<'a>(
        parts: impl IntoIterator<Item = &'a [u8]>,
        max_length: usize,
        requests: &mut Vec<SdsRequest>,
    ) -> Result<(), Status> {
        let mut decoder = Decoder::new(max_length);
        for part in parts {
            decoder.push(part);
            while let Some(request) = decoder.message::<DiscoveryRequest>()? {
                requests.push(SdsRequest {
                    names: request.names()?.to_vec(),
                    node: request.node.map(|node| node.id),
                    nonce: request.response_nonce,
                    error: request.error_detail.map(|error| error.message),
                });
            }
        }
        decoder.end()
    }
}
