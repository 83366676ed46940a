//! The options of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::AuthOptions;
use super::auth_value::AuthValue;
use super::emulator_options::socket_address;
use super::seconds::seconds;

/// What is served, and for which identity.
#[derive(Args)]
pub(crate) struct ServeOptions {
    #[command(flatten)]
    pub(crate) auth: AuthOptions,

    /// Serve the metadata service that clients of Yandex Cloud and Google ask, such as at 127.0.0.1:8081
    #[arg(long, value_name = "ADDRESS", value_parser = socket_address)]
    pub(crate) metadata: Option<SocketAddr>,

    /// A user who may ask `--metadata` and `--sds`, beside root and the user of this process; can be repeated
    #[arg(long, value_name = "UID")]
    pub(crate) allow_uid: Vec<u32>,

    /// Allow a metadata address outside loopback, for the network of a pod: whoever reaches the address gets the token
    #[arg(long, requires = "metadata")]
    pub(crate) pod_network: bool,

    /// The folder that the metadata service shows, and of which the gateway takes models; default: that of the credentials, then
    /// `YC_FOLDER_ID`
    #[arg(long, value_name = "ID")]
    pub(crate) folder: Option<String>,

    /// Serve an OAuth 2 token endpoint for client credentials, such as at 127.0.0.1:8082
    #[arg(long, value_name = "ADDRESS", value_parser = socket_address)]
    pub(crate) oauth: Option<SocketAddr>,

    /// The file with the `client_id` and `client_secret` of the token endpoint, made at the first start
    ///
    /// Default: `oauth-client.json` in `STATE_DIRECTORY`, then in `yc-auth` of `XDG_STATE_HOME` or of `~/.local/state`.
    #[arg(long, value_name = "FILE", requires = "oauth")]
    pub(crate) oauth_client: Option<PathBuf>,

    /// Serve a gateway for tools that take a base URL and a static key, such as at 127.0.0.1:8080: AI Studio at `/v1`
    #[arg(long, value_name = "ADDRESS", value_parser = socket_address)]
    pub(crate) gateway: Option<SocketAddr>,

    /// The file with the key that clients of the gateway send, made at the first start
    ///
    /// Default: the value of `YC_AUTH_GATEWAY_KEY`, else `gateway.key` in `STATE_DIRECTORY`, then in `yc-auth` of
    /// `XDG_STATE_HOME` or of `~/.local/state`. The log names the file.
    #[arg(long, value_name = "@FILE", requires = "gateway", value_parser = OsStringValueParser::new().map(AuthValue::from))]
    pub(crate) gateway_key: Option<AuthValue>,

    /// Serve Envoy's Secret Discovery Service at a Unix socket, such as `unix:/run/yc-auth/sds.sock`, with the secret `yc-iam-token`
    #[arg(long, value_name = "unix:PATH", value_parser = unix_socket)]
    pub(crate) sds: Option<PathBuf>,

