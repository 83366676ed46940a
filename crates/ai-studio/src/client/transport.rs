//! The authorised HTTP client: made on first need, one for all calls, with one pool of connections per host.
//!
//! The header is the layer's affair alone: nothing here sets it, and nothing here follows a redirect.
//!
//! A connection is driven by the runtime that it was made on, and hangs when that one stands still, as the runtime of
//! `blocking` does between two calls. So each runtime has a client, and with it connections, of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{NoProxy, Proxy, redirect};
use rustls::ClientConfig;
use tokio::runtime::Id;
use yandex_cloud_auth::tower::{AuthClient, AuthLayer};
use yandex_cloud_auth::{System, redact};

use crate::error::{Error, ErrorKind};
use crate::shared::Shared;
use crate::verify::{Trust, aside};

/// How the SDK calls itself.
pub(crate) const USER_AGENT: &str =
    concat!("yandex-ai-studio-sdk/", env!("CARGO_PKG_VERSION"), " rust/", env!("CARGO_PKG_RUST_VERSION"));

/// Whether the server may log what is said; by the documentation it does unless told otherwise.
pub(crate) const DATA_LOGGING: HeaderName = HeaderName::from_static("x-data-logging-enabled");

const REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PROJECT: HeaderName = HeaderName::from_static("openai-project");

/// How long a connection may take; the calls' deadline holds in any case.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);

/// Bodies are shared, not copied, so that a second sending after a 401 costs nothing.
const REPLAY_LIMIT: usize = 64 << 20;

/// More runtimes than this at a time are hardly meant; what is dropped is made again.
const RUNTIMES: usize = 8;

/// The clients of one SDK object.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    /// Read once: the authorities take milliseconds.
    tls: Shared<ClientConfig>,
    clients: Mutex<Vec<(Id, Arc<AuthClient>)>>,
}

impl Connections {
    /// The client of this runtime, where there is one.
    pub(crate) fn at_hand(&self, runtime: Id) -> Option<Arc<AuthClient>> {
        of(runtime, &self.clients())
    }

    /// Makes the client of the runtime that this is called on.
    pub(crate) async fn make(
        &self,
        runtime: Id,
        layer: AuthLayer,
        trust: &Trust,
        system: &System,
        data_logging: Option<bool>,
    ) -> Result<Arc<AuthClient>, Error> {
        let tls = self.tls.get(system, || aside(trust.clone(), Trust::tls)).await?;
        let client = Arc::new(layer.replay_limit(REPLAY_LIMIT).client(make(tls, system, data_logging)?));
        let mut clients = self.clients();
        if let Some(client) = of(runtime, &clients) {
            return Ok(client);
        }
        if clients.len() >= RUNTIMES {
            clients.remove(0);
        }
        clients.push((runtime, Arc::clone(&client)));
        Ok(client)
    }

    /// Lets the authorities be read again, where the client that found them wanting still is in use: they may have been
    /// replaced since.
    pub(crate) fn distrust(&self, wanting: &Arc<AuthClient>) {
        let was_in_use = {
            let mut clients = self.clients();
            let found = clients.iter().any(|(_, client)| Arc::ptr_eq(client, wanting));
            if found {
                clients.clear();
            }
            found
        };
        if was_in_use {
            self.tls.forget();
        }
    }

    fn clients(&self) -> MutexGuard<'_, Vec<(Id, Arc<AuthClient>)>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of(runtime: Id, clients: &[(Id, Arc<AuthClient>)]) -> Option<Arc<AuthClient>> {
    clients.iter().find(|(id, _)| *id == runtime).map(|(_, client)| Arc::clone(client))
}

fn make(tls: ClientConfig, system: &System, data_logging: Option<bool>) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(USER_AGENT)
        .default_headers(data_logging.map(logging).into_iter().collect())
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .http1_only()
        .no_proxy();
    if let Some(proxy) = proxy(system)? {
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|error| {
        Error::new(ErrorKind::Invalid, "the HTTP client could not be made").with_source(&error)
    })
}

pub(crate) fn logging(enabled: bool) -> (HeaderName, HeaderValue) {
    (DATA_LOGGING, HeaderValue::from_static(if enabled { "true" } else { "false" }))
}

/// The proxy of the system's environment, by the auth crate's rules: `HTTPS_PROXY`, else `ALL_PROXY`, in upper case
/// first, for TLS hosts alone, less those of `NO_PROXY` and this machine itself.
fn proxy(system: &System) -> Result<Option<Proxy>, Error> {
    let Some((name, value)) = first(system, ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])? else {
        return Ok(None);
    };
    let refuse = |why: &str| {
        Error::new(ErrorKind::Invalid, format!("{name}: {why}"))
            .with_help("give it as `http://host:port`, or unset it")
    };
    let value = if value.contains("://") { value } else { format!("http://{value}") };
    let scheme = value.split_once("://").map_or("", |(scheme, _)| scheme);
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(refuse(&format!("a proxy over {}, and only http:// is supported", redact(scheme, &[]))));
    }
    // Its own error may quote the user and password of the URL.
    let proxy = Proxy::https(value).map_err(|_| refuse("not the address of a proxy"))?;
    let listed = first(system, ["NO_PROXY", "no_proxy"])?.map(|(_, value)| value).unwrap_or_default();
    let exceptions = format!("localhost,.localhost,127.0.0.0/8,::1,{listed}");
    Ok(Some(proxy.no_proxy(NoProxy::from_string(&exceptions))))
}

fn first<'a>(
    system: &System,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<Option<(&'a str, String)>, Error> {
    for name in names {
        let Some(value) = system.environment().variable(name) else { continue };
        let Ok(value) = value.into_string() else {
            return Err(Error::new(ErrorKind::Invalid, format!("{name}: the value is not UTF-8")));
        };
        if !value.trim().is_empty() {
            return Ok(Some((name, value.trim().to_owned())));
        }
    }
    Ok(None)
}

/// More than a request is sent with: as the map grows by doubling, it is to be made of this size at once.
const HEADERS: usize = 12;

/// The headers of one call that do not change from attempt to attempt.
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
