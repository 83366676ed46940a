//! The options of `env`.

use clap::{Args, ValueEnum};

use super::{AuthOptions, VariableOptions};

/// Which variables to print, and for whom.
#[derive(Args)]
pub(crate) struct EnvOptions {
    #[command(flatten)]
    pub(crate) auth: AuthOptions,

    #[command(flatten)]
    pub(crate) variables: VariableOptions,

    /// The shell that runs the output, or the file that gets it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = EnvFormat::Sh)]
    pub(crate) format: EnvFormat,

    /// Leave the variables of the shell that programs would take instead of the printed ones
    #[arg(long)]
    pub(crate) keep: bool,
}

/// The language of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvFormat {
    /// A POSIX shell: bash, zsh, dash
    Sh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
    /// A file of `NAME=value` lines, as dotenv and Docker Compose read it
    Dotenv,
    /// One JSON object
    Json,
    /// The file in `GITHUB_ENV`; the masks for the log of the job go to standard error
    Github,
}
