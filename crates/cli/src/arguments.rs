//! The command line: what is accepted, and what the help, the completions and the man page say about it.
//!
//! Parsing reads nothing but the arguments. What a parser error would repeat of them is masked: a secret that was
//! typed in the wrong place must not reach a terminal's scrollback or a build log.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use yandex_cloud_auth::{Error, ErrorKind, Method};
use zeroize::Zeroizing;

/// What each exit status means: the help, the man page and `failure.rs` go by it.
pub(crate) const EXIT_STATUS: [(u8, &str); 7] = [
    (0, "done"),
    (1, "anything else: the answer could not be written, the demo did not hold"),
    (2, "the command line was not understood"),
    (3, "nothing to authenticate with was found"),
    (4, "a value, file or address is wrong, or a secret would go where it does not belong"),
    (5, "a service or program could not be asked, or did not answer in time; worth another try"),
    (6, "a service or program said no, or the token is over"),
];

/// The variables that are read, and what for.
pub(crate) const VARIABLES: [(&str, &str); 17] = [
    ("YC_API_KEY", "an API key of a service account (method api-key)"),
    ("YC_IAM_TOKEN", "an IAM token, used as it is (iam-token)"),
    ("YC_OAUTH_TOKEN", "an OAuth token from before 2026-06-01 (oauth-token)"),
    ("YC_SERVICE_ACCOUNT_KEY_FILE", "an authorized key, as a path or as JSON (service-account-key)"),
    ("YC_OIDC_TOKEN_FILE, YC_OIDC_TOKEN", "a token of another issuer, to be exchanged (workload-identity)"),
    ("YC_SERVICE_ACCOUNT_ID", "the service account that it is exchanged for (workload-identity)"),
    ("YC_OAUTH_ENDPOINT", "where it is exchanged, https://auth.yandex.cloud by default"),
    ("YC_IAM_TOKEN_FILE", "a file with an IAM token that somebody keeps fresh (token-file)"),
    ("YC_METADATA_ADDR", "another address of the metadata service (metadata)"),
    ("YC_TOKEN", "an IAM token that somebody keeps fresh (env-iam-token)"),
    ("YC_PROFILE", "the yc profile (yandex-cloud-cli, profile)"),
    ("YC_API_ENDPOINT", "the API endpoint, api.cloud.yandex.net:443 by default"),
    ("PATH", "where yc is looked for"),
    ("HTTPS_PROXY, NO_PROXY", "the proxy for TLS hosts; the metadata service is never asked through one"),
    ("SSL_CERT_FILE", "certificate authorities to trust, instead of the system's"),
    ("YC_AUTH_LOG", "what to log to standard error: error, warn, info, debug or trace"),
    ("NO_COLOR", "no colour on a terminal"),
];

const SECRETS_SHOW: &str = "A secret in `--auth` shows in the process list (`ps`) and in the shell's history. \
    Give it by standard input (`--auth -`), by a file or pipe (`--auth @FILE`), or in its variable.";

const EXAMPLES: &str = "  yc-auth header | curl -H @- https://ai.api.cloud.yandex.net/v1/models
  export YC_IAM_TOKEN=\"$(yc-auth token)\"
  yc-auth token --auth @key.txt --format json
  yc-auth header --key-file key.json --impersonate aje…
  yc-auth doctor
  yc-auth demo";

#[derive(Parser)]
#[command(
    name = "yc-auth",
    version,
    about = "Print a Yandex Cloud token or header, explain where it came from, and show it all working",
    after_help = after_help(false),
    after_long_help = after_help(true),
    disable_help_subcommand = true,
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// What is to be done.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print the token, or the API key, alone
    #[command(after_help = SECRETS_SHOW)]
    Token(Asked),
    /// Print the header: `Authorization: Bearer …`; nothing for `none`
    #[command(after_help = SECRETS_SHOW)]
    Header(Asked),
    /// Explain the choice of the method, and make one header; secrets are masked
    ///
    /// Shows what was looked at and why it was passed over, then makes the header, with one fetch where the method
    /// fetches. No other service is called: a key or a token that was given is not checked with a server. Exits as
    /// `token` would.
    #[command(after_help = SECRETS_SHOW)]
    Doctor(Asked),
    /// Tell whom the credentials stand for: subject, folder, expiry; never the token
    ///
    /// What the method knows beside the token, which is opaque: from the key file, the configuration, the metadata
    /// service or yc. Fetches a token, for its expiry.
    #[command(after_help = SECRETS_SHOW)]
    Whoami(Asked),
    /// Revoke an IAM token: Yandex Cloud takes it no more
    ///
    /// The token of `--auth` (itself, standard input, or a file): the way for one that has leaked. Or the one that
    /// `--method` or `--key-file` gives, which where they exchange something is one made for it. One of them has to be
    /// said: nothing is revoked by an automatic choice. Programs that hold the same token, such as others on this
    /// virtual machine, are refused from then on and have to fetch another.
    #[command(after_help = SECRETS_SHOW)]
    Revoke(Asked),
    /// Show everything end to end, against a Yandex Cloud inside this program
    ///
    /// All methods and the automatic choice, a chat completion and a streamed one with each, a token that goes
    /// stale and an outage of IAM. Speaks to this machine alone, and to nothing that you have configured. Takes a few
    /// seconds; exits with 1 if anything did not happen as it should.
    Demo,
    /// Run a Yandex Cloud on this machine: IAM, metadata, endpoint discovery, AI Studio
    ///
    /// Runs until Ctrl-C, and prints the variables that point a program at it. Exported variables outlive it: unset
    /// them, or close the shell, when it is over.
    Emulator(EmulatorOptions),
    /// Print the completions for a shell
    ///
    /// For bash: `source <(yc-auth completions bash)`; for fish: `yc-auth completions fish | source`.
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page: `yc-auth man | man -l -`
    Man,
}

