//! `YC_AUTH_METHOD`: the environment names the one slot that automatic selection uses.
//!
//! The slot counts as if the program had named its method: a missing value is an error, yc needs no terminal, and no
//! other slot is tried. Automatic selection alone reads the variable: a method that the program names wins.

use std::time::Duration;

use super::Selection;
use super::automatic::{broken_variable, notes};
use crate::log::log;
use crate::methods::sealed::{Sealed, located};
use crate::report::{Attempt, Outcome, Report};
use crate::sync::Arc;
use crate::system::System;
use crate::{Error, ErrorKind};

/// The variable that names the slot.
pub(crate) const VARIABLE: &str = "YC_AUTH_METHOD";

/// The longest name that an error shows. A longer value may be a secret, given by mistake.
const LONGEST_NAME: usize = 24;

/// The error for a value that names none of these slots.
pub(super) fn unknown<'a>(name: &str, slots: impl Iterator<Item = &'a str>) -> Error {
    let is_name =
        name.len() <= LONGEST_NAME && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    let reason = match is_name {
        true => format!("automatic selection has no method `{name}`"),
        false => "the value is not the name of a method".to_owned(),
    };
    let known: Vec<_> = slots.collect();
    Error::new(ErrorKind::Invalid, reason)
        .at(VARIABLE)
        .with_help(format!("set {VARIABLE} to one of {}, or unset it", known.join(", ")))
}

/// Selects the method of the pinned slot.
///
/// # Errors
/// What the method lacks, with a report of this slot alone.
pub(super) async fn select(method: &Arc<dyn Sealed>, system: &System) -> Result<Selection, Error> {
    let found = located(method, system).await;
    let method = found.as_ref().unwrap_or(method);
    let report = |outcome, source: Option<String>, reason| {
        let source = source.unwrap_or_else(|| method.location(system));
        let attempt = Attempt { method: method.method(), source, outcome, reason, elapsed: Duration::ZERO };
        Report::new(vec![attempt], notes(system))
    };
    let provider = found.as_ref().map_err(Error::clone).and_then(|found| found.provider(system));
    let provider = provider.map_err(|error| {
        let outcome = match error.kind() {
            ErrorKind::NotConfigured => Outcome::Absent,
            _ => Outcome::Broken,
        };
        let pins = format!("{VARIABLE} pins this method; unset it for automatic selection");
        let help = error.help().map_or_else(|| pins.clone(), |help| format!("{help}; {pins}"));
        // The report names the variable in a column of its own: `not set` is enough there.
        let reason = error.reason().strip_prefix("the variable is ").unwrap_or(error.reason());
        let report = report(outcome, broken_variable(&error), format!("pinned by {VARIABLE}: {reason}"));
        error.of(method.method()).with_help(help).with_report(report)
    })?;
    let reason = method.explicit_reason(system).await;
    // A warning may follow the first word.
    let reason = format!("pinned by {VARIABLE}{}", reason.strip_prefix("given").unwrap_or_default());
    let report = report(Outcome::Selected, None, reason);
    log(
        || tracing::info!(method = %method.method(), source = report.attempts()[0].source, "pinned by {VARIABLE}"),
    );
    Ok(Selection { method: Arc::clone(method), provider, first: None, report })
}
