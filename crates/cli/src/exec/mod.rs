//! `yc-auth exec`: a command with the token or key in its environment, and without other credentials.
//!
//! On Unix the command takes the place of this process, so signals, the terminal and the exit status are its own. Where a
//! password file has to be kept fresh, or where the command asks a metadata service, this process stays beside the command
//! (`password.rs`, `metadata.rs`).

mod cleaner;
mod metadata;
mod password;
mod password_file;
mod postgres;

use std::process::Command;

pub(crate) use self::cleaner::run_if_called as run_if_called_as_cleaner;
use crate::arguments::{CREDENTIAL_VARIABLES, ExecOptions};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::program::Program;
use crate::variables::{Variables, for_one_use};

/// What the error lines call this subcommand.
const NAME: &str = "exec";

/// Runs the command. Returns only if the command could not run, or has ended.
pub(crate) fn run(options: &ExecOptions, deadline: Deadline) -> Result<(), Failure> {
    let Some(program) = Program::of(NAME, &options.command) else {
        return Err(Failure::Other(format!("{NAME}: the command is missing")));
    };
    if options.postgres {
        return password::run(options, program, deadline);
    }
    if options.metadata {
        return metadata::run(options, program, deadline);
    }
    let newer = "the command gets no newer one";
    let variables = for_one_use(&options.auth, &options.variables, deadline, newer)?;
    become_command(program, |command| set_environment(command, &variables, options.keep))
}

/// Gives the command its variables, and takes out the other credentials: they would win over these, or reach a program
/// that does not need them.
fn set_environment(command: &mut Command, variables: &Variables, keep: bool) {
    if !keep {
        for (name, _) in CREDENTIAL_VARIABLES {
            command.env_remove(name);
        }
    }
    for variable in variables.all() {
        command.env(&variable.name, &*variable.value);
    }
}

#[cfg(unix)]
fn become_command(program: Program<'_>, set: impl FnOnce(&mut Command)) -> Result<(), Failure> {
    Err(program.replace_this_process(set))
}

/// A process of Windows cannot become another one.
#[cfg(not(unix))]
fn become_command(program: Program<'_>, set: impl FnOnce(&mut Command)) -> Result<(), Failure> {
    use yandex_cloud_auth::sdk_internals::new_runtime;
    let runtime = new_runtime().map_err(|error| Failure::Other(format!("{NAME}: cannot start: {error}")))?;
    runtime.block_on(async { program.run(set, crate::signals::Signals::listen()).await })
}
