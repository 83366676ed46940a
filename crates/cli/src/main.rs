//! `yc-auth`: print a Yandex Cloud token or header, explain where it came from, and show it all working.
//!
//! Scripts depend on what is printed where and on the exit status: standard output carries the answer alone,
//! `failure.rs` says what becomes of failures. Nothing that a subcommand does not need is started for it.

mod arguments;
mod children;
mod completions;
mod credentials;
mod demo;
mod doctor;
mod emulator;
mod failure;
mod header;
mod input;
mod log;
mod manual;
mod output;
mod paint;
mod revoke;
mod token;
mod whoami;

use std::io::{stderr, stdout};
use std::process::ExitCode;

use arguments::Command;
use credentials::Deadline;
use failure::Failure;

fn main() -> ExitCode {
    let deadline = Deadline::unbounded();
    if let Some(status) = demo::fake_yc::run_if_called() {
        return status;
    }
    let command = match arguments::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(usage) => return failure::usage(&usage),
    };
    match run(&command, deadline) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(&mut stderr().lock()),
    }
}

fn run(command: &Command, deadline: Deadline) -> Result<(), Failure> {
    let notes = matches!(command, Command::Doctor(_)).then(log::Notes::default);
    log::start(std::env::var_os(log::VARIABLE).as_deref(), notes.clone(), &mut stderr().lock());
    let out = &mut stdout().lock();
    match command {
        Command::Token(asked) => token::run(asked, deadline, out),
        Command::Header(asked) => header::run(asked, deadline, out),
        Command::Doctor(asked) => doctor::run(asked, deadline, &notes.unwrap_or_default(), out),
        Command::Whoami(asked) => whoami::run(asked, deadline, out),
        Command::Revoke(asked) => revoke::run(asked, deadline, out),
        Command::Demo => demo::run(out),
        Command::Emulator(options) => emulator::run(options, out),
        Command::Completions { shell } => completions::run(*shell, out),
        Command::Man => manual::run(out),
    }
}
