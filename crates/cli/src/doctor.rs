//! `yc-auth doctor`: why this method, and whether it gives a header. Secrets are masked.
//!
//! One header is made, with one fetch where the method fetches; no other service is called. JSON is
//! `{"selected","attempts":[…],"error":{…}|null}`, on one line. The exit status is that of `token`.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use yandex_cloud_auth::{Attempt, Error, ErrorKind, Method, Report, Scheme, Snapshot};

use crate::arguments::{Asked, Format};
use crate::credentials::{self, Deadline, Outcome};
use crate::failure::Failure;
use crate::log::Notes;
use crate::output;
use crate::paint::{Paint, masked};

/// Said of a value that nobody was asked about.
const NOT_CHECKED: &str = "not checked with a server";

#[derive(Serialize)]
struct Answer {
    selected: Option<&'static str>,
    attempts: Vec<Row>,
    error: Option<Trouble>,
}

/// One slot; the words are those of the library's report.
#[derive(Serialize)]
struct Row {
    method: &'static str,
    source: String,
    outcome: &'static str,
    reason: String,
    elapsed_ms: u64,
}

#[derive(Serialize)]
struct Trouble {
    kind: &'static str,
    message: String,
    help: Option<String>,
}

/// Prints the diagnosis.
pub(crate) fn run(
    asked: &Asked,
    deadline: Deadline,
    notes: &Notes,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let outcome = credentials::outcome(asked, deadline);
    let answer = answer(asked, &outcome);
    match asked.format {
        Format::Json => output::json(out, &answer)?,
        Format::Text => {
            let mut remarks = outcome.report.as_ref().map_or_else(Vec::new, |report| report.notes().to_vec());
            remarks.extend(notes.all());
            remarks.dedup();
            let page = Page { paint: Paint::for_stdout(), now: SystemTime::now() };
            out.write_all(page.text(&answer, &outcome, &remarks).as_bytes())?;
            out.flush()?;
        }
    }
    match outcome.header {
        Ok(_) => Ok(()),
        // Standard error tells it too, unless both are the same terminal: there it stands already.
        Err(error) if asked.format == Format::Text && stdout().is_terminal() && stderr().is_terminal() => {
            Err(Failure::Told(error))
        }
        Err(error) => Err(error.into()),
    }
}

fn answer(asked: &Asked, outcome: &Outcome) -> Answer {
    let error = outcome.header.as_ref().err();
    let mut attempts: Vec<Row> = match &outcome.report {
        Some(report) => report.attempts().iter().map(Row::of).collect(),
        None => asked
            .method
            .zip(error)
            .map(|(name, error)| Row::explicit(name.method(), error))
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
    Answer { selected: selected.map(Method::name), attempts, error: error.map(Trouble::of) }
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

    /// A method that was asked for by name and could not even begin.
    fn explicit(method: Method, error: &Error) -> Self {
        Self {
            method: method.name(),
            source: error.location().unwrap_or("given").to_owned(),
            outcome: if error.kind() == ErrorKind::NotConfigured { "absent" } else { "broken" },
            reason: error.reason().to_owned(),
            elapsed_ms: 0,
        }
    }
}

impl Trouble {
    fn of(error: &Error) -> Self {
        Self { kind: error.kind().name(), message: error.to_string(), help: error.help().map(str::to_owned) }
    }
}

/// The diagnosis for a person.
struct Page {
    paint: Paint,
    now: SystemTime,
}

impl Page {
    fn text(&self, answer: &Answer, outcome: &Outcome, remarks: &[String]) -> String {
        let mut text = String::new();
        if !answer.attempts.is_empty() {
            text.push_str(&format!("{}\n", self.paint.bold("Selection")));
            self.rows(&answer.attempts, &mut text);
            text.push('\n');
        }
        for remark in remarks {
            text.push_str(&format!("{} {remark}\n", self.paint.bold("note:")));
        }
        if !remarks.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{}\n", self.paint.bold("Header")));
        match (&outcome.header, &answer.error) {
            (Ok(snapshot), _) => self.header(snapshot, outcome.elapsed, &mut text),
            (Err(_), trouble) => {
                text.push_str("  none\n\n");
                if let Some(Trouble { message, help, .. }) = trouble {
                    text.push_str(&format!("{} {message}\n", self.paint.bad("error:")));
                    if let Some(help) = help {
                        text.push_str(&format!("{} {help}\n", self.paint.bold("help:")));
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
                "selected" => self.paint.good(line),
                "broken" => self.paint.bad(line),
                _ => self.paint.dim(line),
            };
            text.push_str(&line);
            text.push('\n');
        }
    }

    fn header(&self, snapshot: &Snapshot, elapsed: Duration, text: &mut String) {
        let (Some(scheme), Some(secret)) = (snapshot.scheme().map(Scheme::as_str), snapshot.expose_secret())
        else {
            text.push_str("  none: requests go without credentials\n");
            return;
        };
        text.push_str(&format!("  Authorization: {scheme} {}\n", masked(secret)));
        let life = match snapshot.expires_at() {
            Some(end) => {
                let left = end.duration_since(self.now).unwrap_or_default();
                format!(
                    "valid until {} ({} left)",
                    output::rfc3339(end).unwrap_or_default(),
                    output::span(left)
                )
            }
            None => "its expiry is not known".to_owned(),
        };
        let how = match snapshot.method() {
            Method::ApiKey => NOT_CHECKED.to_owned(),
            Method::IamToken | Method::EnvIamToken | Method::TokenFile => format!("{NOT_CHECKED}; {life}"),
            _ => life,
        };
        text.push_str(&format!("  {how}; made in {}\n", output::span(elapsed)));
    }
}
