//! What every listener with a socket can have: bounds, a certificate, keys of its clients.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use yandex_cloud_auth::Error;
use zeroize::Zeroizing;

use super::invalid;

/// The bounds of a listener. Each has a default.
///
/// ```
/// use std::time::Duration;
/// use yandex_cloud_auth_agent::Limits;
///
/// let limits = Limits::default();
/// assert_eq!((limits.connections, limits.headers), (1024, 64));
/// assert_eq!(limits.head_time(), Duration::from_secs(30));
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The most connections. More wait in the queue of the operating system. Default: 1024.
    pub connections: u32,
    /// The most requests that a connection of HTTP/2 has open. Default: 100.
    pub streams: u32,
    /// The largest head of a request, in bytes. Default: 16384; at least 8192.
    pub head_bytes: usize,
    /// The most headers of a request. Default: 64.
    pub headers: usize,
    /// The time for a TLS handshake, for the head of a request, the longest pause between two requests of a connection, and
    /// the longest silence of a client of HTTP/2, in seconds. Default: 30.
    pub head_seconds: f64,
    /// How long a response waits for a client that does not read, in seconds. Default: 30.
    pub write_seconds: f64,
    /// The largest body of a request that the agent reads itself, in bytes. Default: 16384.
    pub body_bytes: usize,
    /// The largest message of a client of Envoy's kind, in bytes. Default: 262144.
    pub message_bytes: usize,
    /// The time for such a body or message, in seconds. Default: 10.
    pub body_seconds: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            streams: 100,
            head_bytes: 16 << 10,
            headers: 64,
            head_seconds: 30.0,
            write_seconds: 30.0,
            body_bytes: 16 << 10,
            message_bytes: 256 << 10,
            body_seconds: 10.0,
        }
    }
}

impl Limits {
    /// The time for the head of a request.
    #[must_use]
    pub fn head_time(&self) -> Duration {
        seconds(self.head_seconds)
    }

    /// How long a response waits for a client that does not read.
    #[must_use]
    pub fn write_time(&self) -> Duration {
        seconds(self.write_seconds)
    }

    /// The time for the body of a request, and for a message.
    #[must_use]
    pub fn body_time(&self) -> Duration {
        seconds(self.body_seconds)
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let range = 0.001..=3600.0;
        let times = [self.head_seconds, self.write_seconds, self.body_seconds];
        let wrong = if !(1..=65_536).contains(&self.connections) {
            "`connections` is a number from 1 to 65536"
        } else if !(1..=65_536).contains(&self.streams) {
            "`streams` is a number from 1 to 65536"
        // The HTTP library has no smaller buffer.
        } else if !(8 << 10..=1 << 20).contains(&self.head_bytes) {
            "`head_bytes` is a number from 8192 to 1048576"
        } else if !(1..=1024).contains(&self.headers) {
            "`headers` is a number from 1 to 1024"
        } else if !(1..=64 << 20).contains(&self.body_bytes) {
            "`body_bytes` is a number from 1 to 67108864"
        } else if !(1 << 10..=64 << 20).contains(&self.message_bytes) {
            "`message_bytes` is a number from 1024 to 67108864"
        } else if !times.iter().all(|time| range.contains(time)) {
            "`head_seconds`, `write_seconds` and `body_seconds` are numbers from 0.001 to 3600"
        } else {
            return Ok(());
        };
        Err(invalid(wrong))
    }
}

/// A time of a configuration; none for a number that is no time, which a check refuses.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// The certificate of a listener, and its private key. Both are read again on SIGHUP.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { certificate = \"server.pem\", key = \"server.key\" }"
)]
pub struct TlsConfig {
    /// A file with the certificate and those of its issuers, in PEM.
    pub certificate: PathBuf,
    /// A file with the private key, in PEM, of mode 0600.
    pub key: PathBuf,
}

impl TlsConfig {
    pub(super) fn paths(&mut self) -> [&mut PathBuf; 2] {
        [&mut self.certificate, &mut self.key]
    }
}

/// A key that clients send. The agent makes the file if there is none.
///
/// ```
/// use yandex_cloud_auth_agent::KeyConfig;
///
/// let key = KeyConfig::file("/var/lib/yc-auth/gateway.key");
/// assert_eq!((key.identity, key.value), (None, None));
/// ```
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table such as { file = \"admin.key\" }")]
pub struct KeyConfig {
    /// The file with the key, of mode 0600.
    pub file: PathBuf,
    /// The identity of this key of a gateway. Default: that of the listener.
    pub identity: Option<String>,
    /// The key itself, in place of the file; `file` is its name in errors then. No configuration file has it.
    #[serde(skip)]
    pub value: Option<Zeroizing<String>>,
}

impl KeyConfig {
    /// The key of a file.
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), identity: None, value: None }
    }
}

impl std::fmt::Debug for KeyConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let file = self.value.is_none().then_some(&self.file);
        formatter
            .debug_struct("KeyConfig")
            .field("file", &file)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// An address with its port. Names are not resolved.
pub(super) fn socket_address<'a, D: Deserializer<'a>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.trim().parse().map_err(|_| {
        D::Error::custom("`address` is ADDRESS:PORT, such as \"127.0.0.1:8081\"; names are not resolved")
    })
}
