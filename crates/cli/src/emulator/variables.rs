//! The variables that point a program at the emulator, for a shell, for a file, and for a command.

use std::io;
use std::path::Path;

use yandex_cloud_emulator::Emulator;

use crate::quoting::{is_plain, sh};

/// The variables with the file of the certificate authority, and the clients that read them.
const AUTHORITY: [(&str, &str); 5] = [
    ("SSL_CERT_FILE", "trust only the emulator's certificate authority: this library, OpenSSL, httpx, Go"),
    ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "the same for gRPC"),
    ("REQUESTS_CA_BUNDLE", "the same for requests (Python)"),
    ("NODE_EXTRA_CA_CERTS", "the same for Node.js, in addition to its own authorities"),
    ("CURL_CA_BUNDLE", "the same for curl"),
];

/// The first line of the file with the variables. An emulator replaces no other file.
const FILE_HEADER: &str =
    "# Written by `yc-auth emulator --env-file`: the next emulator replaces this file.\n";

/// The variables, in the order in which they are printed.
pub(super) struct Variables(Vec<Variable>);

struct Variable {
    name: &'static str,
    value: String,
    comment: String,
}

impl Variables {
    /// Those of the emulator itself.
    pub(super) fn of(emulator: &Emulator) -> io::Result<Self> {
        let variables = emulator.env()?.into_iter().map(|variable| Variable {
            name: variable.name,
            value: variable.value,
            comment: variable.comment.to_owned(),
        });
        Ok(Self(variables.collect()))
    }

    /// Adds the variables with the certificate authority.
    pub(super) fn add_authority(&mut self, file: &Path) -> Result<(), String> {
        let value = absolute(file)?;
        self.0.extend(AUTHORITY.map(|(name, comment)| Variable {
            name,
            value: value.clone(),
            comment: comment.to_owned(),
        }));
        Ok(())
    }

    /// Adds the variable with the key file of this service account.
    pub(super) fn add_key(&mut self, file: &Path, account: &str) -> Result<(), String> {
        self.0.push(Variable {
            name: "YC_SERVICE_ACCOUNT_KEY_FILE",
            value: absolute(file)?,
            comment: format!("an authorized key of the service account {account}"),
        });
        Ok(())
    }

    /// Whether a text is such a file, of this or another emulator.
    pub(super) fn are_in(text: &str) -> bool {
        text.starts_with(FILE_HEADER)
    }

    /// The names and the values.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|variable| (variable.name, variable.value.as_str()))
    }

    /// The hosts of the emulator, which no proxy reaches.
    pub(super) fn hosts(&self) -> Vec<&str> {
        let addresses =
            self.pairs().filter(|(name, _)| ["YC_OAUTH_ENDPOINT", "YC_METADATA_ADDR"].contains(name));
        let mut hosts: Vec<_> = addresses.map(|(_, address)| host(address)).collect();
        hosts.dedup();
        hosts
    }

    /// The lines that a shell evaluates: each variable with a comment.
    pub(super) fn exports(&self) -> String {
        let line =
            |Variable { name, value, comment }: &_| format!("# {comment}\nexport {name}={}\n", sh(value));
        self.0.iter().map(line).collect()
    }

    /// `NAME=value` lines that `docker --env-file`, systemd's `EnvironmentFile` and a POSIX shell read alike.
    ///
    /// docker takes a value as it is, with quotes; the other two remove quotes, and a shell needs them around special
    /// characters. So a value that needs quotes has no common form.
    pub(super) fn env_file(&self) -> Result<String, String> {
        if let Some(Variable { name, value, .. }) = self.0.iter().find(|variable| !is_plain(&variable.value))
        {
            return Err(format!(
                "emulator: --env-file: {name} cannot stand in the file, because {value:?} needs quotes, which docker, \
                 systemd and shells read differently: choose a path of letters, digits and -_./:@%+=,"
            ));
        }
        let line = |Variable { name, value, comment }: &_| format!("# {comment}\n{name}={value}\n");
        Ok(FILE_HEADER.to_owned() + &self.0.iter().map(line).collect::<String>())
    }
}

/// The host of `host:port`, with a scheme or without.
fn host(address: &str) -> &str {
    let authority = address.split_once("://").map_or(address, |(_, authority)| authority);
    authority.rsplit_once(':').map_or(authority, |(host, _port)| host).trim_matches(['[', ']'])
}

/// The path for a program in another folder.
fn absolute(path: &Path) -> Result<String, String> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.into_os_string().into_string().map_err(|path| {
        format!("emulator: a variable cannot have the path {}: it is not UTF-8", path.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_needs_quotes_cannot_stand_in_a_file() {
        for value in
            ["", "a b", "a'b", "a\"b", "a\\b", "a#b", "$HOME", "`id`", "~/ca.pem", "a\nb", "a;b", "a\u{a0}b"]
        {
            let variable = Variable { name: "X", value: value.to_owned(), comment: String::new() };
            assert!(Variables(vec![variable]).env_file().is_err(), "{value:?}");
        }
    }
}
