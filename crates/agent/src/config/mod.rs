//! The configuration: identities, and what serves their tokens. One TOML file, or the same values from flags.

mod address;
mod check;
mod gateway;
mod kubernetes;
mod sds;
mod socket;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use yandex_cloud_auth::{Error, ErrorKind};

pub use self::address::Address;
pub use self::gateway::{GatewayConfig, UpstreamConfig};
pub use self::kubernetes::KubernetesSecretConfig;
pub use self::sds::{SdsConfig, SecretConfig, SecretFormat};
pub use self::socket::{KeyConfig, Limits, TlsConfig};

/// How long connections may go on after the signal to end, if the configuration says nothing.
const DRAIN: f64 = 10.0;

/// What an agent serves.
///
/// ```
/// use yandex_cloud_auth_agent::Config;
///
/// let config = Config::parse("[[identity]]\nname = \"ci\"\nkey_file = \"/etc/yc-auth/key.json\"\n").unwrap();
/// assert_eq!(config.identity[0].name, "ci");
/// let error = Config::parse("[[identity]]\nname = \"ci\"\nkeyfile = \"key.json\"\n").unwrap_err();
/// assert!(error.to_string().contains("unknown field `keyfile`"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The identities: each is renewed by itself.
    #[serde(default)]
    pub identity: Vec<IdentityConfig>,
    /// What serves their tokens.
    #[serde(default)]
    pub listen: Vec<ListenConfig>,
    /// How long connections may go on after the signal to end, in seconds. Default: 10.
    pub drain_seconds: Option<f64>,
}

/// One identity, and where its credentials come from. Without a method, automatic selection decides.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    /// The name that listeners use, of letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The method, such as `metadata` or `service-account-key`.
    pub method: Option<String>,
    /// A file with a key or token of any kind, as `--auth @FILE`.
    pub auth_file: Option<PathBuf>,
    /// An authorized key of a service account.
    pub key_file: Option<PathBuf>,
    /// The service account to impersonate.
    pub impersonate: Option<String>,
    /// The audience to ask for in a job of GitHub Actions or Forgejo Actions.
    pub audience: Option<String>,
    /// The API endpoint of the installation.
    pub endpoint: Option<String>,
    /// The yc profile.
    pub profile: Option<String>,
    /// The folder that the metadata service shows.
    pub folder: Option<String>,
    /// Whether the processes of this machine share the token. Default: true.
    pub cache: Option<bool>,
}

/// What serves tokens.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ListenConfig {
    /// The metadata service that clients of Yandex Cloud and Google ask.
    Metadata(MetadataConfig),
    /// An OAuth 2 token endpoint.
    Oauth(OauthConfig),
    /// An address for tools that take a base URL and a static key.
    Gateway(GatewayConfig),
    /// Envoy's Secret Discovery Service.
    Sds(SdsConfig),
    /// A file that is replaced at each new token.
    TokenFile(TokenFileConfig),
    /// A Secret of Kubernetes.
    KubernetesSecret(KubernetesSecretConfig),
    /// Probes, metrics, and a page for people.
    Admin(AdminConfig),
    /// Probes alone.
    Probes(ProbesConfig),
}

/// A metadata service.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataConfig {
    /// The address, on loopback.
    #[serde(deserialize_with = "socket::socket_address")]
    pub address: SocketAddr,
    /// The identity. May be left out if there is one.
    pub identity: Option<String>,
    /// The users who may ask, beside the agent's own and root.
    #[serde(default)]
    pub allow_uids: Vec<u32>,
    /// Allows an address that is not on loopback: whoever reaches the address gets the token.
    #[serde(default)]
    pub pod_network: bool,
    /// The bounds of connections and requests.
    #[serde(default)]
    pub limits: Limits,
}

/// An OAuth 2 token endpoint with one client.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OauthConfig {
    /// The address. Outside loopback it needs `allow_remote` and `tls`.
    #[serde(deserialize_with = "socket::socket_address")]
    pub address: SocketAddr,
    /// The identity. May be left out if there is one.
    pub identity: Option<String>,
    /// The file with `client_id` and `client_secret`. The agent makes the file if there is none. Default: `oauth-client.json`
    /// beside the configuration.
    #[serde(default = "default_client_file")]
    pub client_file: PathBuf,
    /// Allows an address that is not on loopback.
    #[serde(default)]
    pub allow_remote: bool,
    /// The certificate of the listener. Without one the listener has no TLS.
    pub tls: Option<TlsConfig>,
    /// The bounds of connections and requests.
    #[serde(default)]
    pub limits: Limits,
}

