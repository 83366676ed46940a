//! The configuration file of yc: its profiles, and the login of a profile.
//!
//! No documentation describes the format of the file; it is known from files that yc writes (docs, "CLI configuration",
//! "Authenticating as a service account"). So an unknown setting is an error, never a guess.

use zeroize::Zeroizing;

use super::yaml::{Map, Node, parse};
use crate::cloud::folder::is_resource_id;
use crate::recognize::{self, Login};
use crate::secret::Secret;
use crate::{Error, ErrorKind};

/// Settings that do not change the identity.
const SETTINGS: [&str; 10] = [
    "cloud-id",
    "cloud-name",
    "compute-default-zone",
    "endpoint",
    "folder-id",
    "folder-name",
    "format",
    "organization-id",
    "services",
    "storage-endpoint",
];

/// Settings that only yc supports.
const ONLY_YC: [&str; 2] = ["federation-id", "impersonate-service-account-id"];

/// The file.
pub(super) struct Config {
    current: Option<String>,
    profiles: Map,
}

/// The login of a profile.
pub(super) enum Proof {
    OAuthToken(Secret),
    IamToken(Secret),
    Key(Key),
    /// The service account of the machine. `explicit` is false for a profile without a login.
    Machine {
        explicit: bool,
    },
}

/// The fields of a service account key, as in its JSON file.
pub(super) struct Key {
    pub(super) id: Zeroizing<String>,
    pub(super) service_account_id: Zeroizing<String>,
    #[cfg_attr(
        not(feature = "service-account-key"),
        expect(dead_code, reason = "only the code that signs with the key reads this field")
    )]
    pub(super) private_key: Zeroizing<String>,
}

/// One profile of the file.
pub(super) struct Settings<'a> {
    name: &'a str,
    entries: &'a Map,
}

impl Config {
    /// Parses the text of the file.
    ///
    /// # Errors
    /// `Invalid` if the text is not a configuration of yc.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let bad = |reason: &str| {
            Error::new(ErrorKind::Invalid, reason)
                .with_help("check the file, or let yc write a new one: `yc init`")
        };
        let mut root = match parse(text).map_err(|reason| bad(&reason))? {
            Node::Map(root) => root,
            Node::Null => Map::new(),
            Node::Text(_) | Node::List => return Err(bad("the file is not a mapping")),
        };
        let current = match root.remove("current") {
            Some(Node::Text(name)) => Some(name.as_str().to_owned()),
            None | Some(Node::Null) => None,
            Some(Node::List | Node::Map(_)) => return Err(bad("`current` is not a name")),
        };
        let profiles = match root.remove("profiles") {
            Some(Node::Map(profiles)) => profiles,
            None | Some(Node::Null) => Map::new(),
            Some(Node::Text(_) | Node::List) => return Err(bad("`profiles` is not a mapping")),
        };
        Ok(Self { current, profiles })
    }

    /// The profile of this name, by default the current one.
    ///
    /// # Errors
    /// `NotConfigured` without a name and a current profile, `Invalid` if the file does not have the profile.
    pub(super) fn profile(&self, name: Option<&str>) -> Result<Settings<'_>, Error> {
        let Some(wanted) = name.or(self.current.as_deref()) else {
            return Err(Error::new(ErrorKind::NotConfigured, "the file has no current profile").with_help(
                format!("name a profile in code or in YC_PROFILE, or run `yc init`; {}", self.known()),
            ));
        };
        let Some((name, node)) = self.profiles.get_key_value(wanted) else {
            return Err(Error::new(ErrorKind::Invalid, format!("the file has no profile `{wanted}`"))
                .with_help(format!("name another profile, or run `yc init`; {}", self.known())));
        };
        static EMPTY: Map = Map::new();
        match node {
            Node::Map(entries) => Ok(Settings { name, entries }),
            Node::Null => Ok(Settings { name, entries: &EMPTY }),
            Node::Text(_) | Node::List => {
                Err(Error::new(ErrorKind::Invalid, format!("the profile `{name}` is not a mapping"))
                    .with_help("check the file, or let yc write a new one: `yc init`"))
            }
        }
    }

    fn known(&self) -> String {
        const MOST: usize = 10;
        if self.profiles.is_empty() {
            return "the file has no profiles".to_owned();
        }
        let names: Vec<_> = self.profiles.keys().take(MOST).map(|name| format!("`{name}`")).collect();
        let more = self.profiles.len().saturating_sub(MOST);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("the file has {}{more}", names.join(", "))
    }
}

