//! The diagnosis as text.

use std::time::{Duration, SystemTime};

use yandex_cloud_auth::{ErrorKind, Method, Snapshot};

use super::check::{Check, Verdict};
use super::{Diagnosis, Findings, NOT_CHECKED, Row, masked};
use crate::color::Color;
use crate::failure::ErrorOutput;
use crate::output;

/// How the diagnosis is written.
pub(super) struct Page {
    pub(super) color: Color,
    pub(super) now: SystemTime,
}

impl Page {
    pub(super) fn text(&self, diagnosis: &Diagnosis, found: &Findings) -> String {
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
        match &found.outcome.header {
            Ok(snapshot) => {
                let is_checked = found.check.as_ref().is_some_and(|check| check.output.is_some());
                self.header(snapshot, found.outcome.elapsed, is_checked, &mut text);
            }
            Err(_) => text.push_str("  no header: see the error below\n"),
        }
        if let Some(token) = &diagnosis.subject_token {
            text.push_str(&format!("\n{}\n{}", self.color.bold("Token of the other issuer"), token.text()));
        }
        if let Some(check) = &found.check {
            text.push_str(&format!("\n{}\n", self.color.bold("Check")));
            text.push_str(&self.check(check));
        }
        if let Some(ErrorOutput { message, help, .. }) = &diagnosis.error {
            text.push_str(&format!("\n{} {message}\n", self.color.red("error:")));
            if let Some(help) = help {
                text.push_str(&format!("{} {help}\n", self.color.bold("help:")));
            }
        }
        text
    }

    fn check(&self, check: &Check) -> String {
        let answer =
            check.output.as_ref().map(|output| format!("  GET {}: {}\n", output.url, output.response()));
        let answer = answer.unwrap_or_default();
        match &check.verdict {
            Verdict::Known(words) => format!("{answer}{}\n", self.color.green(&format!("  ✓ {words}"))),
            Verdict::Failed(error) if answer.is_empty() && error.kind() == ErrorKind::Unavailable => {
                "  no response: see the error below\n".to_owned()
            }
            _ if answer.is_empty() => "  nothing was sent: see the error below\n".to_owned(),
            _ => answer,
        }
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

    fn header(&self, snapshot: &Snapshot, elapsed: Duration, is_checked: bool, text: &mut String) {
        let Some(header) = masked(snapshot) else {
            text.push_str("  none: requests carry no credentials\n");
            return;
        };
        text.push_str(&format!("  {header}\n"));
        let expiry = match snapshot.expires_at() {
            Some(end) => {
                let left = output::time_left(end, self.now);
                format!("valid until {} ({left})", output::rfc3339(end).unwrap_or_default())
            }
            None => "expiry not known".to_owned(),
        };
        let status = match snapshot.method() {
            _ if is_checked => expiry,
            Method::ApiKey => NOT_CHECKED.to_owned(),
            Method::IamToken | Method::EnvIamToken | Method::TokenFile => format!("{NOT_CHECKED}; {expiry}"),
            _ => expiry,
        };
        text.push_str(&format!("  {status}; made in {}\n", output::duration(elapsed)));
    }
}
