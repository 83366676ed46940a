//! `YC_AUTH_LOG`: the events of this project's crates, on standard error. Off by default, at little cost.
//!
//! A notice is a warning that the library marks for people, such as a foreign host that is about to get a secret. Standard
//! error always shows notices.
//!
//! The subscriber is written here because `tracing-subscriber` is larger than the rest of this command.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use yandex_cloud_auth::sdk_internals::NOTICE;

use crate::status_line;

/// The variable that holds the level.
pub(crate) const VARIABLE: &str = "YC_AUTH_LOG";

/// The library's warnings, collected for `doctor`. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// The warnings so far.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Starts showing notices, logging at the level of the variable, and collecting warnings where this is requested.
///
/// An unknown level is reported to `errors`, and counts as no level. A process that stays has a default, and writes the date.
pub(crate) fn start(level: Option<&OsStr>, stays: bool, warnings: Option<Warnings>, errors: &mut dyn Write) {
    let level = level.filter(|level| !level.is_empty()).and_then(|level| {
        let parsed = level.to_str().and_then(|level| level.trim().parse::<LevelFilter>().ok());
        if parsed.is_none() {
            let _ = writeln!(
                errors,
                "warning: {VARIABLE}: unknown level; use off, error, warn, info, debug or trace"
            );
        }
        parsed
    });
    let log = Log {
        level: level.unwrap_or(if stays { LevelFilter::INFO } else { LevelFilter::OFF }),
        has_dates: stays,
        warnings,
        notices: Mutex::default(),
        start: Instant::now(),
    };
    // Cannot fail: no other code of this process sets a subscriber.
    let _ = tracing::subscriber::set_global_default(log);
}

struct Log {
    level: LevelFilter,
    warnings: Option<Warnings>,
    /// The notices so far: each is shown once.
    notices: Mutex<Vec<String>>,
    /// The date in each line, and not the time since the start.
    has_dates: bool,
    start: Instant,
}

impl Log {
    fn line(&self, level: Level, target: &str, text: &EventText) -> String {
        let EventText { message, fields } = text;
        let at = if self.has_dates {
            date(SystemTime::now())
        } else {
            format!("{:9.1} ms", self.start.elapsed().as_secs_f64() * 1e3)
        };
        format!("{at} {level:5} {target}: {message}{fields}\n")
    }

    /// Shows a notice, unless it was shown before.
    fn show(&self, notice: &str) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if !notices.iter().any(|shown| shown == notice) {
            notices.push(notice.to_owned());
            status_line::write_above(&format!("warning: {notice}\n"));
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_ours =
            metadata.target().starts_with("yandex_cloud_") || metadata.target().starts_with("yc_auth");
        let is_collected = self.warnings.is_some() && *metadata.level() == Level::WARN;
        let is_shown = is_collected || metadata.target() == NOTICE || *metadata.level() <= self.level;
        is_ours && metadata.is_event() && is_shown
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level.max(LevelFilter::WARN))
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = EventText::default();
        event.record(&mut text);
        let level = *event.metadata().level();
        if level <= self.level {
            status_line::write_above(&self.line(level, event.metadata().target(), &text));
        } else if event.metadata().target() == NOTICE {
            self.show(&text.message);
        }
        // An event with an error repeats what the command prints as its own error.
        let is_printed_anyway = event.metadata().fields().field("error").is_some();
        if let Some(Warnings(warnings)) = &self.warnings
            && level == Level::WARN
            && !is_printed_anyway
        {
            warnings.lock().unwrap_or_else(PoisonError::into_inner).push(text.message);
        }
    }
}

/// A moment as RFC 3339 has it, with milliseconds.
fn date(moment: SystemTime) -> String {
    let millis = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let whole =
        i64::try_from(millis / 1000).ok().and_then(|secs| OffsetDateTime::from_unix_timestamp(secs).ok());
    let whole = whole.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default();
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), millis % 1000)
}

/// The text of an event, for one line.
#[derive(Default)]
struct EventText {
    message: String,
    fields: String,
}

impl Visit for EventText {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            // This command ends after a failure, so the time until a further fetch says nothing.
            "backoff_ms" => Ok(()),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use tracing::subscriber::with_default;

    fn quiet() -> Log {
        Log {
            level: LevelFilter::OFF,
            warnings: None,
            notices: Mutex::default(),
            has_dates: false,
            start: Instant::now(),
        }
    }

    #[test]
    fn collects_only_our_own_warnings() {
        let warnings = Warnings::default();
        let log = Log { warnings: Some(warnings.clone()), ..quiet() };
        with_default(log, || {
            tracing::warn!(target: "yandex_cloud_auth", extra = 1, "ours");
            tracing::warn!(target: "yandex_cloud_auth", error = "reason", "a failure");
            tracing::warn!(target: "hyper", "theirs");
            tracing::info!(target: "yandex_cloud_auth", "less than a warning");
        });
        assert_eq!(warnings.all(), ["ours"]);
    }

    #[test]
    fn an_unknown_level_is_reported_and_harmless() {
        let mut printed = Vec::new();
        start(Some(OsStr::new("loud")), false, None, &mut printed);
        assert!(String::from_utf8(printed).unwrap().contains(VARIABLE));
        let mut printed = Vec::new();
        start(Some(OsStr::new("")), false, None, &mut printed);
        assert!(printed.is_empty());
    }

    #[test]
    fn a_line_has_the_level_the_crate_the_message_and_the_fields() {
        let log = Log { level: LevelFilter::DEBUG, ..quiet() };
        let text = EventText { message: "selected".to_owned(), fields: " method=none".to_owned() };
        let line = log.line(Level::INFO, "yandex_cloud_auth", &text);
        assert!(line.ends_with("ms INFO  yandex_cloud_auth: selected method=none\n"), "{line}");
        let line = Log { has_dates: true, ..quiet() }.line(Level::INFO, "yc_auth", &text);
        assert!(line.ends_with("Z INFO  yc_auth: selected method=none\n"), "{line}");
    }

    #[test]
    fn a_date_has_milliseconds() {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(1_796_000_000_042);
        assert_eq!(date(moment), "2026-11-30T00:53:20.042Z");
    }
}
