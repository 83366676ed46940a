//! The signals that end this process, or stop it for a while.

use std::task::{Context, Poll};

/// Ctrl-C, and on Unix SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2. Once listened to, they no longer end the process by themselves.
pub(crate) struct Signals {
    #[cfg(unix)]
    kinds: Vec<(i32, tokio::signal::unix::Signal)>,
    #[cfg(windows)]
    ctrl_c: Option<tokio::signal::windows::CtrlC>,
}

impl Signals {
    /// Starts listening; needs a runtime.
    pub(crate) fn listen() -> Self {
        #[cfg(unix)]
        {
            Self::of(Self::ends())
        }
        #[cfg(windows)]
        Self { ctrl_c: tokio::signal::windows::ctrl_c().ok() }
    }

    /// As [`listen`](Self::listen), and the other signals of a terminal: SIGTSTP of Ctrl-Z, and SIGCONT after it.
    #[cfg(unix)]
    pub(crate) fn listen_at_terminal() -> Self {
        use tokio::signal::unix::SignalKind;
        Self::of(Self::ends().into_iter().chain([SUSPEND, CONTINUE].map(SignalKind::from_raw)))
    }

    /// The signals that end a process.
    #[cfg(unix)]
    fn ends() -> [tokio::signal::unix::SignalKind; 6] {
        use tokio::signal::unix::SignalKind;
        [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
            SignalKind::quit(),
            SignalKind::user_defined1(),
            SignalKind::user_defined2(),
        ]
    }

    #[cfg(unix)]
    fn of(kinds: impl IntoIterator<Item = tokio::signal::unix::SignalKind>) -> Self {
        let listen = |kind: tokio::signal::unix::SignalKind| {
            Some((kind.as_raw_value(), tokio::signal::unix::signal(kind).ok()?))
        };
        Self { kinds: kinds.into_iter().filter_map(listen).collect() }
    }

    /// The number of the next signal. Ctrl-C is 2 (SIGINT) everywhere.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<i32> {
        #[cfg(unix)]
        for (number, signal) in &mut self.kinds {
            if signal.poll_recv(context).is_ready() {
                return Poll::Ready(*number);
            }
        }
        #[cfg(windows)]
        if self.ctrl_c.as_mut().is_some_and(|ctrl_c| ctrl_c.poll_recv(context).is_ready()) {
            return Poll::Ready(2);
        }
        Poll::Pending
    }

    /// Waits for the next signal, and returns its number.
    pub(crate) async fn next(&mut self) -> i32 {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// Waits for the first signal, and returns the exit status that a shell gives to a process ended by it.
    pub(crate) async fn first(mut self) -> i32 {
        128 + self.next().await
    }
}

/// The number of SIGCONT.
#[cfg(unix)]
pub(crate) const CONTINUE: i32 = rustix::process::Signal::CONT.as_raw();

/// The number of SIGTSTP.
#[cfg(unix)]
pub(crate) const SUSPEND: i32 = rustix::process::Signal::TSTP.as_raw();
