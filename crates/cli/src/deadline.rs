//! The deadline of the whole command: `--timeout`, counted from the start of the process.

use std::time::{Duration, Instant};

use yandex_cloud_auth::sdk_internals::in_seconds;
use yandex_cloud_auth::{Error, ErrorKind, HeaderOptions};

/// How early the library's deadline may fire by this clock: the library reads a coarse clock, whose steps are up to 10
/// ms.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(20);

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
    pub(crate) fn within(self, limit: Duration) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// The time that is left; `None` without a limit.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.limit.map(|limit| limit.saturating_sub(self.start.elapsed()))
    }

    /// Whether no time is left, within the tolerance of the clocks.
    pub(crate) fn is_exceeded(self) -> bool {
        self.remaining().is_some_and(|remaining| remaining <= CLOCK_TOLERANCE)
    }

    /// The remaining time as an option of the library.
    pub(crate) fn options(self) -> HeaderOptions {
        match self.remaining() {
            Some(remaining) => HeaderOptions::new().deadline(remaining),
            None => HeaderOptions::new(),
        }
    }

    /// The error for work that did not end in time, with the step that was under way.
    pub(crate) fn exceeded(self, what: &str, step: Option<&str>) -> Error {
        let limit = in_seconds(self.limit.unwrap_or_default());
        let step = step.map(|step| format!("; {step}")).unwrap_or_default();
        Error::new(ErrorKind::Unavailable, format!("{what} within {limit} (`--timeout`){step}"))
            .with_help("raise `--timeout`; `YC_AUTH_LOG=debug` shows what the command waits for")
    }
}