/// How to authenticate, and how to answer.
#[derive(Args)]
pub(crate) struct Asked {
    /// A key or token: itself, `-` for standard input, or `@FILE`
    ///
    /// `t1.…` is an IAM token, `y0_…` an OAuth token, a JSON object a service account key, anything else an API key.
    /// `-` and `@FILE` (a pipe too, as in `@<(pass show cloud)`) keep it out of `ps`; 1 MiB at most.
    #[arg(long, value_name = "STRING|-|@FILE", value_parser = OsStringValueParser::new().map(Auth::from),
        allow_hyphen_values = true)]
    pub(crate) auth: Option<Auth>,

    /// This method alone, instead of the automatic choice
    ///
    /// With `--auth` it says what the string is.
    #[arg(long, value_name = "NAME")]
    pub(crate) method: Option<MethodName>,

    /// A service account's authorized key, as `yc iam key create -o FILE` writes it
    ///
    /// The same as `--method service-account-key` with `YC_SERVICE_ACCOUNT_KEY_FILE`.
    #[arg(long, value_name = "FILE", conflicts_with = "auth")]
    pub(crate) key_file: Option<PathBuf>,

    /// Act as this service account, by way of what is chosen otherwise
    ///
    /// Whoever is chosen needs the role `iam.serviceAccounts.tokenCreator` for it.
    #[arg(long, value_name = "ID")]
    pub(crate) impersonate: Option<String>,

    /// The API endpoint, such as `api.yandexcloud.kz:443`
    ///
    /// OAuth tokens and keys are exchanged there, and yc is asked for tokens of it. `host[:port]` means TLS; `http://` is for
    /// this machine alone. Else `YC_API_ENDPOINT`.
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) endpoint: Option<String>,

    /// The profile of yc, such as `prod`
    ///
    /// Else `YC_PROFILE`, else the active one.
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,

    /// Give up after so many seconds, such as `2.5`
    ///
    /// Bounds the whole command: reading standard input, choosing, fetching. Without it each method has its own limit: metadata
    /// 5 s, IAM 10 s, yc 30 s.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,

    /// How to print the answer
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

impl Command {
    /// How to authenticate, for the subcommands that do.
    fn asked(&self) -> Option<&Asked> {
        match self {
            Self::Token(asked)
            | Self::Header(asked)
            | Self::Doctor(asked)
            | Self::Whoami(asked)
            | Self::Revoke(asked) => Some(asked),
            _ => None,
        }
    }
}

impl Asked {
    /// What does not go together.
    fn conflict(&self, revokes: bool) -> Option<String> {
        match (&self.auth, self.method) {
            (Some(_), Some(method)) if !method.takes_a_value() => Some(format!(
                "the method {} takes no value, so `--auth` does not go with it",
                method.method()
            )),
            (_, Some(MethodName::Impersonation)) if self.impersonate.is_none() => {
                Some("say whom to impersonate: `--impersonate ID`".to_owned())
            }
            (_, Some(method)) if self.key_file.is_some() && !method.takes_a_key_file() => {
                Some(format!("the method {} takes no `--key-file`", method.method()))
            }
            (None, None) if revokes && self.key_file.is_none() => Some(
                "say which token: `--auth STRING|-|@FILE`, `--key-file FILE` or `--method NAME`".to_owned(),
            ),
            _ => None,
        }
    }
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people and for `$(…)`
    Text,
    /// One JSON object
    Json,
}