    /// Keep the token in this file, replaced by a rename at each new token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// What the token file holds
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = FileFormat::Bare)]
    pub(crate) format: FileFormat,

    /// The permissions of the token file, such as 0640; default: 0600
    #[arg(long, value_name = "MODE", requires = "token_file")]
    pub(crate) mode: Option<String>,

    /// The group of the token file
    #[arg(long, value_name = "GROUP", requires = "token_file")]
    pub(crate) group: Option<String>,

    /// The host of the database, for `--format pgpass`
    #[arg(long, value_name = "HOST", requires = "token_file")]
    pub(crate) host: Option<String>,

    /// The user of the database, for `--format pgpass`
    #[arg(long, value_name = "USER", requires = "token_file")]
    pub(crate) user: Option<String>,

    /// Keep the token in this Secret of Kubernetes, as the one agent that holds the Lease of the same name
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub(crate) kubernetes_secret: Option<String>,

    /// Serve probes, metrics and a page for people, such as at 127.0.0.1:8089
    #[arg(long, value_name = "ADDRESS", value_parser = socket_address)]
    pub(crate) admin: Option<SocketAddr>,

    /// The file with the key that clients of `--admin` send, made at the first start; without one they send none
    #[arg(long, value_name = "FILE", requires = "admin")]
    pub(crate) admin_key: Option<PathBuf>,

    /// The certificate of `--oauth`, `--gateway` and `--admin`, in PEM, with those of its issuers
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,

    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Allow `--oauth`, `--gateway` and `--admin` outside loopback: with TLS, and `--admin` with a key
    #[arg(long)]
    pub(crate) allow_remote: bool,

    /// Serve `/livez` and `/readyz` alone, a status without text; the address may be outside loopback
    #[arg(long, value_name = "ADDRESS", value_parser = socket_address)]
    pub(crate) probes: Option<SocketAddr>,

    /// How long requests may go on after the signal to end, in seconds; default: 10
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "config")]
    pub(crate) drain: Option<Duration>,

    /// A TOML file with identities and listeners; SIGHUP reads it again
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "metadata", "oauth", "gateway", "sds", "folder", "token_file", "kubernetes_secret", "admin", "probes",
            "tls_certificate", "allow_remote",
        ]
    )]
    pub(crate) config: Option<PathBuf>,

    /// Check the configuration, and serve nothing; exits with 0 or 4
    #[arg(long)]
    pub(crate) check: bool,
}

/// What the token file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileFormat {
    /// The token alone, without a line break
    Bare,
    /// `Authorization: Bearer …`
    Header,
    /// A line of a password file of PostgreSQL
    Pgpass,
    /// `YC_IAM_TOKEN=…`
    Dotenv,
}

/// The path of `unix:PATH`.
fn unix_socket(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("unix:").map(|path| path.strip_prefix("//").unwrap_or(path));
    let path = path.filter(|path| !path.is_empty());
    path.map(PathBuf::from).ok_or_else(|| "give unix:PATH, such as unix:/run/yc-auth/sds.sock".to_owned())
}

impl ServeOptions {
    /// Why these options are invalid together, where the parser cannot know.
    pub(super) fn conflict(&self) -> Option<String> {
        let serves = self.metadata.is_some()
            || self.oauth.is_some()
            || self.gateway.is_some()
            || self.sds.is_some()
            || self.token_file.is_some()
            || self.kubernetes_secret.is_some()
            || self.admin.is_some()
            || self.probes.is_some()
            || self.config.is_some();
        if !serves {
            let reason = "nothing is served: give `--metadata`, `--oauth`, `--gateway`, `--sds`, `--token-file`, \
                          `--kubernetes-secret`, `--admin`, `--probes` or `--config`";
            return Some(reason.to_owned());
        }
        if self.kubernetes_secret.as_ref().is_some_and(|secret| !secret.contains('/')) {
            return Some("`--kubernetes-secret` is NAMESPACE/NAME, such as apps/yc-token".to_owned());
        }
        let can_have_tls = self.oauth.is_some() || self.gateway.is_some() || self.admin.is_some();
        if (self.tls_certificate.is_some() || self.allow_remote) && !can_have_tls {
            let reason = "`--tls-certificate` and `--allow-remote` are for `--oauth`, `--gateway` and `--admin`: give one of them";
            return Some(reason.to_owned());
        }
        if !self.allow_uid.is_empty() && self.metadata.is_none() && self.sds.is_none() {
            return Some("`--allow-uid` is for `--metadata` and `--sds`: give one of them".to_owned());
        }
        if self.folder.is_some() && self.metadata.is_none() && self.gateway.is_none() {
            return Some("`--folder` is for `--metadata` and `--gateway`: give one of them".to_owned());
        }
        let chooses = self.auth.auth.is_some() || self.auth.method.is_some() || self.auth.key_file.is_some();
        if self.config.is_some() && chooses {
            return Some(
                "`--config` has the identities: leave out `--auth`, `--method` and `--key-file`".to_owned(),
            );
        }
        (self.format != FileFormat::Bare && self.token_file.is_none())
            .then(|| "`--format` is that of a file: give `--token-file`".to_owned())
    }
}
