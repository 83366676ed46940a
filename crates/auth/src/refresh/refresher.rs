//! One fetch at a time, and what becomes of its result.
//!
//! A fetch that callers wait for makes another attempt after a transient failure, while they have time. Failures are
//! remembered for a while, so that a broken source is not asked once per call.

use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::atomic_moment::AtomicMoment;
use super::cache::Counters;
use super::cached_header::CachedHeader;
use super::entry::Entry;
use super::failures::{FLOOR, Failures, FlightKind, REFUSALS, Throttle};
use super::fetch::{Fetch, Fetched, Goal};
use super::flight::{Caller, FailedAttempt, Flight, Limit, RefreshTask, Requirement};
use super::schedule::{Freshness, NEVER};
use crate::Error;
use crate::sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering, Weak, lock, try_lock};
use crate::system::{BoxFuture, Now, System, dropped_work};
use crate::task::notifier::Notifier;
use crate::task::pace::Next;

/// The flight to wait for, or the reason why there is none.
pub(super) enum Join {
    Flight(Caller),
    /// The required token may have arrived in the meantime.
    Retry,
    Failed(Error),
    /// Another fetch would not bring a token that lives longer than this one.
    NothingBetter(Arc<CachedHeader>),
}

/// The current header, and all that is needed to get the next one.
pub(super) struct Refresher {
    pub(super) system: System,
    pub(super) fetch: Box<dyn Fetch>,
    pub(super) header: ArcSwapOption<CachedHeader>,
    /// Before this moment a stale header starts no fetch. Kept outside the lock, for the ready path.
    next_refresh: AtomicMoment,
    state: Mutex<RefreshState>,
    notifier: Arc<Notifier>,
    fetches: AtomicU64,
    failures: AtomicU64,
    waited: AtomicU64,
}

/// What is known besides the header.
#[derive(Default)]
pub(super) struct RefreshState {
    pub(super) flight: Option<Arc<Flight>>,
    pub(super) failures: Failures,
    last_attempt: Option<Now>,
    pub(super) generation: u64,
    /// The token that a server refused, until another one arrives.
    pub(super) refused: Option<Arc<CachedHeader>>,
    pub(super) refusals_in_a_row: u32,
    invalidations: Throttle,
    /// Fetches for a longer life than the current token has.
    longer: Throttle,
}

/// The outcome of a flight, and what is logged about it once the callers are woken.
type Ended = (Result<(), Error>, Option<Entry>);

