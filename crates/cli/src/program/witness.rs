//! Whether a signal of this process went to its whole process group. The command in the same group has got such a signal
//! already, and a second one would be another request: many programs stop cleaning up at the second Ctrl-C.
//!
//! The kernel does not say to whom a signal was sent. So another process of the group, the witness, waits for nothing but
//! its own end: this binary again, which reads a pipe of this process. A signal to the group ends the witness.

use std::io::{self, Read};
use std::process::ExitCode;
#[cfg(unix)]
use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

#[cfg(unix)]
use tokio::process::{Child, ChildStdin, Command};

/// The witness's name in `argv[0]`, under which nobody else calls this binary.
const NAME: &str = "yc-auth: witness of signals";

/// The longest time from a signal to the end of the witness, on a busy machine.
#[cfg(unix)]
const MAX_DELAY: Duration = Duration::from_millis(500);

/// Waits for the end of the other process, where that process called this binary as its witness.
pub(super) fn run_if_called() -> Option<ExitCode> {
    std::env::args_os().next().filter(|name| name == NAME)?;
    // The pipe gets no data, and closes with the other process.
    let _ = io::stdin().read(&mut [0]);
    Some(ExitCode::SUCCESS)
}

/// The witness of one command.
#[cfg(unix)]
pub(super) struct Witness {
    /// `None` where the witness cannot run. Then every signal counts as sent to this process alone.
    process: Option<(Child, ChildStdin)>,
    /// A signal that has ended the witness, while this process has not looked at the signal yet.
    seen: Option<i32>,
}

#[cfg(unix)]
impl Witness {
    /// Starts the witness. Signals must be listened to already: what this process ignores, its child ignores.
    pub(super) fn start() -> Self {
        Self { process: start().ok(), seen: None }
    }

    /// Whether the process group got this signal, which this process has just got.
    pub(super) async fn has_seen(&mut self, signal: i32) -> bool {
        if self.seen.take_if(|seen| *seen == signal).is_some() {
            return true;
        }
        let Some((child, _pipe)) = &mut self.process else { return false };
        let Ok(Ok(ended)) = tokio::time::timeout(MAX_DELAY, child.wait()).await else { return false };
        self.process = start().ok();
        // Of several signals at once, any can be the one that ends the witness.
        let by = ended_by(ended);
        self.seen = by.filter(|by| *by != signal);
        by.is_some()
    }
}

/// The signal that ended the witness. SIGKILL says nothing: this process is still there.
#[cfg(unix)]
fn ended_by(ended: ExitStatus) -> Option<i32> {
    let signal = std::os::unix::process::ExitStatusExt::signal(&ended)?;
    (signal != rustix::process::Signal::KILL.as_raw()).then_some(signal)
}

#[cfg(unix)]
fn start() -> io::Result<(Child, ChildStdin)> {
    #[cfg(target_os = "linux")]
    let own_file = super::launcher::OWN_FILE;
    #[cfg(not(target_os = "linux"))]
    let own_file = std::env::current_exe()?;
    let mut command = Command::new(own_file);
    command.arg0(NAME).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    // Apart from the child, because waiting for the child would close the pipe.
    let pipe = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    Ok((child, pipe))
}