/// A file with the token.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFileConfig {
    /// The file. The agent makes it, and replaces it at each new token.
    pub path: PathBuf,
    /// The identity. May be left out if there is one.
    pub identity: Option<String>,
    /// What the file holds.
    #[serde(default)]
    pub format: FileFormat,
    /// The permissions, as in `"0640"`. Default: `"0600"`.
    pub mode: Option<String>,
    /// The group of the file, a name or a number.
    pub group: Option<String>,
    /// For `pgpass`: the host of the database.
    pub host: Option<String>,
    /// For `pgpass`: the user of the database.
    pub user: Option<String>,
}

/// What a token file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileFormat {
    /// The token alone, without a line break.
    #[default]
    Bare,
    /// `Authorization: Bearer …`.
    Header,
    /// A line for `PGPASSFILE`.
    Pgpass,
    /// `YC_IAM_TOKEN=…`, or `YC_API_KEY=…`.
    Dotenv,
}

/// Probes, metrics, and a page for people.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminConfig {
    /// The address. Outside loopback it needs `allow_remote`, `tls` and `keys`.
    #[serde(deserialize_with = "socket::socket_address")]
    pub address: SocketAddr,
    /// The keys of clients. Without any the listener asks for none.
    #[serde(default)]
    pub keys: Vec<KeyConfig>,
    /// Allows an address that is not on loopback.
    #[serde(default)]
    pub allow_remote: bool,
    /// The certificate of the listener. Without one the listener has no TLS.
    pub tls: Option<TlsConfig>,
    /// The bounds of connections and requests.
    #[serde(default)]
    pub limits: Limits,
}

/// Probes alone: a status and no text.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbesConfig {
    /// The address, which need not be on loopback.
    #[serde(deserialize_with = "socket::socket_address")]
    pub address: SocketAddr,
    /// The bounds of connections and requests.
    #[serde(default)]
    pub limits: Limits,
}

fn default_client_file() -> PathBuf {
    "oauth-client.json".into()
}

impl Config {
    /// The configuration with the paths that are not absolute taken from this folder.
    ///
    /// ```
    /// use yandex_cloud_auth_agent::Config;
    ///
    /// let text = "[[identity]]\nname = \"ci\"\nkey_file = \"key.json\"\n";
    /// let config = Config::parse(text).unwrap().in_folder("/etc/yc-auth");
    /// assert_eq!(config.identity[0].key_file.as_deref(), Some("/etc/yc-auth/key.json".as_ref()));
    /// ```
    #[must_use]
    pub fn in_folder(mut self, folder: impl AsRef<Path>) -> Self {
        let folder = folder.as_ref();
        let identities = self.identity.iter_mut();
        let of_identities =
            identities.flat_map(|identity| [&mut identity.auth_file, &mut identity.key_file]).flatten();
        let of_listeners = self.listen.iter_mut().flat_map(ListenConfig::paths);
        for path in of_identities.chain(of_listeners) {
            *path = folder.join(&*path);
        }
        self
    }

    /// Reads the text of a configuration file and checks it.
    ///
    /// # Errors
    /// `Invalid`, with the line: no TOML, an unknown key, a wrong value, or parts that do not go together.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let config: Self = toml::from_str(text).map_err(|error| {
            // Not the error's own text: it repeats the line, which may hold a secret in the wrong place.
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            invalid(format!("{place}{}", without_value(error.message())))
        })?;
        config.check()?;
        Ok(config)
    }

    /// How long connections may go on after the signal to end.
    #[must_use]
    pub fn drain(&self) -> Duration {
        Duration::from_secs_f64(self.drain_seconds.unwrap_or(DRAIN))
    }

    /// The identity of a listener: the named one, or the only one.
    pub(crate) fn identity_of(&self, name: Option<&str>) -> Result<&IdentityConfig, Error> {
        match (name, self.identity.as_slice()) {
            (Some(name), all) => all
                .iter()
                .find(|identity| identity.name == name)
                .ok_or_else(|| invalid(format!("there is no identity `{name}`"))),
            (None, [only]) => Ok(only),
            (None, []) => Err(invalid("there is no identity: add `[[identity]]` with a name")),
            (None, _) => Err(invalid("there are several identities: name one with `identity`")),
        }
    }
}

