//! Real child processes: each leads its own process group, which is killed when the caller stops waiting.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::process::Stdio;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::super::bounded::Bounded;
use super::group::Group;
use super::{BoxFuture, Command, CommandOutput, Processes};

/// How often to check whether a program has ended while a background process still holds its output open.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// How long the output may stay open after the program has ended.
const OUTPUT_GRACE: Duration = Duration::from_millis(100);

/// Real programs.
///
/// A run ends when the program ends. If the program leaves a background process that holds its output open, the process
/// group has 100 ms more and is then killed. Background processes that closed the output are left running.
///
/// Needs a tokio runtime with time and I/O.
///
/// ```no_run
/// use yandex_cloud_auth::system::{Command, Processes, SystemProcesses};
/// # async fn example() -> std::io::Result<()> {
/// let output = SystemProcesses.run(Command::new("/usr/bin/yc", ["version"])).await?;
/// assert_eq!(output.code(), Some(0));
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
/// Dropping the future kills the program and all processes that it started and that stayed in its group. On other
/// platforms than Unix, only the program itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemProcesses;

impl Processes for SystemProcesses {
    fn run(&self, command: Command) -> BoxFuture<'_, io::Result<CommandOutput>> {
        Box::pin(run(command))
    }
}

async fn run(command: Command) -> io::Result<CommandOutput> {
    if !command.program.is_absolute() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a program must be given by its full path"));
    }
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(io::Error::other("a program needs a tokio runtime to run on"));
    }
    let mut prepared = tokio::process::Command::new(&command.program);
    prepared
        .args(&command.arguments)
        .env_clear()
        .envs(command.environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    prepared.process_group(0);
    // `group` is declared after `child`, so it is dropped first: the group must be killed before the child is reaped.
    let mut child = prepared.spawn()?;
    let mut group = Group::of(&child);

    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut received = (Bounded::new(command.max_output), Bounded::new(command.max_output));
    {
        let mut outputs = pin!(both(drain(stdout, &mut received.0), drain(stderr, &mut received.1)));
        while timeout(CHECK_INTERVAL, outputs.as_mut()).await.is_err() {
            if group.leader_has_ended(&mut child) {
                if timeout(OUTPUT_GRACE, outputs.as_mut()).await.is_err() {
                    group.kill();
                }
                break;
            }
        }
    }
    let status = child.wait().await;
    group.release();
    let [stdout, stderr] = [received.0, received.1].map(|bytes| std::mem::take(&mut *bytes.into_bytes()));
    match status {
        Ok(status) => Ok(CommandOutput::new(status.code(), stdout, stderr)),
        // This process ignores SIGCHLD, as its parent did, or other code in it has reaped the child. The output counts.
        #[cfg(unix)]
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::CHILD.raw_os_error()) => {
            Ok(CommandOutput::of_unknown_status(stdout, stderr))
        }
        Err(error) => Err(error),
    }
}

/// Reads to the end. Also reads what does not fit: a program that writes to a closed pipe may die from the signal.
async fn drain(output: Option<impl AsyncRead + Unpin>, received: &mut Bounded) {
    let Some(mut output) = output else { return };
    let mut chunk = Zeroizing::new(vec![0; 8 << 10]);
    while let Ok(length @ 1..) = output.read(&mut chunk).await {
        received.push(&chunk[..length]);
    }
}

async fn both(first: impl Future<Output = ()>, second: impl Future<Output = ()>) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let mut done = (false, false);
    poll_fn(|context| {
        done.0 = done.0 || first.as_mut().poll(context).is_ready();
        done.1 = done.1 || second.as_mut().poll(context).is_ready();
        if done.0 && done.1 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
