//! `yc-auth doctor`: which method is selected and why, and whether it gives a header. Secrets are masked.
//!
//! Makes one header, with one fetch where the method fetches; calls another service only with `--check`. Text is the whole
//! report, with the error. JSON is `{"selected","attempts":[…],"error":{…}|null,"header","expires_at","subject_id","check",
//! "notes":[…],"subject_token"}`, on one line. Standard error repeats the error. The exit status is that of `token`, and with `--check` that of the
//! check.

mod check;
mod federation;
mod page;

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Instant, SystemTime};

use serde::Serialize;
use yandex_cloud_auth::sdk_internals::SubjectClaims;
use yandex_cloud_auth::{Attempt, Error, ErrorKind, HeaderOptions, Method, Report, Scheme, Snapshot};

use self::check::{Check, CheckOutput, Verdict};
use self::federation::SubjectToken;
use self::page::Page;
use crate::arguments::{AuthOptions, DoctorOptions, Format};
use crate::color::Color;
use crate::credentials::{self, Outcome, Session};
use crate::deadline::Deadline;
use crate::failure::{ErrorOutput, Failure};
use crate::log::Warnings;
use crate::output;
use crate::status_line::StatusLine;

/// The remark for a static value: `doctor` does not ask a server about it.
const NOT_CHECKED: &str = "not checked with a server";

#[derive(Serialize)]
struct Diagnosis {
    selected: Option<&'static str>,
    attempts: Vec<Row>,
    error: Option<ErrorOutput>,
    /// The header, masked.
    header: Option<String>,
    expires_at: Option<String>,
    subject_id: Option<String>,
    check: Option<CheckOutput>,
    /// Warnings for a person.
    notes: Vec<String>,
    /// For workload identity: the token of the other issuer, and what accepts it.
    subject_token: Option<SubjectToken>,
}

/// What was found.
struct Findings {
    outcome: Outcome,
    subject_id: Option<String>,
    check: Option<Check>,
    claims: Option<SubjectClaims>,
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

/// Prints the diagnosis.
pub(crate) fn run(
    options: &DoctorOptions,
    deadline: Deadline,
    warnings: &Warnings,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let start = Instant::now();
    let found =
        credentials::with_own_tokens(&options.result.auth, deadline, |session| Ok(find(options, session)));
    let found = found.unwrap_or_else(|error| Findings {
        outcome: Outcome { header: Err(error), report: None, elapsed: start.elapsed() },
        subject_id: None,
        check: None,
        claims: None,
    });
    let mut diagnosis = Diagnosis::of(&options.result.auth, &found, warnings);
    match options.result.format {
        Format::Json => {
            let (failure, check) = found.ending();
            diagnosis.check = check;
            output::json(out, &diagnosis)?;
            failure.map_or(Ok(()), Err)
        }
        Format::Text => {
            let page = Page { color: Color::for_stdout(), now: SystemTime::now() };
            out.write_all(page.text(&diagnosis, &found).as_bytes())?;
            out.flush()?;
            // The page has the error. Standard error repeats it, unless both go to the same terminal.
            let is_shown = stdout().is_terminal() && stderr().is_terminal();
            match found.ending().0 {
                None => Ok(()),
                Some(Failure::WithoutReport(error)) if is_shown => Err(Failure::AlreadyShown(error)),
                Some(Failure::Other(_)) if is_shown => Err(Failure::Undecided),
                Some(failure) => Err(failure),
            }
        }
    }
}

/// Makes the header, and asks the service where this is wanted. A terminal shows what is waited for.
fn find(options: &DoctorOptions, session: &Session<'_>) -> Findings {
    let credentials = session.credentials.clone();
    let _line = StatusLine::start(move || credentials.waiting_for());
    let outcome = session.attempt(options.check);
    let subject_id =
        outcome.header.as_ref().ok().and_then(|header| subject(&options.result.auth, session, header));
    let check = (options.check && outcome.header.is_ok()).then(|| check::run(session));
    Findings { outcome, subject_id, check, claims: session.subject_claims() }
}

/// The subject, if the method knows it without a question to another service.
fn subject(options: &AuthOptions, session: &Session<'_>, header: &Snapshot) -> Option<String> {
    match header.method() {
        Method::Impersonation => options.impersonate.as_deref().map(|id| id.trim().to_owned()),
        Method::ServiceAccountKey | Method::WorkloadIdentity | Method::Profile => {
            let limit = HeaderOptions::new().deadline(session.deadline.remaining().unwrap_or_default());
            session.credentials.blocking().identity(limit).ok()?.subject_id
        }
        _ => None,
    }
}

impl Findings {
    /// The error that the report ends with, if there is one.
    fn error(&self) -> Option<ErrorOutput> {
        match (&self.outcome.header, self.check.as_ref().map(|check| &check.verdict)) {
            (Err(error), _) | (Ok(_), Some(Verdict::Failed(error))) => Some(ErrorOutput::of(error)),
            (Ok(_), Some(Verdict::Undecided(reason))) => Some(ErrorOutput::other(reason)),
            (Ok(_), None | Some(Verdict::Known(_))) => None,
        }
    }

    /// Why the command fails, if it does, and the response of the check.
    fn ending(self) -> (Option<Failure>, Option<CheckOutput>) {
        if let Err(error) = self.outcome.header {
            return (Some(Failure::WithoutReport(error)), None);
        }
        let Some(Check { output, verdict }) = self.check else { return (None, None) };
        let failure = match verdict {
            Verdict::Known(_) => None,
            Verdict::Failed(error) => Some(Failure::WithoutReport(error)),
            Verdict::Undecided(reason) => Some(Failure::Other(reason)),
        };
        (failure, output)
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
    fn of(options: &AuthOptions, found: &Findings, warnings: &Warnings) -> Self {
        let outcome = &found.outcome;
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
        let is_checked = found.check.as_ref().is_some_and(|check| check.output.is_some());
        let selected = outcome.report.as_ref().and_then(Report::selected).map(|attempt| attempt.method);
        if let Some(method) = selected
            && matches!(method, Method::ApiKey | Method::IamToken | Method::EnvIamToken | Method::TokenFile)
            && !is_checked
            && let Some(row) = attempts.iter_mut().find(|row| row.outcome == "selected")
        {
            row.reason = format!("{}; {NOT_CHECKED}", row.reason);
        }
        let header = outcome.header.as_ref().ok();
        let notes = notes(outcome.report.as_ref(), warnings, &attempts);
        Self {
            selected: selected.map(Method::name),
            attempts,
            error: found.error(),
            header: header.and_then(masked),
            expires_at: header.and_then(Snapshot::expires_at).and_then(output::rfc3339),
            subject_id: found.subject_id.clone(),
            check: None,
            notes,
            subject_token: found.claims.clone().map(SubjectToken::from),
        }
    }
}

/// The header with its secret masked; `None` for `none`.
fn masked(header: &Snapshot) -> Option<String> {
    let (scheme, secret) = header.scheme().map(Scheme::as_str).zip(header.expose_secret())?;
    Some(format!("Authorization: {scheme} {}", output::masked(secret)))
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
