//! One fetch at a time, and what becomes of its result.
//!
//! Failures are remembered for a while, so that a broken source is not asked once per call.

use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::atomic_moment::{AtomicMoment, millis};
use super::cache::Counters;
use super::cached_header::{CachedHeader, Scheme};
use super::failures::{FLOOR, Failures, Throttle, backoff};
use super::schedule::{Freshness, NEVER, Schedule};
use crate::sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering, lock, try_lock};
use crate::system::{BoxFuture, Now, System, dropped_work};
use crate::task::notifier::Notifier;
use crate::task::shared_task::SharedTask;
use crate::token::{BadLife, Life, Token};
use crate::{Error, ErrorKind, Method};

/// What a fetch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// To select a method.
    Select,
    /// To have a header.
    Header,
}

/// What a fetch brings.
pub(crate) enum Fetched {
    /// A selected method, and no header that could be cached.
    Selection,
    /// A header that does not come from a token source.
    Fixed(Box<CachedHeader>),
    /// A token whose fetch began at `began`.
    Token { method: Method, token: Token, began: Now, max_age: Duration },
}

/// Selects and fetches once. Runs on the system's spawner.
pub(crate) trait Fetch: Send + Sync + 'static {
    fn fetch(&self, goal: Goal) -> BoxFuture<'static, Result<Fetched, Error>>;

    /// What the fetch that is under way waits for now; `None` where that is not known.
    fn waiting_for(&self) -> Option<String> {
        None
    }
}

/// The fetch that is under way. A new header, if there is one, is in place before the outcome is.
pub(super) type RefreshTask = SharedTask<Result<(), Error>>;

/// The task to wait for, or the reason why there is none.
pub(super) enum Join {
    Task(Arc<RefreshTask>),
    /// The required token may have arrived in the meantime.
    Retry,
    Failed(Error),
    /// Another fetch would not bring a token that lives longer than this one.
    NothingBetter(Arc<CachedHeader>),
}

/// What a caller needs a fetch for.
#[derive(Clone, Copy)]
pub(super) enum Requirement<'a> {
    /// Any usable token.
    Usable,
    /// A newer token than the current one.
    Newer,
    /// A token that lives longer than this one.
    Longer(&'a Arc<CachedHeader>),
}

/// The current header, and all that is needed to get the next one.
pub(super) struct Refresher {
    pub(super) system: System,
    fetch: Box<dyn Fetch>,
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
    pub(super) task: Option<Arc<RefreshTask>>,
    pub(super) failures: Failures,
    last_attempt: Option<Now>,
    generation: u64,
    /// The token that a server refused, until another one arrives.
    refused: Option<Arc<CachedHeader>>,
    refusals_in_a_row: u32,
    invalidations: Throttle,
    /// Fetches for a longer life than the current token has.
    longer: Throttle,
}

