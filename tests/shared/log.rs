//! A log that a test can read.

use std::fmt::Write;
use std::sync::{Arc, Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};
use yandex_cloud_auth::system::{BoxFuture, Spawner};

/// Stores the events whose target starts with a prefix, one line each. Clones share the lines.
///
/// As a [`Spawner`], the log also stores the events of the tasks that it runs.
#[derive(Clone)]
pub struct Log {
    target: &'static str,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Log {
    /// A log of the targets that start with this prefix.
    #[must_use]
    pub fn of_target(target: &'static str) -> Self {
        Self { target, lines: Arc::default() }
    }

    /// All lines, each starting with its level.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The lines of warnings.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.lines().into_iter().filter(|line| line.starts_with("WARN")).collect()
    }

    /// Removes all lines.
    pub fn clear(&self) {
        self.lines.lock().unwrap().clear();
    }

    /// Makes this the log of the whole process. The test needs its own process.
    pub fn set_global(&self) {
        tracing::subscriber::set_global_default(self.clone()).unwrap();
    }

    /// Runs `work` on this thread with this log.
    pub fn of<T>(&self, work: impl FnOnce() -> T) -> T {
        // If a process has only one dispatcher, tracing caches for each event whether the dispatcher of the current
        // thread is interested. A thread without a log would then disable the event for all threads. With several
        // dispatchers, tracing checks the dispatcher for each event.
        static OTHERS: OnceLock<[Dispatch; 2]> = OnceLock::new();
        OTHERS.get_or_init(|| [Dispatch::new(Self::of_target("")), Dispatch::new(Self::of_target(""))]);
        tracing::dispatcher::with_default(&Dispatch::new(self.clone()), work)
    }
}

impl Spawner for Log {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        let log = self.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            log.of(|| runtime.block_on(work));
        });
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(self.target)
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.lines.lock().unwrap().push(line.0);
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// A subscriber of a program: calls a function for each event of the library.
pub struct OnEvent<F>(pub F);

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> Subscriber for OnEvent<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("yandex_cloud_auth")
    }

    fn event(&self, event: &Event<'_>) {
        (self.0)(event);
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}