impl Settings<'_> {
    pub(super) fn name(&self) -> &str {
        self.name
    }

    fn bad(&self, reason: &str) -> Error {
        Error::new(ErrorKind::Invalid, format!("profile `{}`: {reason}", self.name))
    }

    /// A text setting. An empty setting counts as absent.
    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, Error> {
        match self.entries.get(key) {
            None | Some(Node::Null) => Ok(None),
            Some(Node::Text(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            Some(Node::List | Node::Map(_)) => Err(self
                .bad(&format!("`{key}` is not a text"))
                .with_help(format!("set it again: `yc config set {key} …`"))),
        }
    }

    /// A setting that is an id. The error does not show the value: it may be a secret in the wrong place.
    pub(super) fn id(&self, key: &str) -> Result<Option<String>, Error> {
        match self.text(key)? {
            Some(id) if !is_resource_id(id) => Err(self
                .bad(&format!("`{key}` is not an id"))
                .with_help(format!("set it again: `yc config set {key} …`"))),
            id => Ok(id.map(str::to_owned)),
        }
    }

    fn has(&self, key: &str) -> bool {
        !matches!(self.entries.get(key), None | Some(Node::Null))
            && !matches!(self.entries.get(key), Some(Node::Text(text)) if text.trim().is_empty())
    }

    /// The login.
    ///
    /// # Errors
    /// `Invalid` for a login that is ambiguous or that only yc supports.
    pub(super) fn proof(&self) -> Result<Proof, Error> {
        let machine = match self.text("instance-service-account")? {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                return Err(self
                    .bad("`instance-service-account` must be true or false")
                    .with_help("set it again: `yc config set instance-service-account true`"));
            }
        };
        // Checked before the other logins: yc may combine these settings with a token, and the result is another
        // identity.
        if let Some(key) = ONLY_YC.into_iter().find(|key| self.has(key)) {
            return Err(self.only_yc(key));
        }
        let mut logins: Vec<_> =
            ["token", "service-account-key"].into_iter().filter(|key| self.has(key)).collect();
        logins.extend(machine.then_some("instance-service-account"));
        match logins.as_slice() {
            [] => self.without_login(),
            [one, other, ..] => Err(self
                .bad(&format!("the profile has both `{one}` and `{other}`, so its identity is ambiguous"))
                .with_help("unset one of them: `yc config unset …`")),
            ["token"] => self.token(),
            ["service-account-key"] => self.key().map(Proof::Key),
            [_] => Ok(Proof::Machine { explicit: true }),
        }
    }

    /// A profile without a login: on a machine with a service account yc uses that account (docs, "Authenticating as a
    /// service account from inside a VM"). An unknown setting may be another kind of login, so it is an error.
    fn without_login(&self) -> Result<Proof, Error> {
        let unknown = |key: &&String| {
            self.has(key) && !SETTINGS.contains(&key.as_str()) && key.as_str() != "instance-service-account"
        };
        match self.entries.keys().find(unknown) {
            Some(key) => Err(self.only_yc(key)),
            None => Ok(Proof::Machine { explicit: false }),
        }
    }

    /// The error for a login that only yc supports. The name of a setting is shown only if it looks like a name: after
    /// a mistake in the file it may be a secret.
    fn only_yc(&self, key: &str) -> Error {
        let is_name = key.len() <= 40 && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let what = if is_name { format!("`{key}`") } else { "an unknown setting".to_owned() };
        self.bad(&format!("the profile has {what}, which only yc supports"))
            .with_help("use the method yandex-cloud-cli, which runs yc for the token")
    }

    fn token(&self) -> Result<Proof, Error> {
        let text = self.text("token")?.unwrap_or_default();
        match recognize::login(text) {
            Ok(Login::OAuthToken(secret)) => Ok(Proof::OAuthToken(secret)),
            Ok(Login::IamToken(token)) => Ok(Proof::IamToken(token.into_secret())),
            Err(error) => {
                let set_again = "set the setting again: `yc config set token …`, or `yc init`";
                let help = error.help().map_or(set_again.to_owned(), |help| format!("{help}; {set_again}"));
                Err(self.bad(&format!("`token`: {}", error.reason())).with_help(help))
            }
        }
    }

    fn key(&self) -> Result<Key, Error> {
        let bad = |reason: &str| {
            self.bad(&format!("`service-account-key`: {reason}"))
                .with_help("set the key again from its file: `yc config set service-account-key key.json`")
        };
        let Some(Node::Map(fields)) = self.entries.get("service-account-key") else {
            return Err(bad("the value is not a mapping"));
        };
        let field = |name: &str| match fields.get(name) {
            Some(Node::Text(text)) if !text.trim().is_empty() => Ok(text.clone()),
            _ => Err(bad(&format!("the text `{name}` is missing"))),
        };
        Ok(Key {
            id: field("id")?,
            service_account_id: field("service_account_id")?,
            private_key: field("private_key")?,
        })
    }
}
