//! The options of the hooks: commands that a tool runs for a credential (`credential TOOL`, `headers`).

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::reference::SECRETS_ARE_VISIBLE;
use super::seconds::hours;
use super::{AuthOptions, AuthValue};

/// How a hook authenticates. A tool does not wait long for its hook: Codex kills it after 5 s.
#[derive(Args)]
#[command(mut_arg("timeout", |timeout| timeout.default_value("4")))]
pub(crate) struct HookOptions {
    #[command(flatten)]
    pub(crate) auth: AuthOptions,
}

/// The hosts that a hook answers for, beside those of its tool.
#[derive(Args)]
pub(crate) struct HostOptions {
    /// Give the credentials for this host too: `HOST`, `HOST:PORT` or `*.DOMAIN`; can be repeated
    ///
    /// Over https only, except for a loopback host. For any other host the command has no credentials.
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Vec<String>,
}

/// The tool that asks.
#[derive(Args)]
pub(crate) struct CredentialOptions {
    #[command(subcommand)]
    pub(crate) tool: CredentialTool,
}

/// The tools, each with its protocol.
#[derive(Subcommand)]
pub(crate) enum CredentialTool {
    /// Answer docker: cr.yandex, registry.yandexcloud.net and their other names
    ///
    /// A credential helper of docker, also if the command is called as `docker-credential-yc-auth`. `get` reads the
    /// server from standard input. `store` and `erase` do nothing, so that `docker login` and `docker logout` succeed.
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Docker(DockerOptions),
    /// Answer kubectl and the client libraries of Kubernetes: an `ExecCredential`
    ///
    /// In the version that `KUBERNETES_EXEC_INFO` names: v1 or v1beta1.
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Kubernetes(HookOptions),
    /// Answer the aws CLI and the AWS SDKs (`credential_process`): ephemeral keys of Object Storage
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Aws(AwsOptions),
    /// Answer uv and Bazel: headers for a URI of Yandex Cloud
    ///
    /// Reads `{"uri":"https://…"}` from standard input.
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Http(HttpOptions),
    /// Answer git, for the hosts of `--host` alone
    ///
    /// A credential helper of git.
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Git(GitOptions),
    /// Answer pip and uv in the place of `keyring`: registry.yandexcloud.net
    ///
    /// Also if the command is called as `keyring`. Speaks every form that pip and uv use. What is not for its hosts goes
    /// to the next `keyring` on PATH.
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Keyring(KeyringOptions),
}

#[derive(Args)]
pub(crate) struct DockerOptions {
    /// What docker asks for
    pub(crate) operation: DockerOperation,
    #[command(flatten)]
    pub(crate) hosts: HostOptions,
    #[command(flatten)]
    pub(crate) hook: HookOptions,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum DockerOperation {
    /// The credentials for the server on standard input
    Get,
    /// Nothing: there is nothing to store
    Store,
    /// Nothing: there is nothing to erase
    Erase,
    /// The servers and their users
    List,
    /// The version
    Version,
}

#[derive(Args)]
pub(crate) struct AwsOptions {
    /// The name of the session, in the logs of the bucket: 1 to 64 characters of `A-Za-z0-9_+=,.@-`
    #[arg(long, value_name = "NAME", default_value = "yc-auth")]
    pub(crate) session_name: String,
    /// How long the keys live, such as `1h` or `90m`: 1 to 12 hours, and never longer than the IAM token
    ///
    /// Clients renew keys in their last 15 minutes, so shorter lives are useless.
    #[arg(long, value_name = "DURATION", value_parser = hours, default_value = "1h")]
    pub(crate) duration: Duration,
    /// A file with a policy that restricts the keys: JSON of at most 2,048 characters
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) hook: HookOptions,
}

#[derive(Args)]
pub(crate) struct HttpOptions {
    /// What the tool asks for
    pub(crate) operation: HttpOperation,
    #[command(flatten)]
    pub(crate) hosts: HostOptions,
    #[command(flatten)]
    pub(crate) hook: HookOptions,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum HttpOperation {
    /// The headers for the URI on standard input
    Get,
}

#[derive(Args)]
pub(crate) struct GitOptions {
    /// What git asks for: `get`, `store` or `erase`; any other operation does nothing
    #[arg(value_name = "get|store|erase")]
    pub(crate) operation: String,
    #[command(flatten)]
    pub(crate) hosts: HostOptions,
    #[command(flatten)]
    pub(crate) hook: HookOptions,
}

#[derive(Args)]
pub(crate) struct KeyringOptions {
    #[command(flatten)]
    pub(crate) hosts: HostOptions,
    #[command(flatten)]
    pub(crate) hook: HookOptions,
    /// The arguments of `keyring`: `[--mode creds] [--output json] get|set|del URL [USER]`
    #[arg(value_name = "KEYRING ARGUMENTS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<OsString>,
}

/// The headers for one URL.
#[derive(Args)]
pub(crate) struct HeadersOptions {
    /// The URL that the headers are for; default: `CLAUDE_CODE_MCP_SERVER_URL`, which must name the same host
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Add `Folder-Id`, where the folder is known: `--folder-id`, `YC_FOLDER_ID`, else the folder of the credentials
    #[arg(long)]
    pub(crate) mcp: bool,
    /// The folder for `--mcp`
    #[arg(long, value_name = "ID", requires = "mcp")]
    pub(crate) folder_id: Option<String>,
    #[command(flatten)]
    pub(crate) hosts: HostOptions,
    #[command(flatten)]
    pub(crate) hook: HookOptions,
}

impl HookOptions {
    /// Why these options conflict.
    pub(super) fn conflict(&self) -> Option<String> {
        if matches!(self.auth.auth, Some(AuthValue::Stdin)) {
            let reason = "standard input belongs to the tool that runs this command: give `--auth @FILE`, \
                          `--key-file FILE` or a variable";
            return Some(reason.to_owned());
        }
        self.auth.conflict(false)
    }
}

impl CredentialTool {
    /// How the hook authenticates.
    pub(crate) fn hook(&self) -> &HookOptions {
        match self {
            Self::Docker(options) => &options.hook,
            Self::Kubernetes(hook) => hook,
            Self::Aws(options) => &options.hook,
            Self::Http(options) => &options.hook,
            Self::Git(options) => &options.hook,
            Self::Keyring(options) => &options.hook,
        }
    }
}
