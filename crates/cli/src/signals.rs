//! The signals that end this process.

#[cfg(unix)]
use std::task::Poll;

/// Ctrl-C, and on Unix SIGTERM and SIGHUP. Once listened to, they no longer end the process by themselves.
pub(crate) struct Signals {
    #[cfg(unix)]
    kinds: Vec<(i32, tokio::signal::unix::Signal)>,
}

impl Signals {
    /// Starts listening; needs a runtime.
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

    /// Waits for the first signal, and returns the exit status that a shell gives to a process ended by it.
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

    /// Waits for Ctrl-C, and returns the exit status of a process ended by it.
    #[cfg(not(unix))]
    pub(crate) async fn first(self) -> i32 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => 130,
            Err(_) => std::future::pending().await,
        }
    }
}
