//! What a selection or a fetch does now. An error about time that ran out names it, and the log shows each step as the
//! step begins.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::System;
use crate::Error;
use crate::log::log;
use crate::secret::redact;

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

impl System {
    /// With the record of what the selection and the fetches on this system do.
    #[must_use]
    pub(crate) fn with_progress(mut self, progress: Arc<Progress>) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Tells that selection tries a slot from now on; `None` where it has ended.
    pub(crate) fn begin_slot(&self, slot: Option<String>) {
        let slot = slot.map(|slot| redact(&slot, &[]));
        if let Some(slot) = &slot {
            log(|| tracing::debug!("selection looks at {slot}"));
        }
        if let Some(progress) = &self.progress {
            progress.begin_slot(slot);
        }
    }

    /// Tells that a request, a program or a file is waited for from now on. The text holds no secret.
    pub(crate) fn begin_step(&self, step: &str) {
        let step = redact(step, &[]);
        log(|| tracing::debug!("waiting for {step}"));
        if let Some(progress) = &self.progress {
            progress.begin_step(step);
        }
    }

    /// What the selection or the fetch on this system waits for now.
    pub(crate) fn waiting_for(&self) -> Option<String> {
        self.progress.as_ref()?.waiting_for()
    }

    /// Tells why an attempt has failed that is followed by another: a caller whose time runs out before that gets this
    /// error.
    pub(crate) fn attempt_failed(&self, error: Error) {
        log(|| tracing::debug!(%error, "tried again"));
        if let Some(progress) = &self.progress {
            progress.attempt_failed(error);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Progress").field(&self.waiting_for()).finish()
    }
}
