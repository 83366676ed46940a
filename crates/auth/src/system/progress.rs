//! What a selection or a fetch does now. An error about time that ran out names it, and the log shows each step as the
//! step begins.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Error;

/// The current step of one set of credentials. Its texts hold no secret: they are redacted when the step begins.
#[derive(Default)]
pub(crate) struct Progress(Mutex<Steps>);

#[derive(Default)]
struct Steps {
    /// The slot of automatic selection that is tried now.
    slot: Option<String>,
    /// The request, the program or the file that is waited for.
    step: Option<String>,
    /// Why the last attempt of the current slot failed, where the slot makes several.
    failed: Option<Error>,
}

impl Progress {
    /// Begins a slot of selection; `None` ends the selection.
    pub(super) fn begin_slot(&self, slot: Option<String>) {
        *self.steps() = Steps { slot, ..Steps::default() };
    }

    /// Begins a step of the current slot, or of a fetch.
    pub(super) fn begin_step(&self, step: String) {
        self.steps().step = Some(step);
    }

    /// Keeps the error of an attempt that is followed by another.
    pub(super) fn attempt_failed(&self, error: Error) {
        self.steps().failed = Some(error);
    }

    /// Why the last attempt of the current slot failed.
    pub(crate) fn last_failure(&self) -> Option<Error> {
        self.steps().failed.clone()
    }

    /// Ends all steps.
    pub(crate) fn clear(&self) {
        *self.steps() = Steps::default();
    }

    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is waited for: `selection at metadata (http://169.254.169.254), waiting for …`. `None` between two fetches.
    pub(crate) fn waiting_for(&self) -> Option<String> {
        let steps = self.steps();
        Some(match (&steps.slot, &steps.step) {
            (None, None) => return None,
            (Some(slot), None) => format!("selection was at {slot}"),
            (None, Some(step)) => format!("waiting for {step}"),
            (Some(slot), Some(step)) => format!("selection was at {slot}, waiting for {step}"),
        })
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Progress").field(&self.waiting_for()).finish()
    }
}
