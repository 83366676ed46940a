//! This binary in front of the command: the kernel then ends the command with this process, also after SIGKILL.
//!
//! The launcher asks the kernel for a signal at the end of its parent, and becomes the command by `exec`, which keeps
//! the request. Only Linux has such a request, so the launcher runs on Linux alone.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use tokio::process::Command;

/// The launcher's name in `argv[0]`, under which nobody else calls this binary.
#[cfg(target_os = "linux")]
const NAME: &str = "yc-auth: launcher of a command";

/// The file of this program, also after an update has replaced the file.
#[cfg(target_os = "linux")]
pub(super) const OWN_FILE: &str = "/proc/self/exe";

/// The command, which ends at the latest with this process. `caller` is the subcommand, for an error.
#[cfg(target_os = "linux")]
pub(super) fn command(caller: &str, program: &OsStr, arguments: &[OsString]) -> Command {
    // A container without `/proc`.
    if !std::path::Path::new(OWN_FILE).exists() {
        return direct(program, arguments);
    }
    let mut command = direct(OsStr::new(OWN_FILE), &[]);
    command.arg0(NAME).arg(std::process::id().to_string()).arg(caller).arg(program).args(arguments);
    command
}

/// The command.
#[cfg(not(target_os = "linux"))]
pub(super) fn command(_caller: &str, program: &OsStr, arguments: &[OsString]) -> Command {
    direct(program, arguments)
}

fn direct(program: &OsStr, arguments: &[OsString]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Becomes the command, where [`command`] called this binary. Returns only if the command cannot run.
#[cfg(target_os = "linux")]
pub(super) fn run_if_called() -> Option<ExitCode> {
    use std::os::unix::process::CommandExt;

    use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

    let mut arguments = std::env::args_os();
    arguments.next().filter(|name| name == NAME)?;
    let parent = arguments.next()?.to_str()?.parse().ok().and_then(Pid::from_raw)?;
    let caller = arguments.next()?;
    let program = arguments.next()?;
    // A kernel that knows no such request runs the command all the same.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    // The parent may have ended before the request.
    if getppid() != Some(parent) {
        return Some(ExitCode::FAILURE);
    }
    let error = std::process::Command::new(&program).args(arguments).exec();
    Some(super::cannot_run(&caller.to_string_lossy(), &program, &error).print(&mut std::io::stderr().lock()))
}

/// Only Linux has a launcher.
#[cfg(not(target_os = "linux"))]
pub(super) fn run_if_called() -> Option<ExitCode> {
    None
}
