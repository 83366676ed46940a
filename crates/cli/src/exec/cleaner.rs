//! A process that removes the password file where this process could not: after SIGKILL, or without memory.
//!
//! The cleaner is this binary again. It reads a pipe that gets no data and closes with this process, however this process
//! ends. Its process group is its own, so a signal to the group of the command does not end it.

use std::process::ExitCode;

/// The cleaner's name in `argv[0]`, under which nobody else calls this binary.
#[cfg(unix)]
const NAME: &str = "yc-auth: cleaner of a password file";

/// The end of the pipe. As long as this value lives, the cleaner waits.
pub(super) struct Cleaner {
    #[cfg(unix)]
    _pipe: Option<std::process::ChildStdin>,
}

impl Cleaner {
    /// Starts the cleaner for a folder. Without one, only a killed process leaves its folder behind.
    #[cfg(unix)]
    pub(super) fn start(folder: &std::path::Path) -> Self {
        use std::os::unix::process::CommandExt;
        use std::process::{Command, Stdio};
        let start = || -> std::io::Result<_> {
            let mut command = Command::new(std::env::current_exe()?);
            command
                .arg0(NAME)
                .arg(std::path::absolute(folder)?)
                .env_clear()
                .current_dir("/")
                .process_group(0);
            let mut child =
                command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
            Ok(child.stdin.take())
        };
        Self { _pipe: start().ok().flatten() }
    }

    /// Only Unix knows `argv[0]` beside the program.
    #[cfg(not(unix))]
    pub(super) fn start(_folder: &std::path::Path) -> Self {
        Self {}
    }
}

/// Waits for the end of the other process, where [`Cleaner::start`] called this binary.
#[cfg(unix)]
pub(crate) fn run_if_called() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    arguments.next().filter(|name| name == NAME)?;
    let folder = arguments.next()?;
    let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
    // It is gone already, unless the other process was killed.
    let _ = std::fs::remove_dir_all(folder);
    Some(ExitCode::SUCCESS)
}

/// Only Unix has a cleaner.
#[cfg(not(unix))]
pub(crate) fn run_if_called() -> Option<ExitCode> {
    None
}
