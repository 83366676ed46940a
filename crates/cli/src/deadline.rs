//! The deadline of the whole command: `--timeout`, counted from the start of the process.

use std::time::{Duration, Instant};

use yandex_cloud_auth::{Credentials, Error, ErrorKind, HeaderOptions};

/// When the command has to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    start: Instant,
    limit: Option<Duration>,
}

impl Deadline {
    /// Starts now, without a limit.
    pub(crate) fn unbounded() -> Self {
        Self { start: Instant::now(), limit: None }
    }

    /// The same start, with this limit.
    pub(crate) fn within(self, limit: Option<Duration>) -> Self {
        Self { limit, ..self }
    }

    /// The time that is left; `None` without a limit.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.limit.map(|limit| limit.saturating_sub(self.start.elapsed()))
    }

    /// The remaining time as an option of the library.
    pub(crate) fn options(self) -> HeaderOptions {
        match self.remaining() {
            Some(remaining) => HeaderOptions::new().deadline(remaining),
            None => HeaderOptions::new(),
        }
    }

    /// The error for work that did not end in time.
    pub(crate) fn exceeded(self, what: &str) -> Error {
        let limit = self.limit.unwrap_or_default();
        Error::new(ErrorKind::Unavailable, format!("{what} within {limit:?} (`--timeout`)"))
            .with_help("raise `--timeout`; `YC_AUTH_LOG=debug` shows what the command waits for")
    }

    /// The error to show: one that names `--timeout` where the deadline caused the library's error.
    ///
    /// The library's own text is for a program that keeps running; this command ends.
    pub(crate) fn explain(self, error: Error, credentials: &Credentials) -> Error {
        let is_timeout = error.kind() == ErrorKind::Unavailable
            && error.location().is_none()
            && self.remaining() == Some(Duration::ZERO);
        if !is_timeout {
            return error;
        }
        match credentials.method() {
            Some(method) => self.exceeded(&format!("{method}: no token")),
            None => self.exceeded("no token"),
        }
    }
}
