//! The command that runs while the emulator runs: it has the variables, the terminal and the signals.

use std::ffi::{OsStr, OsString};
use std::io;
use std::pin::pin;
use std::process::ExitStatus;

use tokio::process::Command;

use super::launcher;
use super::variables::Variables;
#[cfg(unix)]
use super::witness::Witness;
use crate::arguments::CREDENTIAL_VARIABLES;
use crate::failure::Failure;
use crate::signals::Signals;

/// Both names: clients differ in which one they read.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The command, with the variables of the emulator and without what would lead past the emulator.
fn command(program: &OsStr, arguments: &[OsString], variables: &Variables) -> Command {
    let mut command = launcher::command(program, arguments);
    // They would choose other credentials than the emulator's, or contradict them.
    for (name, _) in CREDENTIAL_VARIABLES {
        command.env_remove(name);
    }
    for name in NO_PROXY {
        let others = std::env::var(name).ok().filter(|others| !others.is_empty());
        let hosts = others.into_iter().chain([variables.hosts().join(",")]).collect::<Vec<_>>();
        command.env(name, hosts.join(","));
    }
    command.envs(variables.pairs());
    command
}

/// Runs a command to its end. Its exit status is that of this process, as in a shell.
pub(super) async fn run(
    program: &OsStr,
    arguments: &[OsString],
    variables: &Variables,
    signals: Signals,
) -> Result<(), Failure> {
    let spawned = command(program, arguments, variables).spawn();
    let mut child = spawned.map_err(|error| cannot_run(program, &error))?;
    let mut forwarding = pin!(forward_all(signals, child.id()));
    let mut end = pin!(child.wait());
    let ended = std::future::poll_fn(|context| {
        // Before the child's end, after which its id may belong to another process.
        let _ = forwarding.as_mut().poll(context);
        end.as_mut().poll(context)
    })
    .await;
    let ended =
        ended.map_err(|error| Failure::Other(format!("emulator: cannot wait for the command: {error}")))?;
    match status(ended) {
        0 => Ok(()),
        status => Err(Failure::Program { status, reason: None }),
    }
}

/// The failure of a command that could not start, with the exit status that a shell gives.
pub(super) fn cannot_run(program: &OsStr, error: &io::Error) -> Failure {
    Failure::Program {
        status: if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 },
        reason: Some(format!("emulator: cannot run {}: {error}", program.display())),
    }
}

/// The exit status of a command as a shell returns it: 128 and the number of the signal that ended the command.
fn status(ended: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&ended).map(|signal| 128 + signal);
    #[cfg(not(unix))]
    let signal = None;
    ended.code().or(signal).and_then(|status| u8::try_from(status).ok()).unwrap_or(1)
}

/// Sends the signals of this process to the command, except those that the command gets without this process.
#[cfg(unix)]
async fn forward_all(mut signals: Signals, id: Option<u32>) {
    let mut witness = Witness::start();
    loop {
        let signal = signals.next().await;
        if !witness.has_seen(signal).await {
            forward(signal, id);
        }
    }
}

/// Windows sends Ctrl-C to all processes of a console.
#[cfg(not(unix))]
async fn forward_all(mut signals: Signals, _id: Option<u32>) {
    loop {
        signals.next().await;
    }
}

/// Sends a signal to the command.
///
/// A terminal sends the signals of its keys to all processes in front of it, so the command has got them already. The
/// terminal tells this also while no witness runs, for example just after the first Ctrl-C.
#[cfg(unix)]
fn forward(signal: i32, id: Option<u32>) {
    use rustix::process::{Pid, Signal, getpgid, getpgrp, kill_process};
    let id = id.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let (Some(id), Some(signal)) = (id, Signal::from_named_raw(signal)) else { return };
    let own = getpgrp();
    let in_front = || {
        let terminal = std::fs::File::open("/dev/tty").ok()?;
        rustix::termios::tcgetpgrp(terminal).ok()
    };
    let of_a_key = matches!(signal, Signal::INT | Signal::QUIT);
    if of_a_key && getpgid(Some(id)) == Ok(own) && in_front() == Some(own) {
        return;
    }
    // An error means that the command has just ended.
    let _ = kill_process(id, signal);
}
