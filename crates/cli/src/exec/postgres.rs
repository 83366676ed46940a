//! The variables of libpq (`PostgreSQL`'s client library): which hosts get the token as a password, as which user, over
//! which TLS.
//!
//! The token travels as a password in clear text inside TLS, so TLS has to check the certificate and the name of the host.

use std::ffi::OsString;

use yandex_cloud_auth::{Error, ErrorKind};
use zeroize::Zeroizing;

/// The only mode that checks the name of the host.
const VERIFY_FULL: &str = "verify-full";

/// The certificate authority of the clusters (docs, "Connecting to a database in a cluster").
const AUTHORITY: &str = "https://storage.yandexcloud.net/cloud-certs/CA.pem";

/// What the environment and the options say about the connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Connection {
    hosts: Vec<String>,
    /// The user in the environment.
    pub(super) user: Option<String>,
    /// Whether `PGHOST` is to be set, because an option names the host.
    sets_host: bool,
}

impl Connection {
    /// Reads the environment. `host` is that of the option, `arguments` are those of the command.
    ///
    /// # Errors
    /// `Invalid` if no host is named, if a host could be any host, or if TLS would not check the host.
    pub(super) fn of(
        variable: impl Fn(&str) -> Option<OsString>,
        host: Option<&str>,
        arguments: &[OsString],
    ) -> Result<Self, Error> {
        let variable = |name: &str| {
            let value = variable(name).map(|value| value.to_string_lossy().trim().to_owned());
            value.filter(|value| !value.is_empty())
        };
        if let Some(mode) = variable("PGSSLMODE").filter(|mode| mode != VERIFY_FULL) {
            return Err(weak(&mode).at("PGSSLMODE"));
        }
        if variable("PGSERVICE").is_some() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the service may name a weaker sslmode, which would win",
            )
            .at("PGSERVICE")
            .with_help("unset PGSERVICE, and name the host with `--host` or PGHOST"));
        }
        for argument in arguments {
            if let Some(mode) = ssl_mode(&argument.to_string_lossy()).filter(|mode| mode != VERIFY_FULL) {
                return Err(weak(&mode).at("sslmode in the command"));
            }
        }
        let (place, hosts) = match (host, variable("PGHOST")) {
            (Some(host), _) => ("--host", host.to_owned()),
            (None, Some(hosts)) => ("PGHOST", hosts),
            (None, None) => {
                return Err(Error::new(ErrorKind::Invalid, "no host is named").at("--postgres").with_help(
                    "name the host that gets the token: `--host c-….rw.mdb.yandexcloud.net`, or PGHOST",
                ));
            }
        };
        let hosts: Vec<_> = hosts.split(',').map(|host| host.trim().to_owned()).collect();
        hosts.iter().try_for_each(|host| check_host(host)).map_err(|error| error.at(place))?;
        Ok(Self { hosts, user: variable("PGUSER"), sets_host: host.is_some() })
    }

    /// The variables for the command, beside that of the password file.
    pub(super) fn variables(&self, user: Option<&str>) -> Vec<(&'static str, String)> {
        let mut variables = vec![("PGSSLMODE", VERIFY_FULL.to_owned())];
        if self.sets_host {
            variables.push(("PGHOST", self.hosts.join(",")));
        }
        if let Some(user) = user {
            variables.push(("PGUSER", user.to_owned()));
        }
        variables
    }

    /// The content of the password file: a line for each host, for any port and database.
    pub(super) fn lines(&self, user: Option<&str>, token: &str) -> Zeroizing<String> {
        let user = user.map_or_else(|| "*".to_owned(), |user| escaped(user, true));
        let token = Zeroizing::new(escaped(token, false));
        let lengths = self.hosts.iter().map(|host| 2 * host.len() + user.len() + token.len() + 8);
        let mut lines = Zeroizing::new(String::with_capacity(lengths.sum()));
        for host in &self.hosts {
            for part in [&escaped(host, true), ":*:*:", &user, ":", &token, "\n"] {
                lines.push_str(part);
            }
        }
        lines
    }

    /// What is missing for TLS, with the fix; `None` where libpq finds an authority.
    pub(super) fn missing_authority(variable: impl Fn(&str) -> Option<OsString>) -> Option<String> {
        if variable("PGSSLROOTCERT").is_some_and(|file| !file.is_empty()) {
            return None;
        }
        let home = variable("HOME").map(std::path::PathBuf::from)?;
        let default = home.join(".postgresql/root.crt");
        (!default.exists()).then(|| {
            format!("PGSSLROOTCERT is not set: save {AUTHORITY} to a file, and set PGSSLROOTCERT to its path")
        })
    }
}

