//! A gateway: an address for tools that take a base URL and a static key.
//!
//! The key is the agent's own, and is worth nothing elsewhere. The gateway takes it off the request, puts the token of an
//! identity in its place, and writes the name of the model as the service wants it. Everything else streams both ways.

mod body;
mod client;
mod headers;
mod keep_alive;
mod model;
mod pool;
mod refusal;
mod together;
mod upgrade;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Either};
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout_at;
use yandex_cloud_auth::Error;
use yandex_cloud_auth::system::BoxFuture;

use self::body::{Beginning, Bounded, Broken, Resumed, Streamed, Upload, beginning, whole};
use self::client::{Client, Way};
use self::keep_alive::KeepAlive;
use self::model::{Found, NoFolder};
use self::refusal::{Asked, Refusal};
use self::together::Together;
use self::upgrade::Switch;
use self::upstream::{Target, Upstreams, with_model};
use crate::config::GatewayConfig;
use crate::facts::Known;
use crate::identity::Identity;
use crate::keys::{self, Keys};
use crate::service::{Body, Caller, Protocol, Service, has_media_type};

/// A gateway for the identities of its keys.
pub(crate) struct Gateway {
    shared: Arc<Shared>,
}

/// What all requests of a gateway have in common.
struct Shared {
    config: GatewayConfig,
    keys: Keys,
    /// The client of each key, in the order of the keys.
    clients: Vec<Arc<Client>>,
    upstreams: Upstreams,
}

/// A request that is ready for its service.
struct Prepared {
    client: Arc<Client>,
    request: Request<Streamed>,
    way: Way,
    /// The service, for errors.
    target: Arc<Target>,
    upload: Upload,
    /// The client wants a stream of events.
    streams: bool,
}

impl Gateway {
    /// The gateway of a configuration, with the keys of its files. `identities`: the identity of each key, in their order.
    ///
    /// # Errors
    /// `Invalid` if the file of a key is wrong, or for a service that a token must not go to.
    pub(crate) fn new(identities: &[Arc<Identity>], config: &GatewayConfig) -> Result<Self, Error> {
        let upstreams = Upstreams::new(&config.upstream)?;
        let mut clients: Vec<Arc<Client>> = Vec::new();
        for identity in identities {
            // Keys of one identity share its connections.
            let known = clients.iter().find(|client| Arc::ptr_eq(&client.identity, identity)).cloned();
            clients.push(match known {
                Some(client) => client,
                None => Arc::new(Client::new(Arc::clone(identity), config, &upstreams)?),
            });
        }
        let keys = Keys::load(&config.keys)?;
        for (key, identity) in config.keys.iter().zip(identities).filter(|(key, _)| key.value.is_none()) {
            let (identity, path) = (identity.name(), key.file.display());
            tracing::info!(identity, %path, "the key of the gateway is in this file");
        }
        Ok(Self { shared: Arc::new(Shared { config: config.clone(), keys, clients, upstreams }) })
    }

    /// Checks the files of the keys and the services. Makes no key.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn check(config: &GatewayConfig) -> Result<(), Error> {
        Upstreams::check(&config.upstream)?;
        keys::check(&config.keys)
    }
}

impl Service for Gateway {
    fn kind(&self) -> &'static str {
        "gateway"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Both
    }

    /// The keys, their identities, and the services.
    fn streams_rest_on(&self) -> Option<String> {
        let Shared { keys, clients, config, .. } = &*self.shared;
        let identities = clients.iter().map(|client| Arc::as_ptr(&client.identity).addr());
        Some(format!("{:?} {:?} {:?}", keys.digests(), identities.collect::<Vec<_>>(), config.upstream))
    }

    fn refuse(&self, headers: &HeaderMap, status: StatusCode, reason: &'static str) -> Response<Body> {
        Refusal::listener(status, reason).response(&Asked::of(headers))
    }

    fn respond(&self, request: Request<Incoming>, caller: Caller) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move {
            let asked = Asked::of(request.headers());
            self.shared.answer(request, caller).await.unwrap_or_else(|refusal| refusal.response(&asked))
        })
    }
}

