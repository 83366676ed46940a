//! One flight: the fetch that is under way, the callers that wait for it, and the attempt that failed last.
//!
//! A flight makes another attempt while a caller has time for it, and ends when the last caller leaves between two
//! attempts. A caller leaves with the error of the last attempt, as soon as the next attempt comes too late for it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::cached_header::CachedHeader;
use crate::Error;
use crate::sync::{Arc, Mutex, Waker, lock};
use crate::system::BoxFuture;
use crate::task::shared_task::{SharedTask, Wait};

/// The task of a flight. A new header, if there is one, is in place before the outcome is.
pub(super) type RefreshTask = SharedTask<Result<(), Error>>;

/// What a caller needs a fetch for.
#[derive(Clone, Copy)]
pub(super) enum Requirement<'a> {
    /// Any usable token.
    Usable,
    /// A token that lives longer than this one.
    Longer(&'a Arc<CachedHeader>),
}

impl Requirement<'_> {
    /// Whether the caller has no usable token, so that a failed attempt is repeated for it.
    pub(super) fn is_patient(self) -> bool {
        matches!(self, Self::Usable)
    }
}

/// How long a caller waits, by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    /// Until a moment.
    Until(Duration),
    /// For as long as the method may take in all, from a moment on. Which method it is may not be known yet.
    MethodTotal { since: Duration },
}

impl Limit {
    /// When the caller leaves, with a method that may take `total`.
    pub(super) fn end(self, total: Duration) -> Duration {
        match self {
            Self::Until(moment) => moment,
            Self::MethodTotal { since } => since.saturating_add(total),
        }
    }
}

/// An attempt that failed while the flight goes on.
#[derive(Clone, Debug)]
pub(super) struct FailedAttempt {
    pub(super) error: Error,
    /// How long the method may take in all.
    pub(super) total: Duration,
    /// When the next attempt begins, by the monotonic clock.
    pub(super) next: Duration,
}

pub(super) struct Flight {
    pub(super) task: Arc<RefreshTask>,
    callers: Mutex<Callers>,
}

#[derive(Default)]
struct Callers {
    last_id: u64,
    waiting: BTreeMap<u64, Limit>,
    failed: Option<FailedAttempt>,
    /// Wakes the flight from the pause between two attempts.
    pause: Option<Waker>,
}

impl Flight {
    pub(super) fn new(task: Arc<RefreshTask>) -> Arc<Self> {
        Arc::new(Self { task, callers: Mutex::default() })
    }

    /// A caller that waits. It leaves when the value is dropped. The flight makes further attempts for patient callers.
    pub(super) fn join(self: &Arc<Self>, limit: Limit, is_patient: bool) -> Caller {
        let mut callers = lock(&self.callers);
        callers.last_id += 1;
        let id = callers.last_id;
        if is_patient {
            callers.waiting.insert(id, limit);
        }
        Caller { wait: self.task.wait(), flight: Arc::clone(self), id, limit }
    }

    pub(super) fn has_callers(&self) -> bool {
        !lock(&self.callers).waiting.is_empty()
    }

    /// How long the most patient caller still waits, with a method that may take `total`; zero without a caller.
    pub(super) fn time_left(&self, now: Duration, total: Duration) -> Duration {
        let callers = lock(&self.callers);
        let ends = callers.waiting.values().map(|limit| limit.end(total).saturating_sub(now));
        ends.max().unwrap_or_default()
    }

    /// Tells the callers of an attempt that failed, while the flight goes on.
    pub(super) fn tell(&self, failed: FailedAttempt) {
        lock(&self.callers).failed = Some(failed);
        self.task.wake_waiters();
    }

    pub(super) fn failed_attempt(&self) -> Option<FailedAttempt> {
        lock(&self.callers).failed.clone()
    }

    /// Waits for the end of `sleep`; false if no caller waits any more.
    pub(super) async fn pause(&self, sleep: &mut BoxFuture<'static, ()>) -> bool {
        poll_fn(|context| {
            let previous = {
                let mut callers = lock(&self.callers);
                if callers.waiting.is_empty() {
                    return Poll::Ready(false);
                }
                callers.pause.replace(context.waker().clone())
            };
            // Without the lock: a waker can be the last owner of anything.
            drop(previous);
            sleep.as_mut().poll(context).map(|()| true)
        })
        .await
    }

    fn leave(&self, id: u64) {
        let pause = {
            let mut callers = lock(&self.callers);
            callers.waiting.remove(&id);
            if callers.waiting.is_empty() { callers.pause.take() } else { None }
        };
        // Without the lock: a waker runs the code of others.
        if let Some(pause) = pause {
            pause.wake();
        }
    }
}

/// One caller that waits for a flight.
pub(super) struct Caller {
    flight: Arc<Flight>,
    wait: Wait<Result<(), Error>>,
    id: u64,
    limit: Limit,
}

/// Why the wait of a caller ends.
pub(super) enum Waited {
    /// The flight has ended.
    Ended(Result<(), Error>),
    /// The next attempt comes too late for this caller.
    TooLate(Error),
    /// An attempt has failed, so the caller leaves after this time in all. Told once.
    MethodTotal(Duration),
}

impl Caller {
    /// Waits for the next event that concerns this caller.
    pub(super) async fn wait(&mut self) -> Waited {
        poll_fn(|context| self.poll(context)).await
    }

    /// The error of the last attempt, for a caller whose time is up.
    pub(super) fn last_error(&self) -> Option<Error> {
        self.flight.failed_attempt().map(|failed| failed.error)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Waited> {
        // First, because it stores the waker: an attempt that fails after this wakes the caller again.
        if let Poll::Ready(outcome) = Pin::new(&mut self.wait).poll(context) {
            return Poll::Ready(Waited::Ended(outcome));
        }
        let Some(FailedAttempt { error, total, next }) = self.flight.failed_attempt() else {
            return Poll::Pending;
        };
        if self.limit.end(total) <= next {
            return Poll::Ready(Waited::TooLate(error));
        }
        if let Limit::MethodTotal { .. } = self.limit {
            self.limit = Limit::Until(self.limit.end(total));
            return Poll::Ready(Waited::MethodTotal(total));
        }
        Poll::Pending
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.flight.leave(self.id);
    }
}