fn weak(mode: &str) -> Error {
    // Nothing but a known word: the value could be anything.
    let known = ["disable", "allow", "prefer", "require", "verify-ca"];
    let mode = known.into_iter().find(|known| *known == mode).unwrap_or("this mode");
    Error::new(ErrorKind::Invalid, format!("{mode} does not check the host that gets the token"))
        .with_help("set it to verify-full, or leave it out")
}

/// The `sslmode` of a connection string or URL.
fn ssl_mode(argument: &str) -> Option<String> {
    let (_, rest) = argument.split_once("sslmode")?;
    let value = rest.trim_start().strip_prefix('=')?.trim_start().trim_start_matches('\'');
    Some(
        value
            .chars()
            .take_while(|character| character.is_ascii_alphanumeric() || *character == '-')
            .collect(),
    )
}

/// A name or an address. `*` would be every host, and a socket has no TLS.
fn check_host(host: &str) -> Result<(), Error> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte);
    let reason = match host {
        "" => "a name is empty",
        _ if host.starts_with(['/', '@']) => "a socket has no TLS",
        _ if !host.bytes().all(is_allowed) => "not the name or the address of a host",
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::Invalid, reason)
        .with_help("name the host as its certificate does, such as c-….rw.mdb.yandexcloud.net"))
}