/// How many refusals in a row replace the token at once.
const BURST: u32 = 3;

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
        self.header.store(Some(Arc::new(header)));
    }

    pub(super) fn waiting_for(&self) -> Option<String> {
        self.fetch.waiting_for()
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
        let Some(mut state) = try_lock(&self.state) else { return };
        if state.task_under_way().is_none() && self.next_refresh.has_passed(now) {
            let (_, work) = self.start_refresh(&mut state, Goal::Header);
            drop(state);
            self.system.spawner().spawn(work);
        }
    }

    /// Joins the fetch that is under way, or starts one if the requirement is not met and a fetch may meet it.
    pub(super) fn join_or_start(self: &Arc<Self>, goal: Goal, requirement: Requirement<'_>) -> Join {
        let now = self.system.clock().now();
        let mut state = self.state();
        if let Some(task) = state.task_under_way() {
            return Join::Task(Arc::clone(task));
        }
        let current = self.header.load_full();
        let is_met = match requirement {
            Requirement::Usable => {
                current.as_ref().is_some_and(|current| current.freshness(&now) != Freshness::Expired)
            }
            Requirement::Newer => false,
            Requirement::Longer(than) => current.as_ref().is_some_and(|current| !Arc::ptr_eq(current, than)),
        };
        if is_met {
            return Join::Retry;
        }
        if let Some(error) = state.failures.remembered(&now) {
            return Join::Failed(error.clone());
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
        let (task, work) = self.start_refresh(&mut state, goal);
        drop(state);
        // Without the lock: a spawner that drops the work at once completes the task here and now.
        self.system.spawner().spawn(work);
        Join::Task(task)
    }

    fn start_refresh(
        self: &Arc<Self>,
        state: &mut RefreshState,
        goal: Goal,
    ) -> (Arc<RefreshTask>, BoxFuture<'static, ()>) {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        // While this fetch is young, stale calls do not even look at the lock.
        self.next_refresh.set(self.system.clock().now() + FLOOR);
        let task = RefreshTask::new();
        state.task = Some(Arc::clone(&task));
        // Weak, because the work must not keep alive the credentials that own it.
        let (refresher, this_task) = (Arc::downgrade(self), Arc::downgrade(&task));
        let work = task.run(self.fetch.fetch(goal), move |result| {
            let result = result.unwrap_or_else(|| Err(dropped_work()));
            match refresher.upgrade() {
                Some(refresher) => refresher.complete(this_task.as_ptr(), result),
                None => result.map(|_| ()),
            }
        });
        (task, work)
    }

    /// Takes in the result of a fetch, and returns the outcome for the callers that wait for it.
    fn complete(&self, task: *const RefreshTask, result: Result<Fetched, Error>) -> Result<(), Error> {
        let now = self.system.clock().now();
        let mut state = self.state();
        if state.task.as_ref().is_some_and(|current| std::ptr::eq(Arc::as_ptr(current), task)) {
            state.task = None;
        }
        state.last_attempt = Some(now);
        match result.and_then(|fetched| self.accept(&mut state, fetched, now)) {
            Ok(accepted) => {
                state.failures.reset();
                self.next_refresh.set(now + FLOOR);
                // Before the log and the subscribers: both run the code of others, which may ask for a header.
                drop(state);
                if let Some((header, is_new)) = accepted {
                    self.announce(&header, is_new, now);
                }
                Ok(())
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                let pause = state.failures.record(&error, now, self.system.clock().random());
                self.next_refresh.set(now + pause);
                drop(state);
                let header = self.header.load();
                // Without a token there is no remaining time; the log then has no such field.
                let remaining_seconds = header.as_ref().map(|header| header.remaining(now).as_secs());
                let method = error.method().map(Method::name);
                tracing::warn!(method, %error, remaining_seconds, backoff_ms = millis(pause), "the fetch of a token failed");
                Err(error)
            }
        }
    }

    /// Stores the header of what was fetched; returns it, and whether its token is a new one.
    fn accept(
        &self,
        state: &mut RefreshState,
        fetched: Fetched,
        now: Now,
    ) -> Result<Option<(Arc<CachedHeader>, bool)>, Error> {
        let before = state.generation;
        let header = match fetched {
            Fetched::Selection => return Ok(None),
            Fetched::Fixed(mut header) => {
                state.generation += 1;
                header.generation = state.generation;
                *header
            }
            Fetched::Token { method, token, began, max_age } => {
                self.make_header(state, method, &token, began, max_age, now)?
            }
        };
        header.check_unrevoked()?;
        let header = Arc::new(header);
        self.header.store(Some(Arc::clone(&header)));
        Ok(Some((header, state.generation != before)))
    }

    /// Makes the header of a token, with the limits that its life and its history give it.
    fn make_header(
        &self,
        state: &mut RefreshState,
        method: Method,
        token: &Token,
        began: Now,
        max_age: Duration,
        now: Now,
    ) -> Result<CachedHeader, Error> {
        let jitter = self.system.clock().random();
        let life = token.life.length(began.wall).map_err(|life| bad_life(life).of(method))?;
        let current = self.header.load_full();
        let is_same = |header: &&Arc<CachedHeader>| header.secret() == Some(token.secret.expose());
        let refused = state.refused.as_ref().filter(is_same).cloned();
        let previous = refused.as_ref().or(current.as_ref()).filter(is_same);
        let first_seen = previous.map_or(began, |previous| previous.first_seen);
        let mut schedule = match life {
            Some(life) => Schedule::for_life(began, life, max_age, jitter),
            None if token.life == Life::Unlimited => Schedule::for_unlimited_life(began, max_age, jitter),
            None => Schedule::for_unknown_life(first_seen, began, max_age, jitter),
        };
        if previous.is_some() {
            schedule = schedule.repeated(now);
        }
        if schedule.freshness(&now) == Freshness::Expired {
            let error =
                Error::new(ErrorKind::Expired, "the source returns a token that has expired").of(method);
            return Err(error.with_help(
                "make the source renew its token (for yc: `yc init`), or check the clocks of both machines",
            ));
        }
        let refused_again = refused.is_some() || previous.is_some_and(|previous| previous.refused);
        if refused_again {
            state.refusals_in_a_row = state.refusals_in_a_row.saturating_add(1);
            // `refresh_by` only brings the refresh forward: a source that is asked more often than this, such as a
            // file, still is.
            schedule = schedule.refresh_by(now + backoff(true, state.refusals_in_a_row, None, jitter));
        } else {
            state.refusals_in_a_row = 0;
        }
        state.refused = None;
        if previous.is_none() {
            state.generation += 1;
        }
        let generation = previous.map_or(state.generation, |previous| previous.generation);
        let mut header = CachedHeader::new(
            method,
            Some((Scheme::of(method), &token.secret)),
            generation,
            schedule,
            first_seen,
        );
        header.repeated = previous.is_some();
        header.refused = refused_again;
        header.expires_at = token.life.end(began.wall, life);
        Ok(header)
    }

    fn announce(&self, header: &CachedHeader, is_new: bool, now: Now) {
        tracing::debug!(
            method = %header.method,
            generation = header.generation,
            remaining_seconds = (header.schedule.end != NEVER).then(|| header.remaining(now).as_secs()),
            repeated = header.repeated,
            "a token was fetched"
        );
        if header.refused {
            tracing::warn!(method = %header.method, "a server refused the token, and the source returned the same one again");
        }
        if is_new {
            self.notifier.notify();
        }
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
        state.invalidations.record(now, BURST, self.system.clock().random());
        self.header.store(None);
        state.refused = Some(Arc::clone(&header));
        // A failure from the time when this token was still good must not prevent the fetch that is needed now.
        state.failures.forget_last();
        drop(state);
        tracing::debug!(method = %header.method, generation = header.generation, "a server refused the token; dropped");
        true
    }

    /// Stops the fetch that is under way, and ends all subscriptions.
    pub(super) fn stop(&self) {
        // Not in one expression: `if let` would keep the lock while the work is dropped.
        let task = self.state().task.take();
        if let Some(task) = task {
            task.cancel();
        }
        self.notifier.close();
    }
}

impl RefreshState {
    /// The fetch that is under way. After a fork the child holds a copy of the task, but no thread runs it.
    fn task_under_way(&self) -> Option<&Arc<RefreshTask>> {
        self.task.as_ref().filter(|task| task.is_of_this_process())
    }
}

fn bad_life(BadLife(life): BadLife) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("the response gives the token a lifetime of {} s, outside 1 s to 24 h", life.as_secs()),
    )
    .with_help("check the clock of this machine and the source of the token")
}
