//! The configuration of a Secret of Kubernetes that holds the token.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use yandex_cloud_auth::Error;

use super::{Config, IdentityConfig, ListenConfig, invalid};

/// The longest name of an object.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// A Secret of Kubernetes that holds the token. Of all agents with the same Lease one writes the Secret.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "BTreeMap<Key, String>")]
pub struct KubernetesSecretConfig {
    /// The namespace of the Secret and of the Lease.
    pub namespace: String,
    /// The name of the Secret. It has to exist.
    pub name: String,
    /// The identity. May be left out if there is one.
    pub identity: Option<String>,
    /// The key of the token in the data of the Secret. Default: `token`.
    pub key: String,
    /// The name of the Lease, which has to exist. Default: the name of the Secret.
    pub lease: Option<String>,
    /// The API server, such as `https://10.0.0.1:6443`. Default: that of the cluster in which the agent runs.
    pub api_server: Option<String>,
    /// The folder with `token` and `ca.crt` for the API server. Default: that of a pod.
    pub service_account: PathBuf,
}

/// A key of the table.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key(String);

const KEYS: [&str; 7] = ["namespace", "name", "identity", "key", "lease", "api_server", "service_account"];

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        if KEYS.contains(&key.as_str()) { Ok(Self(key)) } else { Err(D::Error::unknown_field(&key, &KEYS)) }
    }
}

/// Every value is a text, so a map of texts is read: the program is smaller than with a parser for each key.
impl TryFrom<BTreeMap<Key, String>> for KubernetesSecretConfig {
    type Error = &'static str;

    fn try_from(keys: BTreeMap<Key, String>) -> Result<Self, &'static str> {
        let mut config = Self::new("", "");
        for (Key(key), value) in keys {
            match key.as_str() {
                "namespace" => config.namespace = value,
                "name" => config.name = value,
                "identity" => config.identity = Some(value),
                "key" => config.key = value,
                "lease" => config.lease = Some(value),
                "api_server" => config.api_server = Some(value),
                _ => config.service_account = value.into(),
            }
        }
        if config.namespace.is_empty() {
            return Err("missing field `namespace`");
        }
        if config.name.is_empty() {
            return Err("missing field `name`");
        }
        Ok(config)
    }
}

impl KubernetesSecretConfig {
    /// A Secret with the defaults for everything else.
    #[must_use]
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            identity: None,
            key: "token".to_owned(),
            lease: None,
            api_server: None,
            service_account: "/var/run/secrets/kubernetes.io/serviceaccount".into(),
        }
    }

    /// `NAMESPACE/NAME`.
    pub(crate) fn place(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    pub(crate) fn lease(&self) -> &str {
        self.lease.as_deref().unwrap_or(&self.name)
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let error = |reason: &str, help: &'static str| Err(invalid(reason).at(self.place()).with_help(help));
        if !is_label(&self.namespace) || self.namespace.len() > MAX_LABEL {
            return error(
                "the namespace is no name of Kubernetes",
                "a namespace has up to 63 lower-case letters, digits and `-`",
            );
        }
        if ![self.name.as_str(), self.lease()].into_iter().all(is_name) {
            return error(
                "the name of the Secret or of the Lease is no name of Kubernetes",
                "a name has up to 253 lower-case letters, digits, `-` and `.`",
            );
        }
        let is_of_key = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        if !(1..=MAX_NAME).contains(&self.key.len())
            || self.key.starts_with('.')
            || !self.key.chars().all(is_of_key)
        {
            return error(
                "`key` is no key of a Secret",
                "a key has letters, digits, `.`, `_` and `-`, and does not begin with a dot",
            );
        }
        Ok(())
    }
}

/// A part of a name between dots.
fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(is_inner) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME && text.split('.').all(is_label)
}

impl Config {
    /// Checks that no two Secrets have the same Lease: an agent holds a Lease for one of them.
    pub(super) fn check_leases(&self) -> Result<(), Error> {
        let mut leases = BTreeSet::new();
        for listen in &self.listen {
            if let ListenConfig::KubernetesSecret(secret) = listen
                && !leases.insert(format!("{}/{}", secret.namespace, secret.lease()))
            {
                let reason = format!("the Lease `{}` is that of another Secret", secret.lease());
                return Err(invalid(reason).at(secret.place()).with_help("give each Secret its own `lease`"));
            }
        }
        Ok(())
    }

