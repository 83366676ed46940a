//! What goes together in a configuration, and what does not.

use std::collections::BTreeSet;
use std::path::{Component, PathBuf};

use yandex_cloud_auth::{Error, redact};

use super::{Config, FileFormat, Limits, ListenConfig, TokenFileConfig, invalid};

impl Config {
    /// Checks what goes together.
    ///
    /// # Errors
    /// `Invalid`: a name twice, a listener of an unknown identity, an address that is not on loopback, and the like.
    pub fn check(&self) -> Result<(), Error> {
        let mut names = BTreeSet::new();
        for identity in &self.identity {
            let is_name = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
            if identity.name.is_empty() || !identity.name.chars().all(is_name) {
                return Err(invalid(format!(
                    "`{}` is no name of an identity: it has letters, digits, `.`, `_` and `-`",
                    redact(&identity.name, &[])
                )));
            }
            if !names.insert(identity.name.as_str()) {
                return Err(invalid(format!("the identity `{}` is there twice", identity.name)));
            }
            if identity.auth_file.is_some() && identity.key_file.is_some() {
                return Err(invalid(format!(
                    "the identity `{}` has `auth_file` and `key_file`: give one of them",
                    identity.name
                )));
            }
        }
        let mut places = BTreeSet::new();
        for listen in &self.listen {
            listen.check()?;
            if !places.insert(listen.place()) && !listen.has_chosen_port() {
                return Err(invalid(format!("{} has two listeners", listen.place())));
            }
            for name in listen.identities() {
                self.identity_of(name).map_err(|error| error.at(listen.place()))?;
            }
        }
        self.check_leases()?;
        self.check_paths()?;
        match self.drain_seconds {
            Some(seconds) if !(0.0..=3600.0).contains(&seconds) => {
                Err(invalid("`drain_seconds` is a number from 0 to 3600"))
            }
            _ => Ok(()),
        }
    }
}

impl Config {
    /// A token file that takes the place of another file of the configuration would destroy a key.
    fn check_paths(&self) -> Result<(), Error> {
        let of_identities =
            self.identity.iter().flat_map(|identity| [&identity.auth_file, &identity.key_file]);
        let mut read: Vec<PathBuf> = of_identities.flatten().cloned().collect();
        let (mut others, mut written) = (self.listen.clone(), Vec::new());
        for listen in &mut others {
            match listen {
                ListenConfig::TokenFile(file) => written.push(file.path.clone()),
                other => read.extend(other.paths().into_iter().map(|path| path.clone())),
            }
        }
        // `./a/./b` is `a/b`.
        let clean =
            |path: &PathBuf| path.components().filter(|part| *part != Component::CurDir).collect::<PathBuf>();
        let read: BTreeSet<PathBuf> = read.iter().map(clean).collect();
        let clash = written.iter().find(|path| read.contains(&clean(path)));
        clash.map_or(Ok(()), |path| {
            Err(invalid("the token file would take the place of another file of the configuration")
                .at(path.display().to_string())
                .with_help("give the token file a path of its own"))
        })
    }
}

impl ListenConfig {
    fn check(&self) -> Result<(), Error> {
        let at = |error: Error| error.at(self.place());
        self.limits().map_or(Ok(()), Limits::check).map_err(at)?;
        match self {
            Self::TokenFile(listen) => return listen.check(),
            Self::KubernetesSecret(listen) => return listen.check(),
            Self::Gateway(listen) => listen.check().map_err(at)?,
            Self::Sds(listen) => listen.check().map_err(at)?,
            Self::Admin(listen) if listen.keys.iter().any(|key| key.identity.is_some()) => {
                return Err(at(invalid("a key of `admin` has no identity: it opens the pages of all")));
            }
            _ => {}
        }
        let is_on_loopback = self.tcp().is_none_or(|address| address.ip().is_loopback());
        let missing = if is_on_loopback { None } else { self.missing_off_loopback() };
        missing.map_or(Ok(()), |(reason, help)| Err(at(invalid(reason)).with_help(help)))
    }

    /// What the listener lacks for an address that is not on loopback: the reason, and what helps.
    fn missing_off_loopback(&self) -> Option<(&'static str, &'static str)> {
        let (allow_remote, has_tls, has_key) = match self {
            Self::Metadata(listen) if listen.pod_network => return None,
            Self::Metadata(_) => {
                return Some((
                    "the metadata service has no key, so its address must be on loopback",
                    "give an address of 127.0.0.0/8, or allow the network of a pod with `pod_network` or `--pod-network`",
                ));
            }
            // A client of OAuth has a secret.
            Self::Oauth(listen) => (listen.allow_remote, listen.tls.is_some(), true),
            Self::Gateway(listen) => (listen.allow_remote, listen.tls.is_some(), true),
            Self::Admin(listen) => (listen.allow_remote, listen.tls.is_some(), !listen.keys.is_empty()),
            Self::Probes(_) | Self::Sds(_) | Self::TokenFile(_) | Self::KubernetesSecret(_) => return None,
        };
        if !allow_remote {
            return Some((
                "the address is not on loopback, and the listener may serve this machine alone",
                "give an address of 127.0.0.0/8, or allow other machines: with `--allow-remote`, `--tls-certificate`, \
                 `--tls-key` and, for `--admin`, `--admin-key`; in a configuration file with `allow_remote`, `tls` and, for \
                 `admin`, `keys`. For probes of another machine there is the listener `probes`",
            ));
        }
        if !has_tls {
            return Some((
                "the address is not on loopback, and the listener has no TLS",
                "give a certificate and its key: `tls = { certificate = \"FILE\", key = \"FILE\" }`, or \
                 `--tls-certificate` and `--tls-key`",
            ));
        }
        (!has_key).then_some((
            "the address is not on loopback, and the listener has no key",
            "give the file of a key: `keys = [{ file = \"FILE\" }]`, or `--admin-key`",
        ))
    }
}

