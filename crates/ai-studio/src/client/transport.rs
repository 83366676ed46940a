//! The authorized HTTP client: made on first use, shared by all calls, with a connection pool per host.
//!
//! Only the layer sets the `Authorization` header. Nothing here follows a redirect.
//!
//! The runtime that opened a connection drives it, so the connection hangs while that runtime does not run. The runtime
//! of `blocking` does not run between two calls. So each runtime has its own client and connections.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use reqwest::{Proxy, redirect};
use rustls::ClientConfig;
use tokio::runtime::Id;
use yandex_cloud_auth::System;
use yandex_cloud_auth::sdk_internals::SharedValue;
use yandex_cloud_auth::system::HttpError;
use yandex_cloud_auth::system::transport_policy::{self, ProxyRules};
use yandex_cloud_auth::tower::{AuthClient, AuthLayer};

use super::resolve::{SystemResolver, UNUSABLE_PROXY};
use crate::error::{Error, ErrorKind};
use crate::verify::TrustStore;

/// The `User-Agent` of the SDK.
pub(crate) const USER_AGENT: &str =
    concat!("yandex-ai-studio-sdk/", env!("CARGO_PKG_VERSION"), " rust/", env!("CARGO_PKG_RUST_VERSION"));

/// Whether the server may log the content of calls. It does unless told otherwise, by its documentation.
pub(crate) const DATA_LOGGING: HeaderName = HeaderName::from_static("x-data-logging-enabled");

const REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PROJECT: HeaderName = HeaderName::from_static("openai-project");

/// The time limit for connecting. The deadline of the call applies too.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);

/// The time limit for asking a proxy why it opened no tunnel.
const TUNNEL_CHECK: Duration = Duration::from_secs(2);

/// The maximum size of a body that is kept to send it again after a 401. Bodies are shared, not copied.
const REPLAY_LIMIT: usize = 64 << 20;

/// The maximum number of runtimes with a client. Beyond it the oldest client is dropped, and made again on its next
/// use.
const MAX_RUNTIMES: usize = 8;

/// The clients of one SDK object.
#[derive(Debug)]
pub(crate) struct Connections {
    /// Read once for all clients: reading the authorities takes milliseconds.
    tls: SharedValue<ClientConfig, Error>,
    clients: Mutex<Vec<(Id, Arc<AuthClient>)>>,
}

impl Connections {
    pub(crate) fn new() -> Self {
        Self { tls: SharedValue::new(Error::search_dropped), clients: Mutex::default() }
    }

    /// The client of this runtime, if it has been made.
    pub(crate) fn get_cached(&self, runtime: Id) -> Option<Arc<AuthClient>> {
        find(runtime, &self.clients())
    }

    /// Makes the client of the current runtime.
    pub(crate) async fn make(
        &self,
        runtime: Id,
        layer: AuthLayer,
        trust: &TrustStore,
        system: &System,
        data_logging: Option<bool>,
    ) -> Result<Arc<AuthClient>, Error> {
        let tls = self.tls(trust, system).await?;
        let client = http_client(tls, system, data_logging)?;
        let client = Arc::new(layer.replay_limit(REPLAY_LIMIT).client(client));
        let mut clients = self.clients();
        if let Some(client) = find(runtime, &clients) {
            return Ok(client);
        }
        if clients.len() >= MAX_RUNTIMES {
            clients.remove(0);
        }
        clients.push((runtime, Arc::clone(&client)));
        Ok(client)
    }

    /// Why the proxy opens no tunnel to `target`, if there is a proxy and it opens none.
    ///
    /// The HTTP client hides the answer of a proxy. So the auth crate asks the proxy once more, in the words of its own
    /// requests.
    pub(crate) async fn proxy_failure(
        &self,
        target: &Uri,
        trust: &TrustStore,
        system: &System,
    ) -> Option<HttpError> {
        let rules = ProxyRules::from_environment(system.environment())?;
        let tls = self.tls(trust, system).await.ok()?;
        rules.check_tunnel(target, tls, TUNNEL_CHECK).await.err()
    }

    async fn tls(&self, trust: &TrustStore, system: &System) -> Result<ClientConfig, Error> {
        let read = || {
            let trust = trust.clone();
            async move { trust.client_config().await }
        };
        self.tls.get(system, read).await
    }

    /// Has the authorities read again before the next call: they may have been replaced.
    ///
    /// `failed` is the client whose TLS failed. If it is no longer in use, they have been read again already.
    pub(crate) fn reload_roots(&self, failed: &Arc<AuthClient>) {
        let in_use = {
            let mut clients = self.clients();
            let found = clients.iter().any(|(_, client)| Arc::ptr_eq(client, failed));
            if found {
                clients.clear();
            }
            found
        };
        if in_use {
            self.tls.forget();
        }
    }

    fn clients(&self) -> MutexGuard<'_, Vec<(Id, Arc<AuthClient>)>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find(runtime: Id, clients: &[(Id, Arc<AuthClient>)]) -> Option<Arc<AuthClient>> {
    clients.iter().find(|(id, _)| *id == runtime).map(|(_, client)| Arc::clone(client))
}

fn http_client(
    tls: ClientConfig,
    system: &System,
    data_logging: Option<bool>,
) -> Result<reqwest::Client, Error> {
    let rules = ProxyRules::from_environment(system.environment());
    let unusable_proxy = rules.as_ref().and_then(|rules| rules.proxy().err());
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(USER_AGENT)
        .default_headers(data_logging.map(logging).into_iter().collect())
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .http1_only()
        .dns_resolver(SystemResolver::new(system.resolver(), unusable_proxy))
        .no_proxy();
    if let Some(rules) = rules {
        builder = builder.proxy(proxy(rules));
    }
    builder.build().map_err(|error| {
        Error::new(ErrorKind::Invalid, "the HTTP client could not be made").with_source(&error)
    })
}

pub(crate) fn logging(enabled: bool) -> (HeaderName, HeaderValue) {
    (DATA_LOGGING, HeaderValue::from_static(if enabled { "true" } else { "false" }))
}

/// The proxy of the environment, by the rules of the auth crate: one decision for calls and for the token for them.
fn proxy(rules: ProxyRules) -> Proxy {
    let authorization = rules.proxy().ok().and_then(transport_policy::Proxy::authorization);
    let proxy = Proxy::custom(move |url| {
        let target = url.as_str().parse().ok()?;
        match rules.for_target(&target) {
            Ok(proxy) => proxy.map(|proxy| proxy.url().to_string()),
            Err(_) => Some(format!("http://{UNUSABLE_PROXY}:1")),
        }
    });
    match authorization {
        Some(authorization) => proxy.custom_http_auth(authorization),
        None => proxy,
    }
}

/// More headers than any request has. The map grows by doubling, so allocate it at this size at once.
const HEADERS: usize = 12;

/// The headers of a call that are the same in every attempt.
pub(crate) fn call_headers(
    request_id: Option<HeaderValue>,
    idempotency_key: Option<HeaderValue>,
    project: Option<HeaderValue>,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    let named = [(REQUEST_ID, request_id), (IDEMPOTENCY_KEY, idempotency_key), (PROJECT, project)];
    for (name, value) in named {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    headers
}