/// A field of the file: `\` before `:` and `\`. A field that is `*` alone would match everything.
fn escaped(field: &str, can_match_all: bool) -> String {
    if can_match_all && field == "*" {
        return r"\*".to_owned();
    }
    let mut escaped = String::with_capacity(2 * field.len());
    for character in field.chars() {
        if matches!(character, ':' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(variables: &[(&str, &str)], host: Option<&str>, arguments: &[&str]) -> Result<Connection, Error> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        let arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
        Connection::of(find, host, &arguments)
    }

    #[test]
    fn only_named_hosts_with_full_verification_are_accepted() {
        let host = ("PGHOST", "db.example");
        for (variables, option, arguments, place) in [
            (&[][..], None, &[][..], "--postgres"),
            (&[("PGHOST", "*")], None, &[], "PGHOST"),
            (&[("PGHOST", "db.example,*")], None, &[], "PGHOST"),
            (&[("PGHOST", "db.example,")], None, &[], "PGHOST"),
            (&[("PGHOST", "/var/run/postgresql")], None, &[], "PGHOST"),
            (&[("PGHOST", "#db.example")], None, &[], "PGHOST"),
            (&[host], Some("*"), &[], "--host"),
            (&[host], Some("a b"), &[], "--host"),
            (&[host, ("PGSSLMODE", "require")], None, &[], "PGSSLMODE"),
            (&[host, ("PGSSLMODE", "verify-ca")], None, &[], "PGSSLMODE"),
            (&[host, ("PGSSLMODE", "t1.fake.token")], None, &[], "PGSSLMODE"),
            (&[host, ("PGSERVICE", "prod")], None, &[], "PGSERVICE"),
            (&[host], None, &["psql", "host=db.example sslmode=disable"], "sslmode in the command"),
            (&[host], None, &["psql", "dbname=x sslmode = 'require'"], "sslmode in the command"),
            (&[host], None, &["postgresql://db.example/x?sslmode=allow&a=b"], "sslmode in the command"),
        ] {
            let error = of(variables, option, arguments).unwrap_err();
            assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(place)), "{error}");
            assert!(error.help().is_some() && !error.to_string().contains("fake"), "{error}");
        }
        for (variables, option, arguments, hosts) in [
            (&[host][..], None, &["psql", "sslmode=verify-full"][..], "db.example"),
            (&[host, ("PGSSLMODE", "verify-full")], None, &[], "db.example"),
            (&[("PGHOST", "a.example, b.example")], None, &[], "a.example,b.example"),
            (
                &[host, ("PGSSLMODE", "")],
                Some("other.example"),
                &["postgres://x/y?sslmode=verify-full"],
                "other.example",
            ),
            (&[], Some("fe80::1%eth0"), &[], "fe80::1%eth0"),
        ] {
            assert_eq!(of(variables, option, arguments).unwrap().hosts.join(","), hosts);
        }
    }

    #[test]
    fn the_environment_names_what_is_known() {
        let connection = of(&[("PGHOST", "db.example"), ("PGUSER", "login")], None, &[]).unwrap();
        assert_eq!(connection.user.as_deref(), Some("login"));
        assert_eq!(
            connection.variables(Some("login")),
            [("PGSSLMODE", "verify-full".to_owned()), ("PGUSER", "login".to_owned())]
        );
        let connection = of(&[("PGHOST", "db.example")], Some("a.example,b.example"), &[]).unwrap();
        assert_eq!(connection.variables(None)[1], ("PGHOST", "a.example,b.example".to_owned()));
        assert_eq!(*connection.lines(None, "t1.fake"), "a.example:*:*:*:t1.fake\nb.example:*:*:*:t1.fake\n");
    }

    #[test]
    fn a_missing_authority_is_told() {
        let variable =
            |set: &'static str| move |name: &str| (name == set || name == "HOME").then(|| "/none".into());
        assert!(Connection::missing_authority(variable("PGSSLROOTCERT")).is_none());
        assert!(Connection::missing_authority(variable("PGUSER")).unwrap().contains("CA.pem"));
    }

    /// The rest of a line after a field that matches, as libpq compares them.
    fn after<'a>(line: &'a str, field: &str) -> Option<&'a str> {
        if let Some(rest) = line.strip_prefix("*:") {
            return Some(rest);
        }
        let (mut rest, mut wanted) = (line.chars(), field.chars());
        loop {
            match rest.next()? {
                ':' => return wanted.next().is_none().then_some(rest.as_str()),
                '\\' if rest.next()? != wanted.next()? => return None,
                '\\' => {}
                character if wanted.next() != Some(character) => return None,
                _ => {}
            }
        }
    }

    fn password(line: &str, host: &str, user: &str) -> Option<String> {
        let rest = [host, "6432", "db", user].into_iter().try_fold(line, after)?;
        let mut password = String::new();
        let mut characters = rest.chars();
        while let Some(character) = characters.next() {
            password.push(if character == '\\' { characters.next()? } else { character });
        }
        Some(password)
    }

    proptest! {
        #[test]
        fn libpq_finds_the_token_for_this_host_and_user_alone(
            host in "[a-z0-9:.%_-]{1,20}", user in "[a-z:\\\\*]{1,6}", token in "[a-zA-Z0-9:\\\\._-]{1,40}",
            other in "[a-z:\\\\*]{1,6}",
        ) {
            let connection = of(&[("PGHOST", &host)], None, &[]).unwrap();
            let lines = connection.lines(Some(&user), &token);
            let line = lines.strip_suffix('\n').unwrap();
            prop_assert_eq!(password(line, &host, &user), Some(token));
            prop_assert_eq!(password(line, "other.example", &user), None);
            prop_assert_eq!(password(line, &host, &other).is_some(), other == user);
        }
    }
}
