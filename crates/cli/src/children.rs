//! The programs that are run for a token: whatever ends this command ends them too.
//!
//! The library kills a child when nobody waits for it any more, but does so on a thread of its own, which ends with
//! the process. So this command waits for that; and as a child has a process group of its own, which Ctrl-C does
//! not reach, a signal is taken in their stead while one runs.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use yandex_cloud_auth::system::{BoxFuture, Command, CommandOutput, Processes, SystemProcesses};

/// How long a killed child may take to be gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// The programs of the machine, counted while they run. Clones share the count.
#[derive(Clone, Default)]
pub(crate) struct Children {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    running: Mutex<usize>,
    fewer: Condvar,
}

impl Children {
    /// Waits until none runs any more.
    pub(crate) fn wait_for_their_end(&self) {
        let running = self.shared.running();
        drop(self.shared.fewer.wait_timeout_while(running, PATIENCE, |running| *running > 0));
    }
}

impl Shared {
    fn running(&self) -> MutexGuard<'_, usize> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Processes for Children {
    fn run(&self, command: Command) -> BoxFuture<'_, io::Result<CommandOutput>> {
        *self.shared.running() += 1;
        let running = Running(Arc::clone(&self.shared));
        Box::pin(async move {
            // Declared before the child, so that it is dropped after it.
            let _running = running;
            let mut child = SystemProcesses.run(command);
            let mut signal = pin!(Signals::listen().first());
            let ended = std::future::poll_fn(|context| {
                if let Poll::Ready(status) = signal.as_mut().poll(context) {
                    return Poll::Ready(Err(status));
                }
                child.as_mut().poll(context).map(Ok)
            })
            .await;
            match ended {
                Ok(output) => output,
                Err(status) => {
                    drop(child);
                    std::process::exit(status)
                }
            }
        })
    }
}

struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.running() -= 1;
        self.0.fewer.notify_all();
    }
}

/// What asks this process to end: Ctrl-C, and on Unix SIGTERM and SIGHUP. Nothing else happens at them from now on.
pub(crate) struct Signals {
    #[cfg(unix)]
    kinds: Vec<(i32, tokio::signal::unix::Signal)>,
}

impl Signals {
    /// Begins to listen; on a runtime.
    pub(crate) fn listen() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
            let kinds = kinds.into_iter().filter_map(|kind| Some((kind.as_raw_value(), signal(kind).ok()?)));
            Self { kinds: kinds.collect() }
        }
        #[cfg(not(unix))]
        Self {}
    }

    /// Completes at the first; the exit status that a shell gives to such an end.
    #[cfg(unix)]
    pub(crate) async fn first(mut self) -> i32 {
        std::future::poll_fn(|context| {
            for (number, signal) in &mut self.kinds {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(128 + *number);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Completes at the first.
    #[cfg(not(unix))]
    pub(crate) async fn first(self) -> i32 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => 130,
            Err(_) => std::future::pending().await,
        }
    }
}
