//! The programs that a method runs for a token (yc): they never outlive this command.
//!
//! The library kills an abandoned program on a thread of its own, and that thread ends with the process; so the command
//! waits for the program's end. A program also has its own process group, which Ctrl-C does not reach; so the command
//! listens for signals while one runs, and kills the program before it exits.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use yandex_cloud_auth::system::{BoxFuture, Command, CommandOutput, Processes, SystemProcesses};

use crate::signals::Signals;

/// The longest wait for a killed program to exit.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs programs and counts the running ones. Clones share the count.
#[derive(Clone, Default)]
pub(crate) struct Subprocesses {
    count: Arc<Count>,
    /// Whether another part of this process handles signals.
    leaves_signals: Arc<AtomicBool>,
}

impl Subprocesses {
    /// Signals no longer end this process while a program runs: another part of this process handles them.
    pub(crate) fn leave_signals(&self) {
        self.leaves_signals.store(true, Ordering::Relaxed);
    }

    /// Waits until no program runs.
    pub(crate) fn wait_for_exit(&self) {
        let running = self.count.lock();
        drop(self.count.decreased.wait_timeout_while(running, EXIT_TIMEOUT, |running| *running > 0));
    }
}

impl Processes for Subprocesses {
    fn run(&self, command: Command) -> BoxFuture<'_, io::Result<CommandOutput>> {
        *self.count.lock() += 1;
        let guard = RunningGuard(Arc::clone(&self.count));
        let leaves_signals = Arc::clone(&self.leaves_signals);
        Box::pin(async move {
            // Declared before the child and so dropped after it: the count falls only when the child is gone.
            let _guard = guard;
            let mut child = SystemProcesses.run(command);
            let mut signals = Signals::listen();
            let ended = std::future::poll_fn(|context| {
                while let Poll::Ready(signal) = signals.poll_next(context) {
                    if !leaves_signals.load(Ordering::Relaxed) {
                        return Poll::Ready(Err(128 + signal));
                    }
                }
                child.as_mut().poll(context).map(Ok)
            })
            .await;
            match ended {
                Ok(output) => output,
                Err(status) => {
                    // Kills the child's process group; `exit` runs no destructors.
                    drop(child);
                    std::process::exit(status)
                }
            }
        })
    }
}

#[derive(Default)]
struct Count {
    running: Mutex<usize>,
    decreased: Condvar,
}

impl Count {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct RunningGuard(Arc<Count>);

impl Drop for RunningGuard {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.decreased.notify_all();
    }
}
