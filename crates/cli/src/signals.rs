//! The signals that end this process, or stop it for a while.

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
            use tokio::signal::unix::SignalKind;
            Self::of([SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()])
        }
        #[cfg(not(unix))]
        Self {}
    }

    /// As [`listen`](Self::listen), and the other signals of a terminal: SIGQUIT, SIGTSTP of Ctrl-Z, and SIGCONT after it.
    #[cfg(unix)]
    pub(crate) fn listen_at_terminal() -> Self {
        use tokio::signal::unix::SignalKind;
        let ends =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
        Self::of(ends.into_iter().chain([SUSPEND, CONTINUE].map(SignalKind::from_raw)))
    }

    #[cfg(unix)]
    fn of(kinds: impl IntoIterator<Item = tokio::signal::unix::SignalKind>) -> Self {
        let listen = |kind: tokio::signal::unix::SignalKind| {
            Some((kind.as_raw_value(), tokio::signal::unix::signal(kind).ok()?))
        };
        Self { kinds: kinds.into_iter().filter_map(listen).collect() }
    }

    /// Waits for the next signal, and returns its number.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> i32 {
        std::future::poll_fn(|context| {
            for (number, signal) in &mut self.kinds {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(*number);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Waits for the first signal, and returns the exit status that a shell gives to a process ended by it.
    #[cfg(unix)]
    pub(crate) async fn first(mut self) -> i32 {
        128 + self.next().await
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

/// The number of SIGCONT.
#[cfg(unix)]
pub(crate) const CONTINUE: i32 = rustix::process::Signal::CONT.as_raw();

/// The number of SIGTSTP.
#[cfg(unix)]
pub(crate) const SUSPEND: i32 = rustix::process::Signal::TSTP.as_raw();