/// The methods that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodName {
    /// An API key: `YC_API_KEY`, or `--auth`
    ApiKey,
    /// An IAM token in a variable that somebody keeps fresh: `YC_TOKEN`
    EnvIamToken,
    /// An IAM token: `YC_IAM_TOKEN`, or `--auth`
    IamToken,
    /// The service account of the machine: the metadata service
    Metadata,
    /// Another service account, by way of what is chosen otherwise: `--impersonate`
    Impersonation,
    /// No credentials, no header
    None,
    /// An OAuth token, exchanged for IAM tokens: `YC_OAUTH_TOKEN`, or `--auth`
    OauthToken,
    /// A yc profile, read from its file without yc: `--profile`, `YC_PROFILE`, else the current one
    Profile,
    /// An authorized key of a service account: `--key-file`, `YC_SERVICE_ACCOUNT_KEY_FILE`, or `--auth`
    ServiceAccountKey,
    /// An IAM token in a file that somebody keeps fresh: `YC_IAM_TOKEN_FILE`
    TokenFile,
    /// A token of GitHub, GitLab, Kubernetes or another issuer, exchanged: `YC_OIDC_TOKEN_FILE`, `YC_OIDC_TOKEN`
    WorkloadIdentity,
    /// What yc is logged in as
    YandexCloudCli,
}

impl MethodName {
    /// The library's word for it.
    pub(crate) fn method(self) -> Method {
        match self {
            Self::ApiKey => Method::ApiKey,
            Self::EnvIamToken => Method::EnvIamToken,
            Self::IamToken => Method::IamToken,
            Self::Metadata => Method::Metadata,
            Self::None => Method::None,
            Self::OauthToken => Method::OAuthToken,
            Self::Impersonation => Method::Impersonation,
            Self::Profile => Method::Profile,
            Self::ServiceAccountKey => Method::ServiceAccountKey,
            Self::TokenFile => Method::TokenFile,
            Self::WorkloadIdentity => Method::WorkloadIdentity,
            Self::YandexCloudCli => Method::YandexCloudCli,
        }
    }

    fn takes_a_key_file(self) -> bool {
        matches!(self, Self::ServiceAccountKey | Self::Impersonation)
    }

    fn takes_a_value(self) -> bool {
        matches!(
            self,
            Self::ApiKey | Self::IamToken | Self::OauthToken | Self::ServiceAccountKey | Self::Impersonation
        )
    }
}

/// Where the key or token comes from.
#[derive(Clone)]
pub(crate) enum Auth {
    /// The argument itself.
    Given(Zeroizing<String>),
    /// An argument that is no text.
    NotText,
    /// `-`.
    Stdin,
    /// `@FILE`.
    File(PathBuf),
}

impl From<OsString> for Auth {
    fn from(argument: OsString) -> Self {
        let bytes = argument.as_encoded_bytes();
        if bytes == b"-" {
            return Self::Stdin;
        }
        if bytes.first() == Some(&b'@') {
            return Self::File(file_name(&argument));
        }
        argument.into_string().map_or(Self::NotText, |text| Self::Given(Zeroizing::new(text)))
    }
}

/// What follows the `@`.
fn file_name(argument: &OsStr) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        PathBuf::from(OsStr::from_bytes(&argument.as_bytes()[1..]))
    }
    #[cfg(not(unix))]
    {
        PathBuf::from(argument.to_string_lossy()[1..].to_owned())
    }
}

/// What the emulator is like.
#[derive(Args)]
pub(crate) struct EmulatorOptions {
    /// Where the API listens; a free port of 127.0.0.1 by default
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", hide_default_value = true)]
    pub(crate) listen: SocketAddr,

    /// Where the metadata service listens; a free port of 127.0.0.1 by default
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", hide_default_value = true)]
    pub(crate) metadata_listen: SocketAddr,

    /// Serve the API over TLS; the certificate authority goes to `--ca-file`
    #[arg(long, requires = "ca_file")]
    pub(crate) tls: bool,

    /// Where to write the certificate authority, such as `emulator-ca.pem`
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Where to write an authorized key of its service account, such as `emulator-key.json`
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,

    /// How long new IAM tokens live, in seconds; 12 hours by default
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) token_lifetime: Option<Duration>,

    /// Listen off loopback too: whoever reaches it gets tokens of the emulator
    #[arg(long)]
    pub(crate) allow_non_loopback: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let longest = 1e9;
    match text.trim().parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= longest => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("give seconds above 0, such as 2.5".to_owned()),
    }
}

/// The definitions that help, completions and man page are made from.
pub(crate) fn definitions() -> clap::Command {
    Arguments::command()
}

/// Understands a command line.
///
/// # Errors
/// What clap says, with anything masked that could be a secret. Help and version are such "errors" too.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let command = Arguments::try_parse_from(arguments).map_err(masked)?.command;
    if let Some(asked) = command.asked()
        && let Some(reason) = asked.conflict(matches!(command, Command::Revoke(_)))
    {
        return Err(definitions().error(clap::error::ErrorKind::ArgumentConflict, reason));
    }
    Ok(command)
}

