//! The options that every authenticating subcommand shares: which credentials, which endpoint, how long.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::auth_value::AuthValue;
use super::method_name::MethodName;
use super::seconds::seconds;

/// How to authenticate.
#[derive(Clone, Args)]
pub(crate) struct AuthOptions {
    /// A key or token: the value itself, `-` for standard input, or `@FILE`
    ///
    /// `t1.…` is an IAM token, `y0_…` an OAuth token, JSON or its base64 a service account key, any other token an API key.
    /// What is none of them, such as a path or `null`, is an error that names it.
    /// On a terminal `-` asks for the value and does not show it.
    /// `-` and `@FILE` (also a pipe, as in `@<(pass show cloud)`) keep the value out of `ps`. The limit is 1 MiB.
    #[arg(long, value_name = "STRING|-|@FILE", value_parser = OsStringValueParser::new().map(AuthValue::from),
        allow_hyphen_values = true)]
    pub(crate) auth: Option<AuthValue>,

    /// Use this method only, without automatic selection
    ///
    /// With `--auth`, the method says what kind of value the string is. Default: `YC_AUTH_METHOD`, which can name the
    /// methods of automatic selection. `revoke` needs this flag, `--auth` or `--key-file`.
    #[arg(long, value_name = "NAME")]
    pub(crate) method: Option<MethodName>,

    /// A service account's authorized key, as `yc iam key create -o FILE` writes it
    ///
    /// The path of the file, or the content: the JSON, or its base64.
    /// The same as `--method service-account-key` with `YC_SERVICE_ACCOUNT_KEY_FILE`.
    #[arg(long, value_name = "FILE", conflicts_with = "auth")]
    pub(crate) key_file: Option<PathBuf>,

    /// Impersonate this service account with the selected credentials
    ///
    /// The selected identity needs the role `iam.serviceAccounts.tokenCreator` on this service account.
    #[arg(long, value_name = "ID")]
    pub(crate) impersonate: Option<String>,

    /// The audience to ask for in a job of GitHub Actions or Forgejo Actions (workload-identity)
    ///
    /// One of the audiences of the federation. Default: that of the issuer, on GitHub `https://github.com/OWNER`. A
    /// token in `YC_OIDC_TOKEN_FILE` or `YC_OIDC_TOKEN` has its audience already.
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) audience: Option<String>,

    /// The API endpoint, such as `api.yandexcloud.kz:443`
    ///
    /// The command exchanges every secret at this installation, and asks yc for its tokens. `host[:port]` means TLS;
    /// `http://` is accepted for loopback only. Default: `YC_API_ENDPOINT`, then (for `profile`) the profile's
    /// endpoint, then `api.cloud.yandex.net:443`.
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) endpoint: Option<String>,

    /// The yc profile, such as `prod`
    ///
    /// Default: `YC_PROFILE`, then the current profile. A profile that does not exist is an error, also if the selected
    /// method does not use it.
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,

    /// The time limit in seconds, such as `2.5`
    ///
    /// Covers the whole command: reading standard input, selecting, fetching. A service that is down is tried again
    /// within this time. One request has the limit of its method at most: metadata 5 s, IAM 10 s, yc 30 s.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    pub(crate) timeout: Duration,

    /// Do not use the tokens that the processes of this machine share
    ///
    /// Without this flag the command takes a token that another process has fetched with the same credentials, and
    /// stores what it fetches: see `yc-auth cache`. The same as `YC_AUTH_CACHE=off`.
    #[arg(long, conflicts_with_all = ["renew", "cache_dir"])]
    pub(crate) no_cache: bool,

    /// Fetch a new token although a shared one is usable, and share the new one
    ///
    /// If the fetch fails, the shared token stays, and the exit status says why.
    #[arg(long)]
    pub(crate) renew: bool,

    /// The folder of the shared tokens
    ///
    /// An absolute path. Default: `YC_AUTH_CACHE_DIR`, then `yc-auth` in `XDG_RUNTIME_DIR`, then `yc-auth` in the user's
    /// folder for caches.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Renew a stale shared token; for the process that another command leaves behind
    #[arg(long, hide = true, conflicts_with_all = ["no_cache", "renew"])]
    pub(crate) renew_stale: bool,
}

/// How to authenticate, and how to print the result.
#[derive(Args)]
pub(crate) struct ResultOptions {
    #[command(flatten)]
    pub(crate) auth: AuthOptions,

    /// The output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

impl AuthOptions {
    /// Why these options conflict; `None` where they do not.
    pub(crate) fn conflict(&self, revokes: bool) -> Option<String> {
        match (&self.auth, self.method) {
            (Some(_), Some(method)) if !method.takes_a_value() => Some(format!(
                "the method {} takes no value: leave out `--auth` or `--method`",
                method.method()
            )),
            (_, Some(MethodName::Impersonation)) if self.impersonate.is_none() => {
                Some("name the service account to impersonate: `--impersonate ID`".to_owned())
            }
            (_, Some(method)) if self.key_file.is_some() && !method.takes_a_key_file() => {
                Some(format!("the method {} takes no `--key-file`", method.method()))
            }
            // Revoking breaks every holder of the token, so the choice is never left to automatic selection.
            (None, None) if revokes && self.key_file.is_none() => Some(
                "name the token to revoke: `--auth STRING|-|@FILE`, `--key-file FILE` or `--method NAME`"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Plain text, for people and for `$(…)`
    Text,
    /// One JSON object
    Json,
}