impl Shared {
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        caller: Caller,
    ) -> Result<Response<Body>, Refusal> {
        let browser = || upgrade::key_of_browser(request.headers()).and_then(|key| self.keys.known(key));
        let (place, key) = self.keys.of(request.headers()).or_else(browser).ok_or_else(Refusal::key)?;
        let client = self.clients.get(place).cloned().ok_or_else(Refusal::key)?;
        let switch = Switch::of(&mut request);
        let mut prepared = self.prepare(request, client, &key, switch.as_ref()).await?;
        let every = self.config.keep_alive_seconds.filter(|_| prepared.streams).map(Duration::from_secs_f64);
        if every.is_some() {
            // The comments have no coding, so that the events cannot have one.
            prepared.request.headers_mut().remove(header::ACCEPT_ENCODING);
        }
        let sent = send(prepared, self.config.response_time(), self.config.idle_time());
        let Some(every) = every else {
            let mut response = sent.await?;
            if let Some(switch) = switch {
                switch.connect(&mut response, caller);
            }
            return Ok(response.map(streaming));
        };
        KeepAlive::respond(Box::pin(sent), every).await
    }

    /// Makes the request that the service gets.
    async fn prepare(
        &self,
        request: Request<Incoming>,
        client: Arc<Client>,
        key: &str,
        switch: Option<&Switch>,
    ) -> Result<Prepared, Refusal> {
        let asked = Asked::of(request.headers());
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().cloned().ok_or_else(unusable)?;
        let target = match self.upstreams.find(&parts.method, path.path())? {
            Some(target) => target,
            None => client
                .default
                .target(&client.identity.credentials)
                .await
                .map_err(|error| Refusal::auth(&error))?,
        };
        let target = Arc::clone(target);
        if path.as_str().contains(key) {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "key_in_address", KEY_IN_ADDRESS));
        }
        if !has_known_coding(&parts.headers) || (switch.is_some() && body.size_hint().exact() != Some(0)) {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "invalid_body", INVALID_BODY));
        }
        let known = match &client.identity.config.folder {
            Some(folder) => Known { folder: Some(folder.clone()), ..Known::default() },
            None => client.identity.known().await,
        };
        let folder = known.folder.as_deref();
        let is_grpc = asked.is_grpc();
        if switch.is_some() {
            upgrade::remove_key_of_browser(&mut parts.headers);
        }
        headers::for_service(&mut parts.headers, key, folder.filter(|_| !is_grpc));
        if body.size_hint().lower() > self.config.request_bytes {
            return Err(Refusal::body(&Broken::TooLong));
        }
        let upload = Upload::default();
        let body = Bounded::new(body, self.config.idle_time(), self.config.request_bytes).of(&upload);
        let model = Models { config: &self.config, known: &known, path: path.path() };
        let mut streams = false;
        let (path, body) = if let Some(switch) = switch {
            switch.ask(&mut parts.headers);
            (model.in_query(&path)?, whole(Bytes::new()))
        } else if is_json(&parts) && path.path().starts_with("/v1/") {
            let body = model.in_body(body, &mut parts, &mut streams).await?;
            (path, body)
        } else {
            (path, body.boxed_unsync())
        };
        let way = match switch {
            Some(_) => Way::Upgrade,
            None if is_grpc && !target.is_tls() => Way::Grpc,
            None => Way::Any,
        };
        parts.uri = target.uri(path).ok_or_else(unusable)?;
        Ok(Prepared { client, request: Request::from_parts(parts, body), way, target, upload, streams })
    }
}

/// Sends a request, and makes the response that the client gets.
async fn send(prepared: Prepared, limit: Duration, pause: Duration) -> Result<Response<Bounded>, Refusal> {
    let Prepared { client, request, way, target, upload, .. } = prepared;
    let mut answer = std::pin::pin!(client.send(request, way));
    let sent = loop {
        let end = upload.last() + limit;
        match timeout_at(end, &mut answer).await {
            Ok(sent) => break sent,
            // The service has read more of the body meanwhile.
            Err(_) if upload.last() + limit > end => {}
            Err(_) => {
                let message = format!("{target} did not begin to answer in {} s", limit.as_secs_f64());
                return Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", message));
            }
        }
    };
    let (response, open) = sent.map_err(|error| match (error.auth(), upload.broken()) {
        (Some(error), _) => Refusal::auth(error),
        (None, Some(broken)) => Refusal::body(broken),
        (None, None) => Refusal::upstream(&target, &error),
    })?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS && way != Way::Upgrade {
        let message = format!("{target} switched the protocol, and the client did not ask for that");
        return Err(Refusal::new(StatusCode::BAD_GATEWAY, "upstream_failed", message));
    }
    let (mut parts, body) = response.into_parts();
    parts.version = Version::HTTP_11;
    headers::remove_those_of_connection(&mut parts.headers);
    Ok(Response::from_parts(parts, Bounded::new(body, pause, u64::MAX).holding(open.hold())))
}