impl ListenConfig {
    /// The address, of one that has sockets.
    pub(crate) fn address(&self) -> Option<Address> {
        Some(Address::Tcp(match self {
            Self::Metadata(listen) => listen.address,
            Self::Oauth(listen) => listen.address,
            Self::Gateway(listen) => listen.address,
            Self::Admin(listen) => listen.address,
            Self::Probes(listen) => listen.address,
            Self::Sds(listen) => return Some(Address::Unix(listen.path.clone())),
            Self::TokenFile(_) | Self::KubernetesSecret(_) => return None,
        }))
    }

    /// The address with a port, of one that has it.
    fn tcp(&self) -> Option<SocketAddr> {
        self.address().and_then(|address| address.tcp())
    }

    /// Whether the system chooses the port, another one each time.
    pub(crate) fn has_chosen_port(&self) -> bool {
        self.tcp().is_some_and(|address| address.port() == 0)
    }

    /// The bounds, of one that has sockets.
    pub(crate) fn limits(&self) -> Option<&Limits> {
        match self {
            Self::Metadata(listen) => Some(&listen.limits),
            Self::Oauth(listen) => Some(&listen.limits),
            Self::Gateway(listen) => Some(&listen.limits),
            Self::Admin(listen) => Some(&listen.limits),
            Self::Probes(listen) => Some(&listen.limits),
            Self::Sds(listen) => Some(&listen.limits),
            Self::TokenFile(_) | Self::KubernetesSecret(_) => None,
        }
    }

    /// The certificate, of one that has TLS.
    pub(crate) fn tls(&self) -> Option<&TlsConfig> {
        match self {
            Self::Oauth(listen) => listen.tls.as_ref(),
            Self::Gateway(listen) => listen.tls.as_ref(),
            Self::Admin(listen) => listen.tls.as_ref(),
            Self::Metadata(_)
            | Self::Probes(_)
            | Self::Sds(_)
            | Self::TokenFile(_)
            | Self::KubernetesSecret(_) => None,
        }
    }

    /// The paths of the files that it reads and writes.
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::Oauth(listen) => {
                let of_tls = listen.tls.iter_mut().flat_map(TlsConfig::paths);
                of_tls.chain([&mut listen.client_file]).collect()
            }
            Self::Gateway(listen) => {
                let of_tls = listen.tls.iter_mut().flat_map(TlsConfig::paths);
                of_tls.chain(listen.keys.iter_mut().map(|key| &mut key.file)).collect()
            }
            Self::Admin(listen) => {
                let of_tls = listen.tls.iter_mut().flat_map(TlsConfig::paths);
                of_tls.chain(listen.keys.iter_mut().map(|key| &mut key.file)).collect()
            }
            Self::Sds(listen) => vec![&mut listen.path],
            Self::TokenFile(listen) => vec![&mut listen.path],
            Self::KubernetesSecret(listen) => vec![&mut listen.service_account],
            Self::Metadata(_) | Self::Probes(_) => Vec::new(),
        }
    }

    /// The names of the identities that it serves, where they are given.
    fn identities(&self) -> Vec<Option<&str>> {
        match self {
            Self::Metadata(listen) => vec![listen.identity.as_deref()],
            Self::Oauth(listen) => vec![listen.identity.as_deref()],
            Self::TokenFile(listen) => vec![listen.identity.as_deref()],
            Self::KubernetesSecret(listen) => vec![listen.identity.as_deref()],
            Self::Gateway(listen) => listen.of_keys().collect(),
            Self::Sds(listen) => listen.secrets.iter().map(|secret| secret.identity.as_deref()).collect(),
            Self::Admin(_) | Self::Probes(_) => Vec::new(),
        }
    }

    /// The address or the path, for errors.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::TokenFile(listen) => listen.path.display().to_string(),
            Self::KubernetesSecret(listen) => listen.place(),
            _ => self.address().map(|address| address.to_string()).unwrap_or_default(),
        }
    }
}

/// An error of the parser without the text that it found: `invalid type: string "…", expected u32`.
fn without_value(message: &str) -> String {
    match (message.find("string \""), message.rfind("\", expected ")) {
        (Some(start), Some(end)) if start < end => {
            format!("{}string{}", &message[..start], &message[end + 1..])
        }
        _ => message.to_owned(),
    }
}

fn invalid(reason: impl AsRef<str>) -> Error {
    Error::new(ErrorKind::Invalid, reason)
}
