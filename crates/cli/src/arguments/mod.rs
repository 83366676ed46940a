//! The command line: what the parser accepts, and what help, completions and the man page say about it.
//!
//! Parsing reads nothing but the arguments. `mask.rs` hides what could be a secret in a parser error.

mod auth_options;
mod auth_value;
mod cache_options;
mod called_as;
mod doctor_options;
mod emulator_options;
mod env_options;
mod exec_options;
mod hook_options;
mod mask;
mod method_name;
mod reference;
mod seconds;
mod serve_options;
mod setup_options;
mod token_options;
mod variable_options;
mod whoami_options;

use std::ffi::OsString;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use auth_options::{AuthOptions, Format, ResultOptions};
pub(crate) use auth_value::AuthValue;
pub(crate) use cache_options::{CacheAction, CacheOptions};
pub(crate) use doctor_options::DoctorOptions;
pub(crate) use emulator_options::EmulatorOptions;
pub(crate) use env_options::{EnvFormat, EnvOptions};
pub(crate) use exec_options::ExecOptions;
pub(crate) use hook_options::{
    AwsOptions, CredentialOptions, CredentialTool, DockerOperation, DockerOptions, GitOptions,
    HeadersOptions, HookOptions, HttpOptions, KeyringOptions,
};
pub(crate) use method_name::MethodName;
use reference::SECRETS_ARE_VISIBLE;
pub(crate) use reference::{ADDRESS_VARIABLES, CREDENTIAL_VARIABLES, EXIT_STATUS, variables};
pub(crate) use serve_options::{FileFormat, ServeOptions};
pub(crate) use setup_options::{SetupOptions, Tool};
pub(crate) use token_options::TokenOptions;
pub(crate) use variable_options::{VariableKind, VariableOptions};
pub(crate) use whoami_options::WhoamiOptions;