/// The body of a response that goes on as it arrives.
fn streaming(body: Bounded) -> Body {
    Either::Right(Together::new(body).map_err(Into::into).boxed_unsync())
}

/// The names of models of one request.
struct Models<'a> {
    config: &'a GatewayConfig,
    known: &'a Known,
    path: &'a str,
}

impl Models<'_> {
    /// The body with the URI of its model.
    async fn in_body(
        &self,
        body: Bounded,
        parts: &mut Parts,
        streams: &mut bool,
    ) -> Result<Streamed, Refusal> {
        let kept = self.config.kept_bytes;
        let beginning = beginning(body, kept).await.map_err(|broken| Refusal::body(&broken))?;
        let (read, rest) = match beginning {
            Beginning::Whole(read) => (read, None),
            Beginning::Part(read, rest) => (read, Some(rest)),
        };
        let found = model::find(&read[..read.len().min(kept)]);
        *streams = found.streams;
        let uri = match found.model {
            Found::Nothing if rest.is_some() => return Err(self.not_in_beginning("no `model` in it")),
            Found::Nothing => None,
            Found::NotText => {
                return Err(invalid_model(
                    "the value of `model` is not a string: give the name of a model, or its URI",
                ));
            }
            Found::Twice => return Err(invalid_model("`model` is there twice")),
            Found::Name(name, _) if name.is_empty() => return Err(invalid_model("`model` is empty")),
            Found::Name(name, place) => self.uri(&name)?.map(|uri| (place, uri)),
        };
        Ok(match (uri, rest) {
            (None, None) => whole(read),
            (None, Some(rest)) => Resumed::new(read, rest).boxed_unsync(),
            (Some(_), Some(_)) => {
                return Err(self.not_in_beginning(
                    "a bare name of a model: give its whole URI, as gpt://FOLDER/NAME/latest",
                ));
            }
            (Some((place, uri)), None) => {
                let body = model::replaced(&read, place, &uri);
                // The old length is that of the old body.
                if parts.headers.contains_key(header::CONTENT_LENGTH) {
                    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
                }
                whole(body.into())
            }
        })
    }

    /// The path with the URI of the model of a realtime session.
    fn in_query(&self, path: &PathAndQuery) -> Result<PathAndQuery, Refusal> {
        let parameters = path.query().unwrap_or_default().split('&');
        let name = parameters.filter_map(|parameter| parameter.strip_prefix("model=")).next();
        let Some(name) = name else { return Ok(path.clone()) };
        let name = percent_encoding::percent_decode_str(name).decode_utf8().map_err(|_| unusable())?;
        let uri = self.uri(&name)?.and_then(|uri| with_model(path, &uri));
        Ok(uri.unwrap_or_else(|| path.clone()))
    }

    fn uri(&self, name: &str) -> Result<Option<String>, Refusal> {
        model::uri(name, self.path, self.known.folder.as_deref(), &self.config.models).map_err(|NoFolder| {
            if self.known.awaits_folder {
                let message = "the name of the model needs the folder, and the identity has not told it yet: try again in a few \
                               seconds";
                return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "folder_unavailable", message);
            }
            invalid_model(
                "the name of the model needs the folder, and the identity has none: set `folder` of the identity, `--folder` or \
                 YC_FOLDER_ID of the agent, or give the whole URI, as gpt://FOLDER/NAME/latest",
            )
        })
    }

    fn not_in_beginning(&self, what: &str) -> Refusal {
        let message =
            format!("the body has more than {} bytes (`kept_bytes`), and {what}", self.config.kept_bytes);
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "model_not_found", message)
    }
}

/// The address of a request stands in logs.
const KEY_IN_ADDRESS: &str =
    "the key of the gateway stands in the address: send it as `Authorization: Bearer KEY` alone";

const INVALID_BODY: &str = "a body has no coding but `chunked`, and a request for a WebSocket has no body";

/// Whether the body of a request ends where the gateway sees its end, and what it sees is the whole body.
fn has_known_coding(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

fn invalid_model(message: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "invalid_model", message)
}

fn unusable() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "invalid_path", "the address of the request cannot be used")
}

fn is_json(parts: &Parts) -> bool {
    parts.method != Method::GET
        && parts.method != Method::HEAD
        && has_media_type(&parts.headers, "application/json")
}
