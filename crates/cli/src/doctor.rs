//! `yc-auth doctor`: which method is selected and why, and whether it gives a header. Secrets are masked.
//!
//! Makes one header, with one fetch where the method fetches; calls no other service. JSON is
//! `{"selected","attempts":[…],"error":{…}|null,"notes":[…]}`, on one line. The exit status is that of `token`.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use yandex_cloud_auth::{Attempt, Error, ErrorKind, Method, Report, Scheme, Snapshot};

use crate::arguments::{AuthOptions, Format};
use crate::color::Color;
use crate::credentials::{self, Outcome};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::log::Warnings;
use crate::output;

/// The remark for a static value: `doctor` does not ask a server about it.
const NOT_CHECKED: &str = "not checked with a server";

#[derive(Serialize)]
struct Diagnosis {
    selected: Option<&'static str>,
    attempts: Vec<Row>,
    error: Option<ErrorOutput>,
    /// Warnings for a person.
    notes: Vec<String>,
}

/// One attempt of the selection, in the words of the library's report.
#[derive(Serialize)]
struct Row {
    method: &'static str,
    source: String,
    outcome: &'static str,
    reason: String,
    elapsed_ms: u64,
}

#[derive(Serialize)]
struct ErrorOutput {
    kind: &'static str,
    message: String,
    help: Option<String>,
}

/// Prints the diagnosis.
pub(crate) fn run(
    options: &AuthOptions,
    deadline: Deadline,
    warnings: &Warnings,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let outcome = credentials::outcome(options, deadline);
    let diagnosis = Diagnosis::of(options, &outcome, warnings);
    match options.format {
        Format::Json => output::json(out, &diagnosis)?,
        Format::Text => {
            let page = Page { color: Color::for_stdout(), now: SystemTime::now() };
            out.write_all(page.text(&diagnosis, &outcome).as_bytes())?;
            out.flush()?;
        }
    }
    match outcome.header {
        Ok(_) => Ok(()),
        // The page already shows the error and the report. Standard error repeats the error, unless both go to the
        // same terminal.
        Err(error) if options.format == Format::Text && stdout().is_terminal() && stderr().is_terminal() => {
            Err(Failure::AlreadyShown(error))
        }
        Err(error) => Err(Failure::WithoutReport(error)),
    }
}

/// The notes of the report, and the warnings of the log.
fn notes(report: Option<&Report>, warnings: &Warnings, rows: &[Row]) -> Vec<String> {
    let unsaid = unsaid(warnings.all(), rows);
    let mut notes = report.map_or_else(Vec::new, |report| report.notes().to_vec());
    // A warning in the log says more than the same note of the report.
    notes.retain(|note| !unsaid.iter().any(|warning| warning.starts_with(note.as_str())));
    notes.extend(unsaid);
    notes
}

/// The warnings that no reason has yet, each once.
fn unsaid(warnings: Vec<String>, rows: &[Row]) -> Vec<String> {
    let mut unsaid: Vec<String> = Vec::new();
    for warning in warnings {
        if !unsaid.contains(&warning) && !rows.iter().any(|row| row.reason.contains(&warning)) {
            unsaid.push(warning);
        }
    }
    unsaid
}

impl Diagnosis {
    fn of(options: &AuthOptions, outcome: &Outcome, warnings: &Warnings) -> Self {
        let error = outcome.header.as_ref().err();
        let mut attempts: Vec<Row> = match &outcome.report {
            Some(report) => report.attempts().iter().map(Row::of).collect(),
            None => options
                .method
                .zip(error)
                .map(|(name, error)| Row::unusable(name.method(), error))
                .into_iter()
                .collect(),
        };
        let selected = outcome.report.as_ref().and_then(Report::selected).map(|attempt| attempt.method);
        if let Some(method) = selected
            && matches!(method, Method::ApiKey | Method::IamToken | Method::EnvIamToken | Method::TokenFile)
            && let Some(row) = attempts.iter_mut().find(|row| row.outcome == "selected")
        {
            row.reason = format!("{}; {NOT_CHECKED}", row.reason);
        }
        let notes = notes(outcome.report.as_ref(), warnings, &attempts);
        Self { selected: selected.map(Method::name), attempts, error: error.map(ErrorOutput::of), notes }
    }
}

