//! This binary between this process and a process that outlives it. The starter ends at once, so the long-lived process is
//! no child of this one: a command that takes the place of this process (`exec`) has no child that it did not start.

use std::process::{Command, ExitCode};

/// The starter's name in `argv[0]`, under which nobody else calls this binary.
#[cfg(unix)]
const NAME: &str = "yc-auth: starter of a renewal";

/// This binary, to be run apart from this process, with the arguments and the outputs that the caller adds. The process
/// that is spawned ends at once: wait for it.
pub(crate) fn detached() -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        // A group of its own: Ctrl-C in the terminal is not meant for it.
        command.arg0(NAME).process_group(0);
    }
    Ok(command)
}

/// Starts the other process, where [`detached`] called this binary.
#[cfg(unix)]
pub(super) fn run_if_called() -> Option<ExitCode> {
    use std::os::unix::process::CommandExt;
    let mut arguments = std::env::args_os();
    arguments.next().filter(|name| name == NAME)?;
    // The other process has the standard input and outputs of this one.
    let program = std::env::current_exe().ok()?;
    let started = Command::new(program).arg0("yc-auth").args(arguments).spawn();
    Some(started.map_or(ExitCode::FAILURE, |_| ExitCode::SUCCESS))
}

/// Windows knows no `argv[0]` beside the program, and no process takes the place of another one.
#[cfg(not(unix))]
pub(super) fn run_if_called() -> Option<ExitCode> {
    None
}
