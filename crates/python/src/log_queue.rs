//! The log of the library, as a queue that Python empties. The library's thread only adds to it.

use std::collections::VecDeque;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use pyo3::types::PyList;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use yandex_cloud_auth::sdk_internals::PerProcess;

use crate::signal::{Signal, lock};

/// More records are dropped: nobody empties the queue.
const LIMIT: usize = 1000;

/// The level of `logging`, the target, and the text.
type Entry = (u8, &'static str, String);

#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    dropped: usize,
    listener: Option<Arc<Signal>>,
}

static QUEUE: PerProcess<Mutex<Queue>> = PerProcess::new(Mutex::default);

/// Makes the socket of a hub readable for each new record: the number is that of no operation.
pub(crate) fn listen(signal: Arc<Signal>) {
    lock(&QUEUE.get()).listener = Some(signal);
}

/// Records events from now on.
#[pyfunction]
pub(crate) fn start_logging() {
    // A second call finds the first one's subscriber.
    let _ = tracing::subscriber::set_global_default(Recorder);
}

/// Adds the records so far to a list, three values each: level, name and text. Returns how many were dropped.
#[pyfunction]
pub(crate) fn take_log(into: &Bound<'_, PyList>) -> PyResult<usize> {
    let (entries, dropped) = {
        let queue = QUEUE.get();
        let mut queue = lock(&queue);
        (std::mem::take(&mut queue.entries), std::mem::take(&mut queue.dropped))
    };
    for (level, name, text) in entries {
        into.append(level)?;
        into.append(name)?;
        into.append(text)?;
    }
    Ok(dropped)
}

/// Does nothing: what a call of a native function costs, for the figures.
#[pyfunction]
pub(crate) fn nothing() {}

struct Recorder;

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && *metadata.level() <= Level::DEBUG
            && metadata.target().starts_with("yandex_cloud_auth")
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let level = match *event.metadata().level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            Level::INFO => 20,
            _ => 10,
        };
        let queue = QUEUE.get();
        let mut queue = lock(&queue);
        if queue.entries.len() == LIMIT {
            queue.dropped += 1;
            return;
        }
        queue.entries.push_back((level, event.metadata().target(), text.message + &text.fields));
        if let Some(listener) = &queue.listener {
            listener.notify(0);
        }
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// The message of an event, and its fields behind it.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            name => {
                let _ = write!(self.fields, " {name}={value}");
            }
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
