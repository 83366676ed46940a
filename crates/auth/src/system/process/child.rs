//! The real thing: a child in a process group of its own, and the end of that group when nobody waits any more.

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

/// How often to look whether a program has ended and left its output open to somebody else.
const LOOK: Duration = Duration::from_millis(20);

/// How long an output may stay open after the program has ended.
const GRACE: Duration = Duration::from_millis(100);

/// The programs of the machine.
///
/// A program that leaves somebody in the background who holds its output open is done when it ends: its group is
/// given 100 ms, then killed. One whose children closed the output leaves them alone.
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
/// Dropping the future kills the program and everything that it started and that stayed in its group. Outside of
/// Unix, the program alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemProcesses;

impl Processes for SystemProcesses {
    fn run(&self, command: Command) -> BoxFuture<'_, io::Result<CommandOutput>> {
        Box::pin(run(command))
    }
}

async fn run(command: Command) -> io::Result<CommandOutput> {
    if !command.program.is_absolute() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a program is run by its full path"));
    }
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(io::Error::other("no tokio runtime to run a program on"));
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
    // The group is declared after the child, so that it is dropped, and killed, before the child is reaped.
    let mut child = prepared.spawn()?;
    let mut group = Group::of(&child);

    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut kept = (Bounded::new(command.max_output), Bounded::new(command.max_output));
    {
        let mut outputs = pin!(both(drain(stdout, &mut kept.0), drain(stderr, &mut kept.1)));
        while timeout(LOOK, outputs.as_mut()).await.is_err() {
            if group.leader_has_ended(&mut child) {
                if timeout(GRACE, outputs.as_mut()).await.is_err() {
                    group.kill();
                }
                break;
            }
        }
    }
    let status = child.wait().await;
    group.release();
    let [stdout, stderr] = [kept.0, kept.1].map(|kept| std::mem::take(&mut *kept.into_bytes()));
    Ok(CommandOutput::new(status?.code(), stdout, stderr))
}

/// Reads to the end. What does not fit is read all the same: a program that writes to a closed pipe may die of it.
async fn drain(output: Option<impl AsyncRead + Unpin>, kept: &mut Bounded) {
    let Some(mut output) = output else { return };
    let mut chunk = Zeroizing::new(vec![0; 8 << 10]);
    while let Ok(length @ 1..) = output.read(&mut chunk).await {
        kept.push(&chunk[..length]);
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