#[derive(Parser)]
#[command(
    name = "yc-auth",
    version,
    about = "Print a Yandex Cloud token or header, explain its origin, and demonstrate every method",
    after_help = reference::after_help(false),
    after_long_help = reference::after_help(true),
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// A subcommand with its options.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print the token or the API key alone
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Token(TokenOptions),
    /// Print the header: `Authorization: Bearer …`; print nothing for `none`
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Header(ResultOptions),
    /// Explain which method is selected and why, and make one header; secrets are masked
    ///
    /// Lists every source in order with its result, then makes the header. Sends one token request if the method needs
    /// one, and calls no other service: a key or a token that you give is not checked with a server, unless you give
    /// `--check`. The exit status is that of `token`. A terminal shows meanwhile what the command waits for.
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Doctor(DoctorOptions),
    /// Show the identity of the credentials: subject, folder, expiry; never the token
    ///
    /// A token is opaque, so the method supplies these facts: from the key file, the configuration, the metadata
    /// service or yc. The command fetches a token to learn its expiry. `--ask` asks a server for the subject.
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Whoami(WhoamiOptions),
    /// Run a command that has the token or key in a variable
    ///
    /// The command gets `YC_IAM_TOKEN` or `YC_API_KEY`, and `YC_FOLDER_ID` if the folder is known, and takes the place of this
    /// process. It has the other variables of the shell, without those that hold or choose other credentials. The
    /// exit status is that of the command: 127 if the command does not exist, 126 if it cannot run.
    ///
    /// With `--postgres` this process stays, keeps the password file fresh, forwards signals to the command, and removes
    /// the file when the command has ended.
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Exec(ExecOptions),
    /// Print the variables with the token or key, for a shell or a file
    ///
    /// For sh: `eval "$(yc-auth env)"`; for fish: `yc-auth env --format fish | source`; in PowerShell:
    /// `yc-auth env --format powershell | Out-String | Invoke-Expression`; in a step of GitHub Actions:
    /// `yc-auth env --format github >> "$GITHUB_ENV"`. The variables do not change when the token expires: run the
    /// command again, with the same `--method`, `--key-file` or `--auth`.
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Env(EnvOptions),
    /// Revoke an IAM token: Yandex Cloud rejects it from then on
    ///
    /// For an IAM token (`t1.…`) that has leaked, give the token itself: `--auth -`. Only an IAM token that is given
    /// this way is revoked itself. For an OAuth token, an authorized key or workload identity, the command revokes the
    /// IAM token that the processes of this machine share (`yc-auth cache list`), else a new one: the OAuth token, the
    /// key and other IAM tokens of the account stay valid. `--method metadata` or `yandex-cloud-cli` revokes the token that the service or yc returns. One of
    /// `--auth`, `--method` and `--key-file` is required: automatic selection never revokes a token. Other programs
    /// that use the revoked token, for example on the same virtual machine, are rejected from then on and have to fetch
    /// another one.
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Revoke(ResultOptions),
    /// Give a tool the credentials that it asks a command for: docker, kubectl, aws, uv, Bazel, git, pip
    ///
    /// Standard output has the answer in the protocol of the tool, and nothing else. Each hook answers only for the hosts
    /// of its tool, and for those of `--host`. A hook has 4 s, or those of `--timeout`.
    Credential(CredentialOptions),
    /// Print the headers for an MCP server or an API, as a JSON object
    ///
    /// For clients that run a command for headers, such as Claude Code (`headersHelper`) and Codex
    /// (`http_headers_helper`). Answers for the hosts of Yandex Cloud's API, `*.mcp.cloud.yandex.net` and
    /// `storage.yandexcloud.net`, over https, and for those of `--host`.
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Headers(HeadersOptions),
    /// Set up a tool to take its tokens from this command
    ///
    /// Prints what it would write and where; `--write` writes, `--undo` takes out what was written. The tool then runs
    /// this program by its absolute path. The choice of credentials goes with it as arguments: that of the options, else
    /// the one that automatic selection makes now. Never the value of a secret: `setup` refuses if only a variable holds
    /// the secret. Comments, order and other entries of the files stay.
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Setup(SetupOptions),
    /// Serve fresh tokens to tools that take an address, a static key, an OAuth client or a file
    ///
    /// Runs until Ctrl-C or SIGTERM, then answers the requests that it has and exits with 0. Each of `--metadata`,
    /// `--oauth`, `--gateway`, `--sds`, `--token-file`, `--kubernetes-secret`, `--admin` and `--probes` starts a listener for the
    /// identity of the options. `--config` names a file with several identities instead; SIGHUP reads it again, all of it or
    /// nothing.
    ///
    /// The metadata service has no key: it listens on loopback alone, and asks the system whose process is at the other
    /// end. Standard error has the log: `YC_AUTH_LOG` sets its level, `info` by default.
    #[command(after_help = SECRETS_ARE_VISIBLE)]
    Serve(Box<ServeOptions>),
    /// List or clear the tokens that the processes of this machine share
    ///
    /// A token is sealed: only the credentials that made it open it. A command with the same credentials takes the token
    /// from here instead of asking for another one.
    Cache(CacheOptions),
    /// Demonstrate every method end to end against an emulator inside this program
    ///
    /// Uses each method and automatic selection for a chat completion and a streamed one, renews a stale token, and
    /// survives an outage of IAM. Connects to this machine only and ignores your configuration. Takes a few seconds;
    /// exits with 1 if a check fails.
    Demo,
    /// Run an emulator of Yandex Cloud on this machine: IAM, metadata, endpoint discovery, AI Studio
    ///
    /// Runs until Ctrl-C, and prints the variables that point a program at the emulator. Exported variables outlive the
    /// emulator: unset them or close the shell afterwards.
    ///
    /// `yc-auth emulator -- COMMAND` runs a command with these variables, and ends with the command and with its exit
    /// status: 128 and the number of a signal that ended it, 127 if the command does not exist, 126 if it cannot run.
    /// SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 go to the command; a signal to the whole process group
    /// reaches the command once. On Linux the command ends also if SIGKILL ends the emulator.
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

