//! The options of `exec`.

use std::ffi::OsString;

use clap::Args;

use super::{AuthOptions, VariableOptions};

/// Which credentials and variables a command gets.
#[derive(Args)]
pub(crate) struct ExecOptions {
    #[command(flatten)]
    pub(crate) auth: AuthOptions,

    #[command(flatten)]
    pub(crate) variables: VariableOptions,

    /// Run a metadata service for the command, for clients that ask one; the service ends with the command
    ///
    /// The command gets `YC_METADATA_ADDR` and the variables that Google's clients read, and no token in a variable.
    #[arg(long, conflicts_with_all = ["postgres", "openai", "terraform", "var"])]
    pub(crate) metadata: bool,

    /// Also keep a password file for PostgreSQL (`PGPASSFILE`) fresh while the command runs
    ///
    /// The file is for the hosts of `--host` or `PGHOST` alone, and gone after the command. `PGUSER` is set to the id of the
    /// subject if it is known, `PGSSLMODE` to verify-full; a weaker `PGSSLMODE` is an error. `PGPASSWORD` is taken out.
    #[arg(long)]
    pub(crate) postgres: bool,

    /// The host that gets the token as a password; several hosts with commas; default: `PGHOST`
    #[arg(long, value_name = "HOST", requires = "postgres")]
    pub(crate) host: Option<String>,

    /// Ask the authorization server for the subject, if `PGUSER` is not set and the method does not know it
    #[arg(long, requires = "postgres")]
    pub(crate) ask: bool,

    /// Leave the variables with other credentials in the environment
    #[arg(long)]
    pub(crate) keep: bool,

    /// The command with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// The variables that belong to `--postgres`.
const OF_POSTGRES: [&str; 5] = ["PGHOST", "PGPASSFILE", "PGPASSWORD", "PGSSLMODE", "PGUSER"];

impl ExecOptions {
    /// Why these options are invalid together, where the parser cannot know.
    pub(super) fn conflict(&self) -> Option<String> {
        let names = self.variables.var.iter().map(|variable| variable.name.as_str());
        let taken = names.into_iter().find(|name| self.postgres && OF_POSTGRES.contains(name))?;
        Some(format!(
            "`--postgres` sets {taken} itself: leave out `--var {taken}`; the environment can name host and user"
        ))
    }
}
