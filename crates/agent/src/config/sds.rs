//! The configuration of Envoy's Secret Discovery Service.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;
use yandex_cloud_auth::Error;

use super::{Limits, invalid};

/// The name of the secret, if the configuration names none.
const NAME: &str = "yc-iam-token";

/// The longest name of a secret, in bytes.
const MAX_NAME: usize = 256;

/// Envoy's Secret Discovery Service, at a Unix socket.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SdsConfig {
    /// The socket. The agent makes it.
    pub path: PathBuf,
    /// The secrets that Envoy can ask for. Default: `yc-iam-token` of the only identity.
    #[serde(default = "default_secrets")]
    pub secrets: Vec<SecretConfig>,
    /// The users who may ask, beside the agent's own and root.
    #[serde(default)]
    pub allow_uids: Vec<u32>,
    /// The permissions of the socket, as in `"0660"`. Default: `"0660"` with a group, `"0666"` with `allow_uids`, else `"0600"`.
    pub mode: Option<String>,
    /// The group of the socket, a name or a number.
    pub group: Option<String>,
    /// The bounds of connections and requests.
    #[serde(default)]
    pub limits: Limits,
}

/// A secret of Envoy: the token of an identity under a name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table such as { name = \"yc-iam-token\", identity = \"ci\" }")]
pub struct SecretConfig {
    /// The name that Envoy asks for.
    pub name: String,
    /// The identity. May be left out if there is one.
    pub identity: Option<String>,
    /// What the secret holds.
    #[serde(default)]
    pub format: SecretFormat,
}

/// What a secret of Envoy holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretFormat {
    /// The value of the header: `Bearer …`, or `Api-Key …`.
    #[default]
    HeaderValue,
    /// The token alone.
    Bare,
}

fn default_secrets() -> Vec<SecretConfig> {
    vec![SecretConfig { name: NAME.to_owned(), identity: None, format: SecretFormat::default() }]
}

impl SdsConfig {
    /// The service at this socket, with the secret `yc-iam-token` of the only identity.
    ///
    /// ```
    /// use yandex_cloud_auth_agent::SdsConfig;
    ///
    /// let config = SdsConfig::at("/run/yc-auth/sds.sock");
    /// assert_eq!(config.secrets[0].name, "yc-iam-token");
    /// ```
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            secrets: default_secrets(),
            allow_uids: Vec::new(),
            mode: None,
            group: None,
            limits: Limits::default(),
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        self.mode()?;
        if self.secrets.is_empty() {
            return Err(invalid("there is no secret").with_help("add one, or leave `secrets` out"));
        }
        let mut names = BTreeSet::new();
        for SecretConfig { name, .. } in &self.secrets {
            if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(invalid("the name of a secret has 1 to 256 visible characters"));
            }
            if !names.insert(name) {
                return Err(invalid(format!("the secret `{name}` is there twice")));
            }
        }
        Ok(())
    }

    /// The permissions of the socket.
    pub(crate) fn mode(&self) -> Result<u32, Error> {
        let Some(text) = &self.mode else {
            return Ok(match (&self.group, self.allow_uids.as_slice()) {
                (Some(_), _) => 0o660,
                (None, []) => 0o600,
                // The agent asks the system whose process is at the other end.
                (None, _) => 0o666,
            });
        };
        let wrong = match u32::from_str_radix(text, 8) {
            Ok(0o600) if self.group.is_some() => "the mode does not let the group connect",
            Ok(mode @ (0o600 | 0o660 | 0o666)) => return Ok(mode),
            Ok(_) => "who connects to a socket reads and writes it",
            Err(_) => "the mode is an octal number",
        };
        Err(invalid(wrong).with_help("give `0600`, `0660` with a `group`, or `0666` with `allow_uids`"))
    }
}