impl Command {
    /// The options of authentication, for the subcommands that authenticate.
    pub(crate) fn auth_options(&self) -> Option<&AuthOptions> {
        match self {
            Self::Exec(options) => Some(&options.auth),
            Self::Env(options) => Some(&options.auth),
            Self::Credential(options) => Some(&options.tool.hook().auth),
            Self::Headers(options) => Some(&options.hook.auth),
            Self::Setup(options) => Some(&options.auth),
            Self::Serve(options) => Some(&options.auth),
            _ => self.result_options().map(|options| &options.auth),
        }
    }

    /// The options of the subcommands that print one result, as text or JSON.
    fn result_options(&self) -> Option<&ResultOptions> {
        match self {
            Self::Token(options) => Some(&options.result),
            Self::Header(options) | Self::Revoke(options) => Some(options),
            Self::Doctor(options) => Some(&options.result),
            Self::Whoami(options) => Some(&options.result),
            _ => None,
        }
    }

    /// Whether a failure is a result too, in JSON.
    pub(crate) fn prints_json(&self) -> bool {
        self.result_options().is_some_and(|options| options.format == Format::Json)
    }

    /// Why the options conflict; `None` where they do not.
    fn conflict(&self, ends_with_dashes: bool) -> Option<String> {
        match self {
            Self::Emulator(options) => options.conflict(ends_with_dashes),
            Self::Credential(options) => options.tool.hook().conflict(),
            Self::Headers(options) => options.hook.conflict(),
            Self::Exec(options) => options.auth.conflict(false).or_else(|| options.conflict()),
            Self::Setup(options) => options.auth.conflict(false).or_else(|| options.conflict()),
            Self::Serve(options) => options.auth.conflict(false).or_else(|| options.conflict()),
            _ => self.auth_options().and_then(|options| options.conflict(matches!(self, Self::Revoke(_)))),
        }
    }
}

/// Parses a command line.
///
/// # Errors
/// The parser's error, with everything masked that could be a secret. Help and version are such "errors" too.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let arguments = called_as::own_name(arguments.into_iter().collect());
    let ends_with_dashes = arguments.last().is_some_and(|last| last == "--");
    if let Some(command) = parse_frequent(&arguments)
        && command.conflict(ends_with_dashes).is_none()
    {
        return Ok(command);
    }
    let mut definitions = definitions();
    let matches = definitions.try_get_matches_from_mut(arguments).map_err(mask::masked)?;
    let command = Arguments::from_arg_matches(&matches).map_err(mask::masked)?.command;
    if let Some(reason) = command.conflict(ends_with_dashes) {
        // An error of the subcommand shows the usage of the subcommand.
        let (mut subcommand, mut words) = (&definitions, &matches);
        while let Some((name, rest)) = words.subcommand()
            && let Some(found) = subcommand.find_subcommand(name)
        {
            (subcommand, words) = (found, rest);
        }
        return Err(subcommand.clone().error(clap::error::ErrorKind::ArgumentConflict, reason));
    }
    Ok(command)
}

/// Parses a valid command line of a subcommand that tools run again and again. The definitions of all subcommands, with
/// their help, take longer than all else that such a run does. `None` for every other command line: errors and help come
/// from the whole definitions.
fn parse_frequent(arguments: &[OsString]) -> Option<Command> {
    let name = arguments.get(1)?.to_str()?;
    let (name, add_arguments) = FREQUENT.into_iter().find(|(frequent, _)| *frequent == name)?;
    let definitions = clap::Command::new("yc-auth").subcommand(add_arguments(clap::Command::new(name)));
    let matches = definitions.disable_help_subcommand(true).try_get_matches_from(arguments).ok()?;
    Some(Arguments::from_arg_matches(&matches).ok()?.command)
}