impl TokenFileConfig {
    fn check(&self) -> Result<(), Error> {
        let error = |reason: &str, help: &'static str| {
            Err(invalid(reason).at(self.path.display().to_string()).with_help(help))
        };
        let mode = self.mode()?;
        match (self.format, &self.host, &self.user) {
            (FileFormat::Pgpass, Some(host), Some(user)) => {
                if host == "*" {
                    return error(
                        "`*` would give the token to every database server",
                        "give the host name of the database",
                    );
                }
                if [host, user]
                    .iter()
                    .any(|field| field.is_empty() || field.contains([':', '\\', '\n', '\r']))
                {
                    return error(
                        "`host` and `user` have no colon, backslash or line break",
                        "correct the value",
                    );
                }
                if mode != 0o600 || self.group.is_some() {
                    return error(
                        "PostgreSQL's clients ignore a password file that others can read",
                        "leave out `mode` and `group`",
                    );
                }
                Ok(())
            }
            (FileFormat::Pgpass, ..) => error(
                "the format `pgpass` needs `host` and `user`",
                "give the host name of the database and the user's name there",
            ),
            (_, None, None) => Ok(()),
            _ => error("`host` and `user` belong to the format `pgpass`", "leave them out"),
        }
    }

    /// The permissions.
    pub(crate) fn mode(&self) -> Result<u32, Error> {
        let Some(text) = &self.mode else { return Ok(0o600) };
        let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
        match mode {
            Some(mode) if mode & 0o400 == 0 => Err("the owner cannot read the file"),
            Some(mode) if mode & 0o133 != 0 => {
                Err("a token file is not executable, and only its owner writes to it")
            }
            Some(mode) if mode & 0o007 != 0 => Err("every user of the machine could read the token"),
            Some(mode) => Ok(mode),
            None => Err("the mode is an octal number"),
        }
        .map_err(|reason| {
            invalid(reason)
                .at(self.path.display().to_string())
                .with_help("give `0600`, or `0640` with a `group`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMOTE: &str = "address = \"10.0.0.1:80\"\nallow_remote = true\n";
    const KEY: &str = "address = \"127.0.0.1:80\"\nkeys = [{ file = \"k\" }]\n";
    const TLS: &str = "tls = { certificate = \"c\", key = \"k\" }\n";

    fn refused(text: &str) -> String {
        Config::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn an_error_names_the_line_and_never_repeats_it() {
        let error = refused("[[identity]]\nname = \"a\"\nauth = \"AQVNfake-secret\"\n");
        assert!(error.contains("line 3") && error.contains("unknown field `auth`"), "{error}");
        assert!(!error.contains("AQVN"), "{error}");
        let error = refused("[[identity]]\nname = t1.fake.secret\n");
        assert!(error.contains("line 2") && !error.contains("t1."), "{error}");
        for key in [
            "keys = [\"pass, expected word\"]",
            "limits = \"pass, expected word\"",
            "keys = \"pass\\\", expected word\"",
        ] {
            let error = refused(&format!(
                "[[identity]]\nname = \"a\"\n[[listen]]\nkind = \"admin\"\naddress = \"127.0.0.1:1\"\n{key}\n"
            ));
            assert!(error.contains("invalid type: string, expected "), "{error}");
            assert!(!error.contains("pass") && !error.contains("word"), "{error}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let one = "[[identity]]\nname = \"a\"\n";
        let listen = |kind: &str, rest: &str| format!("{one}[[listen]]\nkind = \"{kind}\"\n{rest}\n");
        for (text, reason) in [
            (format!("{one}{one}"), "twice"),
            ("[[identity]]\nname = \"a b\"\n".into(), "letters"),
            (listen("metadata", "address = \"0.0.0.0:80\""), "on loopback"),
            (listen("oauth", "address = \"10.0.0.1:80\"\nclient_file = \"c\""), "this machine alone"),
            (listen("admin", "address = \"[::]:80\""), "this machine alone"),
            (listen("oauth", "address = \"10.0.0.1:80\"\nallow_remote = true"), "no TLS"),
            (listen("admin", &format!("{REMOTE}{TLS}")), "no key"),
            (listen("admin", &format!("{REMOTE}keys = [{{ file = \"k\" }}]")), "no TLS"),
            (listen("probes", &format!("{REMOTE}{TLS}")), "unknown field `allow_remote`"),
            (listen("probes", "address = \"127.0.0.1:80\"\nlimits = { connections = 0 }"), "from 1 to 65536"),
            (listen("probes", "address = \"127.0.0.1:80\"\nlimits = { streams = 0 }"), "`streams`"),
            (listen("probes", "address = \"127.0.0.1:80\"\nlimits = { head_bytes = 100 }"), "from 8192"),
            (listen("probes", "address = \"127.0.0.1:80\"\nlimits = { headers = 5000 }"), "from 1 to 1024"),
            (listen("probes", "address = \"127.0.0.1:80\"\nlimits = { head_seconds = -1 }"), "0.001 to 3600"),
            (listen("oauth", "address = \"127.0.0.1:80\"\nlimits = { body_bytes = 0 }"), "`body_bytes`"),
            (listen("metadata", "address = \"127.0.0.1:80\"\nidentity = \"b\""), "no identity `b`"),
            (listen("metadata", "address = \"127.0.0.1:80\"\nuids = [1]"), "unknown field `uids`"),
            (listen("metadata", "address = \"localhost:80\""), "names are not resolved"),
            (listen("admin", "address = \"127.0.0.1:80\"\nkeys = [\"k\"]"), "a table such as { file"),
            (listen("proxy", "address = \"127.0.0.1:80\""), "unknown variant `proxy`"),
            (listen("gateway", "address = \"127.0.0.1:80\""), "missing field `keys`"),
            (listen("gateway", "address = \"127.0.0.1:80\"\nkeys = []"), "no key"),
            (listen("gateway", &format!("{REMOTE}keys = [{{ file = \"k\" }}]")), "no TLS"),
            (listen("gateway", &format!("{KEY}kept_bytes = 0")), "`kept_bytes`"),
            (listen("gateway", &format!("{KEY}idle_seconds = 0")), "`idle_seconds`"),
            (
                listen("gateway", &format!("{KEY}upstream = [{{ host = \"h\", prefix = \"v1\" }}]")),
                "begins with `/`",
            ),
            (
                listen(
                    "gateway",
                    &format!("{KEY}upstream = [{{ host = \"h\", prefix = \"/\", methods = [\"G T\"] }}]"),
                ),
                "no method of HTTP",
            ),
            (
                listen("admin", "address = \"127.0.0.1:80\"\nkeys = [{ file = \"k\", identity = \"a\" }]"),
                "has no identity",
            ),
            (listen("token-file", "path = \"t\"\nmode = \"0644\""), "every user"),
            (listen("token-file", "path = \"t\"\nmode = \"0660\""), "only its owner writes"),
            (listen("token-file", "path = \"t\"\nmode = \"rw\""), "octal"),
            (listen("token-file", "path = \"t\"\nformat = \"pgpass\""), "needs `host` and `user`"),
            (
                listen("token-file", "path = \"t\"\nformat = \"pgpass\"\nhost = \"*\"\nuser = \"u\""),
                "every database",
            ),
            (listen("token-file", "path = \"t\"\nhost = \"h\""), "belong to the format"),
            (
                listen(
                    "token-file",
                    "path = \"t\"\nformat = \"pgpass\"\nhost = \"h\"\nuser = \"u\"\nmode = \"0640\"",
                ),
                "ignore a password file",
            ),
            ("[[listen]]\nkind = \"metadata\"\naddress = \"127.0.0.1:80\"\n".into(), "no identity"),
            (format!("drain_seconds = -1\n{one}"), "from 0 to 3600"),
        ] {
            let error = refused(&text);
            assert!(error.contains(reason), "{text}: {error}");
        }
        let own_key = "[[identity]]\nname = \"a\"\nkey_file = \"k\"\n[[listen]]\nkind = \"token-file\"\npath = \"./k\"\n";
        assert!(refused(own_key).contains("take the place"));
        let two = listen("token-file", "path = \"t\"") + "[[listen]]\nkind = \"token-file\"\npath = \"t\"\n";
        assert!(refused(&two).contains("two listeners"));
        assert!(Config::parse(&listen("probes", "address = \"0.0.0.0:8090\"")).is_ok());
        assert!(Config::parse(&listen("metadata", "address = \"10.0.0.1:80\"\npod_network = true")).is_ok());
        assert!(Config::parse(&listen("oauth", &format!("{REMOTE}{TLS}"))).is_ok());
        let with_key = format!("{REMOTE}{TLS}keys = [{{ file = \"k\" }}]");
        assert!(Config::parse(&listen("admin", &with_key)).is_ok());
    }

    #[test]
    fn a_listener_of_several_identities_names_one() {
        let text = "[[identity]]\nname = \"a\"\n[[identity]]\nname = \"b\"\n[[listen]]\nkind = \"token-file\"\npath = \"t\"\n";
        assert!(refused(text).contains("several identities"));
        assert!(Config::parse(&format!("{text}identity = \"b\"\n")).is_ok());
    }
}
