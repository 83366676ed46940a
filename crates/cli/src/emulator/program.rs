//! The command that runs while the emulator runs: it has the variables, the terminal and the signals.

use std::ffi::{OsStr, OsString};
use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::task::Poll;

use tokio::process::Command;

use super::variables::Variables;
use crate::failure::Failure;
use crate::signals::Signals;

/// Variables of the library that would choose other credentials than the emulator's, or contradict them.
const REMOVED: [&str; 11] = [
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "YC_API_KEY_FILE",
    "YC_AUTH_METHOD",
    "YC_IAM_TOKEN_FILE",
    "YC_OAUTH_TOKEN_FILE",
    "YC_OIDC_TOKEN",
    "YC_OIDC_TOKEN_FILE",
    "YC_SERVICE_ACCOUNT_ID",
    "YC_SERVICE_ACCOUNT_KEY_FILE",
    "YC_TOKEN",
];

/// Both names: clients differ in which one they read.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The command, with the variables of the emulator and without what would lead past the emulator.
fn command(program: &OsStr, arguments: &[OsString], variables: &Variables) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    for name in REMOVED {
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
    mut signals: Signals,
) -> Result<(), Failure> {
    let spawned = command(program, arguments, variables).spawn();
    let mut child = spawned.map_err(|error| Failure::Program {
        status: if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 },
        reason: Some(format!("emulator: cannot run {}: {error}", program.display())),
    })?;
    let id = child.id();
    let mut end = pin!(child.wait());
    let ended = std::future::poll_fn(|context| {
        // Before the child's end, after which its id may belong to another process.
        while let Poll::Ready(signal) = signals.poll_next(context) {
            forward(signal, id);
        }
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

/// The exit status of a command as a shell returns it: 128 and the number of the signal that ended the command.
fn status(ended: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&ended).map(|signal| 128 + signal);
    #[cfg(not(unix))]
    let signal = None;
    ended.code().or(signal).and_then(|status| u8::try_from(status).ok()).unwrap_or(1)
}

/// Sends a signal of this process to the command.
///
/// A terminal sends the signals of its keys to all processes in front of it, so the command has got them already. A
/// second one would be another request: many programs stop cleaning up at the second Ctrl-C.
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

/// Windows sends Ctrl-C to all processes of a console.
#[cfg(not(unix))]
fn forward(_signal: i32, _id: Option<u32>) {}
