//! `YC_AUTH_LOG`: the events of our own crates, on standard error. Nothing is set up where it is not asked for.
//!
//! A subscriber of our own: the usual one is larger than the rest of this command.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The variable with the level.
pub(crate) const VARIABLE: &str = "YC_AUTH_LOG";

/// Warnings, kept for `doctor` to show. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    /// What was warned of so far.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Starts logging at the level of the variable, and keeping warnings, where either is asked for.
pub(crate) fn start(level: Option<&OsStr>, notes: Option<Notes>, complaints: &mut dyn Write) {
    let level = level.filter(|level| !level.is_empty()).and_then(|level| {
        let parsed = level.to_str().and_then(|level| level.trim().parse::<LevelFilter>().ok());
        if parsed.is_none() {
            let _ = writeln!(
                complaints,
                "warning: {VARIABLE}: no such level; give error, warn, info, debug or trace"
            );
        }
        parsed
    });
    let level = level.unwrap_or(LevelFilter::OFF);
    if level == LevelFilter::OFF && notes.is_none() {
        return;
    }
    let log = Log { level, notes, start: Instant::now() };
    // Nobody else in this process sets one.
    let _ = tracing::subscriber::set_global_default(log);
}

struct Log {
    level: LevelFilter,
    notes: Option<Notes>,
    start: Instant,
}

impl Log {
    fn line(&self, level: Level, target: &str, words: &Words) -> String {
        let at = self.start.elapsed().as_secs_f64() * 1e3;
        let Words { message, fields } = words;
        format!("{at:9.1} ms {level:5} {target}: {message}{fields}\n")
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let ours = metadata.target().starts_with("yandex_cloud_") || metadata.target().starts_with("yc_auth");
        let noted = self.notes.is_some() && *metadata.level() == Level::WARN;
        ours && metadata.is_event() && (noted || *metadata.level() <= self.level)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if self.notes.is_some() { self.level.max(LevelFilter::WARN) } else { self.level })
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut words = Words::default();
        event.record(&mut words);
        let level = *event.metadata().level();
        if level <= self.level {
            let line = self.line(level, event.metadata().target(), &words);
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        }
        // A failure that is returned is told anyway.
        let is_told = event.metadata().fields().field("error").is_some();
        if let Some(Notes(notes)) = &self.notes
            && level == Level::WARN
            && !is_told
        {
            notes.lock().unwrap_or_else(PoisonError::into_inner).push(words.message);
        }
    }
}

/// An event in words, on one line.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::subscriber::with_default;

    #[test]
    fn keeps_our_warnings_and_nothing_else() {
        let notes = Notes::default();
        let log = Log { level: LevelFilter::OFF, notes: Some(notes.clone()), start: Instant::now() };
        with_default(log, || {
            tracing::warn!(target: "yandex_cloud_auth", extra = 1, "ours");
            tracing::warn!(target: "yandex_cloud_auth", error = "told", "a failure");
            tracing::warn!(target: "hyper", "theirs");
            tracing::info!(target: "yandex_cloud_auth", "less than a warning");
        });
        assert_eq!(notes.all(), ["ours"]);
    }

    #[test]
    fn an_unknown_level_is_told_and_harmless() {
        let mut said = Vec::new();
        start(Some(OsStr::new("loud")), None, &mut said);
        assert!(String::from_utf8(said).unwrap().contains(VARIABLE));
        let mut said = Vec::new();
        start(Some(OsStr::new("")), None, &mut said);
        assert!(said.is_empty());
    }

    #[test]
    fn a_line_has_the_level_the_crate_and_the_fields() {
        let log = Log { level: LevelFilter::DEBUG, notes: None, start: Instant::now() };
        let words = Words { message: "selected".to_owned(), fields: " method=none".to_owned() };
        let line = log.line(Level::INFO, "yandex_cloud_auth", &words);
        assert!(line.ends_with("INFO  yandex_cloud_auth: selected method=none\n"), "{line}");
    }
}