/// Adds the arguments of a subcommand to its definition.
type AddArguments = fn(clap::Command) -> clap::Command;

/// The subcommands that tools run again and again, and what defines their arguments.
const FREQUENT: [(&str, AddArguments); 6] = [
    ("token", TokenOptions::augment_args),
    ("header", ResultOptions::augment_args),
    ("exec", ExecOptions::augment_args),
    ("env", EnvOptions::augment_args),
    ("credential", CredentialOptions::augment_args),
    ("headers", HeadersOptions::augment_args),
];

/// The definitions from which help, completions and man page are made.
pub(crate) fn definitions() -> clap::Command {
    Arguments::command()
}

/// The definitions of the options of authentication alone.
pub(crate) fn auth_options() -> clap::Command {
    AuthOptions::augment_args(clap::Command::new(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Command, clap::Error> {
        parse(["yc-auth"].iter().chain(words).map(OsString::from))
    }

    #[test]
    fn the_definitions_are_consistent() {
        definitions().debug_assert();
    }

    #[test]
    fn a_frequent_subcommand_has_the_same_arguments_in_both_definitions() {
        let whole = definitions();
        for (name, add_arguments) in FREQUENT {
            let ids = |command: &clap::Command| {
                command.get_arguments().map(|argument| argument.get_id().to_string()).collect::<Vec<_>>()
            };
            let alone = add_arguments(clap::Command::new(name));
            assert_eq!(ids(&alone), ids(whole.find_subcommand(name).unwrap()), "{name}");
        }
        let frequent = |words: &[&str]| {
            parse_frequent(&["yc-auth"].iter().chain(words).map(OsString::from).collect::<Vec<_>>())
        };
        assert!(matches!(frequent(&["token", "--method", "metadata"]), Some(Command::Token(_))));
        for words in
            [&["token", "--help"][..], &["token", "--no-such-flag"], &["tokens"], &["--help"], &["doctor"]]
        {
            assert!(frequent(words).is_none(), "{words:?}");
        }
    }

    #[test]
    fn conflicting_options_are_rejected_with_a_reason() {
        for (words, reason) in [
            (&["revoke"][..], "name the token to revoke"),
            (&["token", "--method", "metadata", "--auth", "-"], "takes no value"),
            (&["token", "--method", "impersonation"], "--impersonate ID"),
            (&["token", "--method", "metadata", "--key-file", "key.json"], "takes no `--key-file`"),
            (&["revoke", "--impersonate", "aje"], "name the token to revoke"),
            (&["exec", "--postgres", "--var", "PGUSER=subject-id", "--", "psql"], "leave out `--var PGUSER`"),
            (&["emulator", "--tls", "--ca-file", "ca.pem", "--"], "the command after `--` is missing"),
        ] {
            let error = parsed(words).err().unwrap();
            assert_eq!(error.exit_code(), 2);
            let usage = format!("Usage: yc-auth {} [OPTIONS]", words[0]);
            let text = error.to_string();
            assert!(text.contains(reason) && text.contains(&usage), "{text}");
        }
        let error = parsed(&["token", "--auth", "-", "--key-file", "key.json"]).err().unwrap();
        assert!(error.to_string().contains("cannot be used with"), "{error}");
        for words in [
            &["revoke", "--auth", "-"][..],
            &["revoke", "--key-file", "key.json"],
            &["whoami"],
            &["exec", "--var", "PGUSER=subject-id", "--", "psql"],
            &["exec", "--postgres", "--var", "A=token", "--", "psql"],
            &["token", "--method", "impersonation", "--impersonate", "aje", "--key-file", "key.json"],
        ] {
            assert!(parsed(words).is_ok(), "{words:?}");
        }
    }

    #[test]
    fn an_error_never_repeats_a_secret_that_is_in_the_wrong_place() {
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
}
