//! The configuration of a gateway.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use yandex_cloud_auth::Error;

use super::{KeyConfig, Limits, TlsConfig, invalid};

/// An address for tools that take a base URL and a static key. The key is the agent's own; the service gets the token.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// The address. Outside loopback it needs `allow_remote` and `tls`.
    pub address: SocketAddr,
    /// The identity of keys that name none. May be left out if there is one identity.
    pub identity: Option<String>,
    /// The keys of clients; at least one. A key may name an identity.
    pub keys: Vec<KeyConfig>,
    /// Where requests go. Default: `/v1/` of AI Studio.
    #[serde(default)]
    pub upstream: Vec<UpstreamConfig>,
    /// Names of models, and what the service gets in their place: a name, or a whole URI.
    #[serde(default)]
    pub models: BTreeMap<String, String>,
    /// How much of a body is searched for the model and kept for a second attempt, in bytes. Default: 1048576.
    #[serde(default = "kept_bytes")]
    pub kept_bytes: usize,
    /// The largest body of a request, in bytes. Default: 268435456.
    #[serde(default = "request_bytes")]
    pub request_bytes: u64,
    /// The time to connect to a service, in seconds. Default: 10.
    #[serde(default = "connect_seconds")]
    pub connect_seconds: f64,
    /// The time until a service begins to answer, in seconds. Default: 600.
    #[serde(default = "response_seconds")]
    pub response_seconds: f64,
    /// The longest pause inside a body, in seconds. Default: 300.
    #[serde(default = "idle_seconds")]
    pub idle_seconds: f64,
    /// The pause between comments that keep a stream of events alive before its first byte, in seconds. Default: none are
    /// sent.
    pub keep_alive_seconds: Option<f64>,
    /// Allows an address that is not on loopback.
    #[serde(default)]
    pub allow_remote: bool,
    /// The certificate of the listener. Without one the listener has no TLS.
    pub tls: Option<TlsConfig>,
    /// The bounds of connections and requests.
    #[serde(default)]
    pub limits: Limits,
}

/// A service that a gateway forwards requests to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// The host, as `host`, `host:port` or a URL. Without TLS only on loopback.
    pub host: String,
    /// How the paths begin that go there: `/v1/`, or the beginning of a gRPC service, such as
    /// `/yandex.cloud.ai.foundation_models.v1.`.
    pub prefix: String,
    /// The methods of HTTP. Default: all.
    #[serde(default)]
    pub methods: Vec<String>,
}

fn kept_bytes() -> usize {
    1 << 20
}

fn request_bytes() -> u64 {
    256 << 20
}

fn connect_seconds() -> f64 {
    10.0
}

fn response_seconds() -> f64 {
    600.0
}

fn idle_seconds() -> f64 {
    300.0
}

impl GatewayConfig {
    /// A gateway with one key, and defaults.
    #[must_use]
    pub fn new(address: SocketAddr, key: KeyConfig) -> Self {
        Self {
            address,
            identity: None,
            keys: vec![key],
            upstream: Vec::new(),
            models: BTreeMap::new(),
            kept_bytes: kept_bytes(),
            request_bytes: request_bytes(),
            connect_seconds: connect_seconds(),
            response_seconds: response_seconds(),
            idle_seconds: idle_seconds(),
            keep_alive_seconds: None,
            allow_remote: false,
            tls: None,
            limits: Limits::default(),
        }
    }

    /// The names of the identities of the keys, in their order; `None` for the only identity.
    pub(crate) fn of_keys(&self) -> impl Iterator<Item = Option<&str>> {
        self.keys.iter().map(|key| key.identity.as_deref().or(self.identity.as_deref()))
    }

    /// The time to connect to a service.
    #[must_use]
    pub fn connect_time(&self) -> Duration {
        Duration::from_secs_f64(self.connect_seconds)
    }

    /// The time until a service begins to answer.
    #[must_use]
    pub fn response_time(&self) -> Duration {
        Duration::from_secs_f64(self.response_seconds)
    }

    /// The longest pause inside a body.
    #[must_use]
    pub fn idle_time(&self) -> Duration {
        Duration::from_secs_f64(self.idle_seconds)
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if self.keys.is_empty() {
            return Err(invalid(
                "the gateway has no key: give the file of one with `keys = [{ file = \"FILE\" }]`",
            ));
        }
        let seconds = 0.001..=86_400.0;
        let times = [Some(self.connect_seconds), Some(self.response_seconds), Some(self.idle_seconds)];
        if !times.into_iter().chain([self.keep_alive_seconds]).flatten().all(|time| seconds.contains(&time)) {
            return Err(invalid(
                "`connect_seconds`, `response_seconds`, `idle_seconds` and `keep_alive_seconds` are numbers from 0.001 to 86400",
            ));
        }
        if !(1..=64 << 20).contains(&self.kept_bytes) {
            return Err(invalid("`kept_bytes` is a number from 1 to 67108864"));
        }
        for upstream in &self.upstream {
            if !upstream.prefix.starts_with('/') {
                return Err(invalid("`prefix` begins with `/`"));
            }
            if let Some(wrong) =
                upstream.methods.iter().find(|name| Method::from_bytes(name.as_bytes()).is_err())
            {
                return Err(invalid(format!("`{wrong}` is no method of HTTP")));
            }
        }
        for (name, target) in &self.models {
            if name.is_empty() || target.is_empty() {
                return Err(invalid("a name in `models` is empty"));
            }
        }
        Ok(())
    }
}