    /// Whether a listener that is no Secret serves this identity.
    pub(crate) fn is_shared(&self, identity: &IdentityConfig) -> bool {
        self.listen.iter().any(|listen| {
            let mut names = listen.identities().into_iter();
            let serves = |name| self.identity_of(name).is_ok_and(|served| served.name == identity.name);
            !matches!(listen, ListenConfig::KubernetesSecret(_)) && names.any(serves)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(more: &str) -> Result<Config, Error> {
        let identities = "[[identity]]\nname = \"a\"\n[[identity]]\nname = \"b\"\n";
        Config::parse(&format!(
            "{identities}[[listen]]\nkind = \"kubernetes-secret\"\nidentity = \"a\"\n{more}\n"
        ))
    }

    #[test]
    fn names_are_those_of_kubernetes() {
        let longest = "n".repeat(63);
        for (namespace, name, more, reason) in [
            ("apps", "yc-token", "", ""),
            (longest.as_str(), "yc.token", "key = \"a.B_c-1\"\nlease = \"l\"", ""),
            ("", "t", "", "missing field `namespace`"),
            ("a.b", "t", "", "the namespace"),
            ("..", "t", "", "the namespace"),
            ("-a", "t", "", "the namespace"),
            (&"n".repeat(64), "t", "", "the namespace"),
            ("a", "", "", "missing field `name`"),
            ("a", "b/../../secrets/c", "", "the name"),
            ("a", "..", "", "the name"),
            ("a", "t?x", "", "the name"),
            ("a", "T", "", "the name"),
            ("a", "t.", "", "the name"),
            ("a", &"t".repeat(254), "", "the name"),
            ("a", "t", "lease = \"l/status\"", "the name"),
            ("a", "t", "key = \"\"", "`key`"),
            ("a", "t", "key = \"..\"", "`key`"),
            ("a", "t", "key = \"a/b\"", "`key`"),
            ("a", "t", "token = \"t1.fake\"", "unknown field `token`"),
            (
                "a",
                "t",
                "lease_seconds = 30",
                "unknown field `lease_seconds`, expected one of `namespace`, `name`",
            ),
            ("a", "t", "lease = 30", "invalid type"),
        ] {
            let found = parsed(&format!("namespace = \"{namespace}\"\nname = \"{name}\"\n{more}"));
            let found = found.map_or_else(|error| error.to_string(), |_| String::new());
            assert!(found.contains(reason) && found.is_empty() == reason.is_empty(), "{name}: {found}");
        }
    }

    #[test]
    fn no_two_secrets_share_a_lease() {
        let first =
            "namespace = \"a\"\nname = \"t\"\n[[listen]]\nkind = \"kubernetes-secret\"\nidentity = \"b\"\n";
        for (second, reason) in [
            ("namespace = \"a\"\nname = \"t\"", "two listeners"),
            ("namespace = \"a\"\nname = \"u\"\nlease = \"t\"", "the Lease `t`"),
        ] {
            let error = parsed(&format!("{first}{second}")).expect_err(second).to_string();
            assert!(error.contains(reason), "{error}");
        }
        assert!(parsed(&format!("{first}namespace = \"b\"\nname = \"t\"")).is_ok());
        assert!(parsed(&format!("{first}namespace = \"a\"\nname = \"u\"")).is_ok());
    }

    #[test]
    fn an_identity_is_shared_if_something_else_serves_it() {
        let secret = "namespace = \"a\"\nname = \"t\"\n";
        let admin = "[[listen]]\nkind = \"admin\"\naddress = \"127.0.0.1:80\"\n";
        let file = |identity: &str| {
            format!("[[listen]]\nkind = \"token-file\"\npath = \"/t\"\nidentity = \"{identity}\"\n")
        };
        for (more, is_shared) in [(admin.to_owned(), false), (file("a"), true), (file("b"), false)] {
            let config = parsed(&format!("{secret}{more}")).unwrap();
            assert_eq!(config.is_shared(&config.identity[0]), is_shared, "{more}");
        }
    }
}