impl Row {
    fn of(attempt: &Attempt) -> Self {
        Self {
            method: attempt.method.name(),
            source: attempt.source.clone(),
            outcome: attempt.outcome.name(),
            reason: attempt.reason.clone(),
            elapsed_ms: u64::try_from(attempt.elapsed.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The method of `--method`, which failed before there was a report.
    fn unusable(method: Method, error: &Error) -> Self {
        Self {
            method: method.name(),
            source: error.location().unwrap_or("given").to_owned(),
            outcome: if error.kind() == ErrorKind::NotConfigured { "absent" } else { "broken" },
            // The words of the library's report, which names the variable in a column of its own.
            reason: error.reason().strip_prefix("the variable is ").unwrap_or(error.reason()).to_owned(),
            elapsed_ms: 0,
        }
    }
}

impl ErrorOutput {
    fn of(error: &Error) -> Self {
        Self { kind: error.kind().name(), message: error.to_string(), help: error.help().map(str::to_owned) }
    }
}

/// The diagnosis as text.
struct Page {
    color: Color,
    now: SystemTime,
}

impl Page {
    fn text(&self, diagnosis: &Diagnosis, outcome: &Outcome) -> String {
        let mut text = String::new();
        if !diagnosis.attempts.is_empty() {
            text.push_str(&format!("{}\n", self.color.bold("Selection")));
            self.rows(&diagnosis.attempts, &mut text);
            text.push('\n');
        }
        for note in &diagnosis.notes {
            text.push_str(&format!("{} {note}\n", self.color.bold("note:")));
        }
        if !diagnosis.notes.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{}\n", self.color.bold("Header")));
        match &outcome.header {
            Ok(snapshot) => self.header(snapshot, outcome.elapsed, &mut text),
            Err(_) => {
                text.push_str("  no header: see the error below\n\n");
                if let Some(ErrorOutput { message, help, .. }) = &diagnosis.error {
                    text.push_str(&format!("{} {message}\n", self.color.red("error:")));
                    if let Some(help) = help {
                        text.push_str(&format!("{} {help}\n", self.color.bold("help:")));
                    }
                }
            }
        }
        text
    }

    fn rows(&self, rows: &[Row], text: &mut String) {
        let width =
            |cell: fn(&Row) -> &str| rows.iter().map(|row| cell(row).chars().count()).max().unwrap_or(0);
        let (method, source) = (width(|row| row.method), width(|row| &row.source));
        for row in rows {
            let mark = match row.outcome {
                "selected" => "✓",
                "broken" => "✗",
                "absent" => "·",
                _ => " ",
            };
            let mut line = format!(
                "  {mark} {:method$}  {:source$}  {:9}  {}",
                row.method, row.source, row.outcome, row.reason
            );
            if row.elapsed_ms > 0 {
                line.push_str(&format!(" ({} ms)", row.elapsed_ms));
            }
            let line = line.trim_end();
            let line = match row.outcome {
                "selected" => self.color.green(line),
                "broken" => self.color.red(line),
                _ => self.color.dim(line),
            };
            text.push_str(&line);
            text.push('\n');
        }
    }

    fn header(&self, snapshot: &Snapshot, elapsed: Duration, text: &mut String) {
        let (Some(scheme), Some(secret)) = (snapshot.scheme().map(Scheme::as_str), snapshot.expose_secret())
        else {
            text.push_str("  none: requests carry no credentials\n");
            return;
        };
        text.push_str(&format!("  Authorization: {scheme} {}\n", output::masked(secret)));
        let expiry = match snapshot.expires_at() {
            Some(end) => {
                let left = end.duration_since(self.now).unwrap_or_default();
                format!(
                    "valid until {} ({} left)",
                    output::rfc3339(end).unwrap_or_default(),
                    output::duration(left)
                )
            }
            None => "expiry not known".to_owned(),
        };
        let status = match snapshot.method() {
            Method::ApiKey => NOT_CHECKED.to_owned(),
            Method::IamToken | Method::EnvIamToken | Method::TokenFile => format!("{NOT_CHECKED}; {expiry}"),
            _ => expiry,
        };
        text.push_str(&format!("  {status}; made in {}\n", output::duration(elapsed)));
    }
}
