//! A command that this process runs to its end (`emulator -- COMMAND`, `exec -- COMMAND`): the command has the terminal and
//! the signals, and its exit status is that of this process.

mod launcher;
mod starter;
mod witness;

use std::ffi::{OsStr, OsString};
use std::io;
use std::pin::pin;
use std::process::{Command, ExitCode, ExitStatus};

pub(crate) use self::starter::detached;
#[cfg(unix)]
use self::witness::Witness;
use crate::failure::Failure;
use crate::signals::Signals;

/// Acts as a helper of another process of this binary, where that process called this binary as one.
pub(crate) fn run_if_called_as_helper() -> Option<ExitCode> {
    launcher::run_if_called().or_else(witness::run_if_called).or_else(starter::run_if_called)
}

/// Both names: clients differ in which one they read.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Keeps the requests of a command to these hosts away from proxies, beside those of the environment.
pub(crate) fn add_to_no_proxy(command: &mut Command, hosts: &[&str]) {
    for name in NO_PROXY {
        let others = std::env::var(name).ok().filter(|others| !others.is_empty());
        let all = others.into_iter().chain([hosts.join(",")]).collect::<Vec<_>>();
        command.env(name, all.join(","));
    }
}

/// A command, and the subcommand that runs it.
#[derive(Clone, Copy)]
pub(crate) struct Program<'a> {
    /// The name of the subcommand, for errors.
    pub(crate) caller: &'static str,
    pub(crate) program: &'a OsStr,
    pub(crate) arguments: &'a [OsString],
}

impl<'a> Program<'a> {
    /// The command of a subcommand's last arguments; `None` without one.
    pub(crate) fn of(caller: &'static str, words: &'a [OsString]) -> Option<Self> {
        let [program, arguments @ ..] = words else { return None };
        Some(Self { caller, program, arguments })
    }

    /// Runs the command to its end, with the environment that `set` changes. On Linux the command ends at the latest with
    /// this process.
    pub(crate) async fn run(self, set: impl FnOnce(&mut Command), signals: Signals) -> Result<(), Failure> {
        let mut command = launcher::command(self.caller, self.program, self.arguments);
        set(command.as_std_mut());
        // Before the command, which can bring about a signal at once.
        #[cfg(unix)]
        let witness = Witness::start();
        #[cfg(not(unix))]
        let witness = ();
        let spawned = command.spawn();
        let mut child = spawned.map_err(|error| cannot_run(self.caller, self.program, &error))?;
        let mut forwarding = pin!(forward_all(signals, witness, child.id()));
        let mut end = pin!(child.wait());
        let ended = std::future::poll_fn(|context| {
            // Before the child's end, after which its id may belong to another process.
            let _ = forwarding.as_mut().poll(context);
            end.as_mut().poll(context)
        })
        .await;
        let ended = ended.map_err(|error| {
            Failure::Other(format!("{}: cannot wait for the command: {error}", self.caller))
        })?;
        match status(ended) {
            0 => Ok(()),
            status => Err(Failure::Program { status, reason: None }),
        }
    }

    /// Becomes the command, with the environment that `set` changes. Returns only if the command cannot run.
    #[cfg(unix)]
    pub(crate) fn replace_this_process(self, set: impl FnOnce(&mut Command)) -> Failure {
        let mut command = Command::new(self.program);
        command.args(self.arguments);
        set(&mut command);
        let error = std::os::unix::process::CommandExt::exec(&mut command);
        cannot_run(self.caller, self.program, &error)
    }
}

/// The failure of a command that could not start, with the exit status that a shell gives.
fn cannot_run(caller: &str, program: &OsStr, error: &io::Error) -> Failure {
    Failure::Program {
        status: if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 },
        reason: Some(format!("{caller}: cannot run {}: {error}", program.display())),
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
async fn forward_all(mut signals: Signals, mut witness: Witness, id: Option<u32>) {
    loop {
        let signal = signals.next().await;
        if !witness.has_seen(signal).await {
            forward(signal, id);
        }
    }
}

/// Windows sends Ctrl-C to all processes of a console.
#[cfg(not(unix))]
async fn forward_all(mut signals: Signals, (): (), _id: Option<u32>) {
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