/// What follows an attempt.
enum Settled {
    /// The flight ends.
    Ended(Ended),
    /// The flight makes another attempt after this sleep.
    TryAgain(BoxFuture<'static, ()>),
}

impl Refresher {
    pub(super) fn new(system: System, fetch: Box<dyn Fetch>, notifier: Arc<Notifier>) -> Self {
        Self {
            system,
            fetch,
            header: ArcSwapOption::empty(),
            next_refresh: AtomicMoment::default(),
            state: Mutex::default(),
            notifier,
            fetches: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            waited: AtomicU64::new(0),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, RefreshState> {
        lock(&self.state)
    }

    pub(super) fn put(&self, header: CachedHeader) {
        self.state().generation = header.generation;
        // Not `replace_header`: no thread has called yet, so no thread has a copy.
        self.header.store(Some(Arc::new(header)));
    }

    pub(super) fn waiting_for(&self) -> Option<String> {
        self.fetch.waiting_for()
    }

    pub(super) fn last_failure(&self) -> Option<Error> {
        self.fetch.last_failure()
    }

    pub(super) fn count_waiting_call(&self) {
        self.waited.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counters(&self) -> Counters {
        Counters {
            fetches: self.fetches.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            waited: self.waited.load(Ordering::Relaxed),
        }
    }

    /// Refreshes a stale token, unless a fetch is under way or failed a moment ago. Never waits for a lock.
    #[cold]
    pub(super) fn refresh_in_background(self: &Arc<Self>, now: Now) {
        if !self.next_refresh.has_passed(now) {
            return;
        }
        let Some(state) = try_lock(&self.state) else { return };
        if state.flight_under_way().is_none() && self.next_refresh.has_passed(now) {
            self.fly_without_callers(state, now);
        }
    }

    /// Starts a fetch that no caller waits for, if no header is fresh, no fetch is under way and none failed a moment ago.
    pub(super) fn prewarm(self: &Arc<Self>) {
        let now = self.system.clock().now();
        let state = self.state();
        let header = self.header.load_full();
        let is_fresh = header.is_some_and(|header| header.freshness(&now) == Freshness::Fresh);
        if !is_fresh && state.flight_under_way().is_none() && state.failures.remembered(&now).is_none() {
            self.fly_without_callers(state, now);
        }
    }

    /// Joins the flight that is under way, or starts one if the requirement is not met and a fetch may meet it.
    pub(super) fn join_or_start(
        self: &Arc<Self>,
        goal: Goal,
        requirement: Requirement<'_>,
        limit: Limit,
    ) -> Join {
        let now = self.system.clock().now();
        let mut state = self.state();
        if let Some(flight) = state.flight_under_way() {
            return Join::Flight(flight.join(limit, requirement.is_patient()));
        }
        // Again, under the lock: a token may have landed since the caller looked.
        let current = self.header.load_full();
        let is_met = match requirement {
            Requirement::Usable => current.as_ref().is_some_and(|current| current.is_usable(&now)),
            Requirement::Longer(than) => current.as_ref().is_some_and(|current| !Arc::ptr_eq(current, than)),
        };
        if is_met {
            return Join::Retry;
        }
        let mut waits_for = None;
        if let Some(last) = state.failures.remembered(&now) {
            match (requirement, last.of) {
                // The failure of a refresh was not told to callers that had to wait.
                (Requirement::Usable, FlightKind::Refresh) => {}
                (Requirement::Usable, FlightKind::Unwaited) if last.error.is_worth_a_retry() => {
                    let total = self.fetch.total();
                    let next = now.monotonic.saturating_add(now.until(last.until));
                    if limit.end(total) <= next {
                        return Join::Failed(last.error.clone());
                    }
                    waits_for = Some(FailedAttempt { error: last.error.clone(), total, next });
                }
                _ => return Join::Failed(last.error.clone()),
            }
        }
        if let Requirement::Longer(than) = requirement {
            let just_fetched = state.last_attempt.is_some_and(|last| now.is_before(&(last + FLOOR)));
            let would_repeat = than.repeated && than.freshness(&now) == Freshness::Fresh;
            if than.schedule.refresh == NEVER || just_fetched || would_repeat || state.longer.is_limited(now)
            {
                return Join::NothingBetter(Arc::clone(than));
            }
            state.longer.record(now, 0, self.system.clock().random());
        }
        let flight = self.start_flight(&mut state, now);
        let first_pause = waits_for.as_ref().map_or(Duration::ZERO, |failed| failed.next - now.monotonic);
        if let Some(failed) = waits_for {
            flight.tell(failed);
        }
        // Before the work starts: a flight without callers makes one attempt only.
        let caller = flight.join(limit, requirement.is_patient());
        drop(state);
        self.spawn(&flight, goal, first_pause);
        Join::Flight(caller)
    }

    fn fly_without_callers(self: &Arc<Self>, mut state: MutexGuard<'_, RefreshState>, now: Now) {
        let flight = self.start_flight(&mut state, now);
        drop(state);
        self.spawn(&flight, Goal::Header, Duration::ZERO);
    }

    fn start_flight(&self, state: &mut RefreshState, now: Now) -> Arc<Flight> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        let flight = Flight::new(RefreshTask::new());
        state.flight = Some(Arc::clone(&flight));
        // While this flight is young, stale calls do not even look at the lock.
        self.next_refresh.set(now + FLOOR);
        flight
    }

    /// Runs a flight. Without the lock: a spawner that drops the work at once completes the task here and now.
    fn spawn(self: &Arc<Self>, flight: &Arc<Flight>, goal: Goal, first_pause: Duration) {
        // Weak, because the work must not keep alive the credentials that own it.
        let refresher = Arc::downgrade(self);
        let work = fly(Weak::clone(&refresher), Arc::clone(flight), goal, first_pause);
        let ended = Arc::clone(flight);
        let work = flight.task.run_then(work, move |settled| {
            let (outcome, entry) = settled.flatten().unwrap_or_else(|| {
                let error = dropped_work().without_retry();
                match refresher.upgrade().map(|refresher| refresher.settle(&ended, Err(error.clone()))) {
                    Some(Settled::Ended(ended)) => ended,
                    Some(Settled::TryAgain(_)) | None => (Err(error), None),
                }
            });
            (outcome, move || {
                if let Some(entry) = entry {
                    entry.write();
                }
            })
        });
        self.system.spawner().spawn(work);
    }

    /// Takes in the result of an attempt.
    fn settle(&self, flight: &Arc<Flight>, result: Result<Fetched, Error>) -> Settled {
        let (clock, now) = (self.system.clock(), self.system.clock().now());
        let mut state = self.state();
        if !state.is_current(flight) {
            // The credentials were dropped.
            return Settled::Ended((result.map(drop), None));
        }
        // The source was not asked where another process had the token.
        if !result.as_ref().is_ok_and(Fetched::is_shared) {
            state.last_attempt = Some(now);
        }
        let error = match result.and_then(|fetched| self.accept(&mut state, fetched, now)) {
            Ok(accepted) => {
                state.flight = None;
                state.failures.reset();
                self.next_refresh.set(now + FLOOR);
                let entry = accepted.map(|(header, is_new)| {
                    let notifier = is_new.then(|| Arc::clone(&self.notifier));
                    Entry::Fetched { header, now, notifier }
                });
                return Settled::Ended((Ok(()), entry));
            }
            Err(error) => error,
        };
        self.failures.fetch_add(1, Ordering::Relaxed);
        let jitter = clock.random();
        let header = self.header.load_full();
        if let Some(header) = header.as_ref().filter(|header| header.is_usable(&now)) {
            let pause = state.failures.record_refresh(&error, now.until(header.schedule.usable), jitter);
            return Settled::Ended(self.end_in_failure(state, error, now, pause, FlightKind::Refresh));
        }
        let total = self.fetch.total();
        let left = flight.time_left(now.monotonic, total);
        match state.failures.record_attempt(&error, now, left, jitter) {
            Next::TryAgain(pause) => {
                drop(state);
                self.fetches.fetch_add(1, Ordering::Relaxed);
                let next = now.monotonic.saturating_add(pause);
                flight.tell(FailedAttempt { error: error.clone(), total, next });
                Entry::TriedAgain { error, pause }.write();
                Settled::TryAgain(clock.sleep(pause))
            }
            Next::GiveUp(pause) => {
                let of = if flight.has_callers() { FlightKind::Waited } else { FlightKind::Unwaited };
                Settled::Ended(self.end_in_failure(state, error, now, pause, of))
            }
        }
    }

    fn end_in_failure(
        &self,
        mut state: MutexGuard<'_, RefreshState>,
        error: Error,
        now: Now,
        pause: Duration,
        of: FlightKind,
    ) -> Ended {
        state.flight = None;
        state.failures.remember(&error, now + pause, of);
        self.next_refresh.set(now + pause);
        drop(state);
        // Without a token there is no remaining time; the log then has no such field.
        let remaining = self.header.load().as_ref().map(|header| header.remaining(now));
        let entry = Entry::Failed { error: error.clone(), remaining, pause };
        (Err(error), Some(entry))
    }

    /// Ends a flight whose callers have all left after the attempt that failed. `None` if a caller has come since.
    fn end_without_callers(&self, flight: &Arc<Flight>) -> Option<Ended> {
        let now = self.system.clock().now();
        let FailedAttempt { error, next, .. } = flight.failed_attempt()?;
        let state = self.state();
        if !state.is_current(flight) {
            // The credentials are being dropped. To ask again and again until they are gone would keep a core busy.
            return Some((Err(error), None));
        }
        if flight.has_callers() {
            return None;
        }
        let pause = next.saturating_sub(now.monotonic);
        Some(self.end_in_failure(state, error, now, pause, FlightKind::Unwaited))
    }

    /// Drops exactly the token of `refused`; false if that changes nothing.
    pub(super) fn invalidate(&self, refused: &CachedHeader, now: Now) -> bool {
        let mut state = self.state();
        let Some(header) = self.header.load_full() else { return false };
        if header.generation != refused.generation || header.secret() != refused.secret() {
            return false;
        }
        // The source was asked after an earlier refusal, and returned the same token.
        if header.refused && now.is_before(&header.schedule.refresh) {
            return false;
        }
        // A server that refuses every token must not cause an unbounded number of fetches.
        if state.invalidations.is_limited(now) {
            return false;
        }
        state.invalidations.record(now, REFUSALS, self.system.clock().random());
        self.replace_header(None);
        state.refused = Some(Arc::clone(&header));
        // A failure from the time when this token was still good must not prevent the fetch that is needed now.
        state.failures.forget_last();
        drop(state);
        Entry::Refused { header }.write();
        true
    }

    /// Stops the fetch that is under way, and ends all subscriptions.
    pub(super) fn stop(&self) {
        // Not in one expression: `if let` would keep the lock while the work is dropped.
        let flight = self.state().flight.take();
        if let Some(flight) = flight {
            flight.task.cancel();
        }
        self.notifier.close();
    }
}

impl RefreshState {
    /// The flight that is under way. After a fork the child holds a copy of it, but no thread runs it.
    fn flight_under_way(&self) -> Option<&Arc<Flight>> {
        self.flight.as_ref().filter(|flight| flight.task.is_of_this_process())
    }

    fn is_current(&self, flight: &Arc<Flight>) -> bool {
        self.flight.as_ref().is_some_and(|current| Arc::ptr_eq(current, flight))
    }
}

/// The work of a flight: attempts until one succeeds, or no caller has time for another one. `None` if the credentials
/// were dropped.
async fn fly(
    refresher: Weak<Refresher>,
    flight: Arc<Flight>,
    goal: Goal,
    first_pause: Duration,
) -> Option<Ended> {
    let mut pause = if first_pause.is_zero() {
        None
    } else {
        Some(refresher.upgrade()?.system.clock().sleep(first_pause))
    };
    loop {
        if let Some(mut sleep) = pause.take() {
            while !flight.pause(&mut sleep).await {
                if let Some(ended) = refresher.upgrade()?.end_without_callers(&flight) {
                    return Some(ended);
                }
            }
        }
        let attempt = refresher.upgrade()?.attempt(goal, &flight);
        let result = attempt.await;
        // Not held over a pause: the work must not keep the credentials alive.
        let settled = refresher.upgrade()?.settle(&flight, result);
        match settled {
            Settled::Ended(ended) => return Some(ended),
            Settled::TryAgain(sleep) => pause = Some(sleep),
        }
    }
}
