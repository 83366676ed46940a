//! `yc-auth`: prints a Yandex Cloud token or header, explains its origin, and demonstrates every method.
//!
//! Scripts depend on the output and the exit status: standard output carries only the result, and `failure.rs`
//! maps failures to statuses. A subcommand starts nothing that it does not need.

mod arguments;
mod atomic_file;
mod cache;
mod color;
mod completions;
mod credential;
mod credentials;
mod deadline;
mod demo;
mod doctor;
mod emulator;
mod env;
mod exec;
mod failure;
mod flag_errors;
mod header;
mod headers;
mod hook;
mod hosts;
mod input;
mod log;
mod manual;
mod memory;
mod output;
mod program;
#[cfg(unix)]
mod prompt;
mod quoting;
mod revoke;
mod serve;
mod setup;
mod shared_cache;
mod signals;
mod status_line;
mod subprocesses;
mod token;
mod tool;
mod unused;
mod variables;
mod whoami;

use std::io::{stderr, stdout};
use std::process::ExitCode;

use arguments::Command;
use deadline::Deadline;
use failure::{Failure, FailureOutput};

fn main() -> ExitCode {
    memory::protect();
    // First, so that `--timeout` covers everything that follows.
    let deadline = Deadline::unbounded();
    if let Some(status) = program::run_if_called_as_helper().or_else(exec::run_if_called_as_cleaner) {
        return status;
    }
    if let Some(status) = demo::fake_yc::run_if_called_as_yc() {
        return status;
    }
    let command = match arguments::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(usage) => return failure::usage(&usage),
    };
    match run(&command, deadline) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.print(&mut stderr().lock()),
    }
}

fn run(command: &Command, deadline: Deadline) -> Result<(), Failure> {
    let warnings = matches!(command, Command::Doctor(_)).then(log::Warnings::default);
    let level = std::env::var_os(log::VARIABLE).filter(|level| !level.is_empty());
    // A process that stays tells what happens.
    let stays = matches!(command, Command::Serve(_));
    log::start(level.as_deref(), stays, warnings.clone(), &mut stderr().lock());
    let out = &mut stdout().lock();
    let result = match command {
        Command::Token(options) => token::run(options, deadline, out),
        Command::Header(options) => header::run(options, deadline, out),
        Command::Doctor(options) => doctor::run(options, deadline, &warnings.unwrap_or_default(), out),
        Command::Whoami(options) => whoami::run(options, deadline, out),
        Command::Exec(options) => exec::run(options, deadline),
        Command::Env(options) => env::run(options, deadline, out),
        Command::Revoke(options) => revoke::run(options, deadline, out),
        Command::Credential(options) => credential::run(options, deadline, out),
        Command::Headers(options) => headers::run(options, deadline, out),
        Command::Setup(options) => setup::run(options, deadline, out),
        Command::Serve(options) => serve::run(options, deadline, out),
        Command::Cache(options) => cache::run(options, out),
        Command::Demo => demo::run(out),
        Command::Emulator(options) => emulator::run(options, out),
        Command::Completions { shell } => completions::run(*shell, out),
        Command::Man => manual::run(out),
    };
    if command.prints_json()
        && let Some(failure) = result.as_ref().err().and_then(FailureOutput::of)
    {
        output::json(out, &failure)?;
    }
    result
}