fn masked(mut error: clap::Error) -> clap::Error {
    for kind in [
        ContextKind::InvalidArg,
        ContextKind::InvalidSubcommand,
        ContextKind::InvalidValue,
        ContextKind::TrailingArg,
    ] {
        if let Some(ContextValue::String(text)) = error.get(kind)
            && !is_plain(text)
        {
            error.insert(kind, ContextValue::String("***".to_owned()));
        }
    }
    error
}

/// Whether this is an option or a short word, and not shaped like a secret.
fn is_plain(text: &str) -> bool {
    let is_option = text.starts_with("--") && text.len() <= 40 && !text.contains('=');
    let is_word =
        text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte));
    let shown = Error::new(ErrorKind::Invalid, text);
    (is_option || is_word || text.starts_with('<') || text.contains(" <")) && shown.reason() == text
}

fn after_help(long: bool) -> String {
    let mut text = format!("Examples:\n{EXAMPLES}\n\n{SECRETS_SHOW}");
    if long {
        text.push_str("\n\nExit status:");
        for (status, meaning) in EXIT_STATUS {
            text.push_str(&format!("\n  {status}  {meaning}"));
        }
        text.push_str("\n\nEnvironment:");
        for (name, meaning) in VARIABLES {
            text.push_str(&format!("\n  {name:21}  {meaning}"));
        }
    } else {
        text.push_str("\n\n`--help` lists the exit status and the variables that are read.");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Command, clap::Error> {
        parse(["yc-auth"].iter().chain(words).map(OsString::from))
    }

    #[test]
    fn the_definitions_agree_with_themselves() {
        definitions().debug_assert();
    }

    #[test]
    fn every_method_has_the_name_of_the_library() {
        for method in MethodName::value_variants() {
            let name = method.to_possible_value().unwrap().get_name().to_owned();
            assert_eq!(name, method.method().name());
        }
    }

    #[test]
    fn fractions_of_a_second_are_allowed_and_nonsense_is_not() {
        for (text, span) in
            [("2.5", Some(2500)), ("10", Some(10_000)), ("1e-1", Some(100)), (" 1 ", Some(1000))]
        {
            assert_eq!(seconds(text).ok(), span.map(Duration::from_millis), "{text}");
        }
        for text in ["0", "-1", "NaN", "inf", "1e10", "", "1s", "five"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_told() {
        for (words, told) in [
            (&["revoke"][..], "say which token"),
            (&["token", "--method", "metadata", "--auth", "-"], "takes no value"),
            (&["token", "--method", "impersonation"], "--impersonate ID"),
            (&["token", "--method", "metadata", "--key-file", "key.json"], "takes no `--key-file`"),
            (&["token", "--auth", "-", "--key-file", "key.json"], "cannot be used with"),
            (&["revoke", "--impersonate", "aje"], "say which token"),
        ] {
            let error = parsed(words).err().unwrap();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(told), "{error}");
        }
        for words in [
            &["revoke", "--auth", "-"][..],
            &["revoke", "--key-file", "key.json"],
            &["whoami"],
            &["token", "--method", "impersonation", "--impersonate", "aje", "--key-file", "key.json"],
        ] {
            assert!(parsed(words).is_ok(), "{words:?}");
        }
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_repeated() {
        for words in [
            &["token", "AQVNfake-key-in-the-wrong-place"][..],
            &["token", "fake-key-of-no-known-shape-at-all"],
            &["t1.fake.token"],
            &["fake-key-of-no-known-shape-at-all"],
            &["token", "--method", "y0_fake"],
            &["token", "--key=fake-key-of-no-known-shape"],
            &["token", "--timeout", "fake-key-of-no-known-shape"],
            &["completions", "y0_fake"],
        ] {
            let Err(error) = parsed(words) else { panic!("{words:?} was accepted") };
            let shown = error.to_string();
            assert_eq!(error.exit_code(), 2, "{shown}");
            assert!(!shown.contains("fake"), "{words:?}: {shown}");
        }
        assert!(parsed(&["tokn"]).err().unwrap().to_string().contains("tokn"));
        assert!(parsed(&["token", "--profle", "x"]).err().unwrap().to_string().contains("--profle"));
    }

    #[test]
    fn tells_where_a_value_comes_from() {
        let auth = |text: &str| Auth::from(OsString::from(text));
        assert!(matches!(auth("-"), Auth::Stdin));
        assert!(matches!(auth("@key.txt"), Auth::File(path) if path.as_os_str() == "key.txt"));
        assert!(matches!(auth("fake"), Auth::Given(text) if *text == "fake"));
        assert!(matches!(auth(""), Auth::Given(_)));
    }
}
