//! The token at hand, and the one fetch that renews it for everybody.
//!
//! A call that finds a usable token takes it and goes, without a lock. A stale token is renewed by a flight that
//! nobody waits for. Only a call that finds nothing usable joins the flight, and shares its outcome, an error as
//! well as a token. Failures are remembered for a while, so that a broken source is not asked once per call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::cached_header::{CachedHeader, CachedHeaderGuard, Scheme};
use super::flight::{Deadline, Flight, Outcome};
use super::notifier::Notifier;
use super::schedule::{self, BadLife, FLOOR, NEVER, Schedule, State};
use super::throttle::Throttle;
use crate::system::{BoxFuture, Now, System};
use crate::token::Token;
use crate::{Error, ErrorKind, Method};

/// What a flight is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// To choose a method.
    Select,
    /// To have a header.
    Header,
}

/// What a flight brings.
pub(crate) enum Fetched {
    /// A choice, and no header that could be kept.
    Choice,
    /// A header that does not come from a token source.
    Fixed(Box<CachedHeader>),
    /// A token, asked for at `began`.
    Token { method: Method, token: Token, began: Now, max_age: Duration },
}

/// Chooses and fetches, once; runs where fetches run.
pub(crate) trait Fetch: Send + Sync + 'static {
    fn fetch(&self, goal: Goal) -> BoxFuture<'static, Result<Fetched, Error>>;
}

/// How often things happened, since the credentials were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Fetches that were started, selection included.
    pub fetches: u64,
    /// Fetches that failed.
    pub failures: u64,
    /// Calls that had to wait for one.
    pub waited: u64,
}

/// One cache; dropping it stops its flight.
pub(crate) struct Cache {
    shared: Arc<Shared>,
}

struct Shared {
    system: System,
    fetch: Box<dyn Fetch>,
    ready: ArcSwapOption<CachedHeader>,
    /// After a failed refresh: when a stale token is asked for again, by either clock, in milliseconds.
    next_ask: [AtomicU64; 2],
    state: Mutex<CacheState>,
    changes: Arc<Notifier>,
    fetches: AtomicU64,
    failures: AtomicU64,
    waited: AtomicU64,
}

/// What is known besides the token.
#[derive(Default)]
struct CacheState {
    flight: Option<Arc<Flight>>,
    failed: Option<(Error, Now)>,
    failures_in_a_row: u32,
    refusals_in_a_row: u32,
    last_attempt: Option<Now>,
    generation: u64,
    /// The token that a server refused, until another one comes.
    refused: Option<Arc<CachedHeader>>,
    /// How often tokens were dropped, and a longer life was asked for.
    drops: Throttle,
    longer: Throttle,
}

impl CacheState {
    /// The flight that is under way. One that a fork has copied is none: nobody flies it here.
    fn flight(&self) -> Option<&Arc<Flight>> {
        self.flight.as_ref().filter(|flight| flight.is_of_this_process())
    }
}

/// How many refusals in a row are believed at once.
const BURST: u32 = 3;

/// A flight to wait for, or the reason why there is none.
enum Join {
    Flight(Arc<Flight>),
    /// What was wished for may have come in the meantime.
    Again,
    Failed(Error),
    /// Asking again would not bring a token that lives longer than this one.
    NothingBetter(Arc<CachedHeader>),
}

/// What a caller boards a flight for.
#[derive(Clone, Copy)]
enum Requirement<'a> {
    /// Any usable token.
    Usable,
    /// A newer one than is at hand.
    Newer,
    /// One that lives longer than this one.
    Longer(&'a Arc<CachedHeader>),
}

impl Cache {
    pub(crate) fn new(system: System, fetch: Box<dyn Fetch>, changes: Arc<Notifier>) -> Self {
        let shared = Shared {
            system,
            fetch,
            ready: ArcSwapOption::empty(),
            next_ask: [AtomicU64::new(0), AtomicU64::new(0)],
            state: Mutex::default(),
            changes,
            fetches: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            waited: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Puts a header in place that needs no fetch.
    pub(crate) fn put(&self, ready: CachedHeader) {
        let mut state = self.shared.state();
        state.generation = ready.generation;
        self.shared.ready.store(Some(Arc::new(ready)));
    }

    /// What is at hand, where it is usable. Takes no lock, allocates nothing.
    #[inline]
    pub(crate) fn get_cached(&self) -> Option<CachedHeaderGuard> {
        let ready = self.shared.ready.load();
        let now = self.shared.system.clock().now();
        match ready.as_ref()?.state(&now) {
            State::Fresh => {}
            State::Stale => self.shared.renew_beside(now),
            State::Expired => return None,
        }
        Some(CachedHeaderGuard(ready))
    }

    /// The same, to keep.
    pub(crate) fn usable(&self) -> Option<Arc<CachedHeader>> {
        self.get_cached()?.keep()
    }

    /// Starts a fetch that nobody waits for, where nothing is fresh and none is under way.
    pub(crate) fn prewarm(&self) {
        let now = self.shared.system.clock().now();
        if self.shared.ready.load().as_ref().is_none_or(|ready| ready.state(&now) != State::Fresh) {
            drop(self.shared.join_or_start(Goal::Header, Requirement::Newer));
        }
    }

    /// The failure that is remembered now.
    pub(crate) fn failure(&self) -> Option<Error> {
        let now = self.shared.system.clock().now();
        let state = self.shared.state();
        state.failed.as_ref().filter(|(_, until)| now.is_before(until)).map(|(error, _)| error.clone())
    }

    /// Waits for a usable header whose token lives for `min_ttl` more; `None` where the flight only made a choice.
    pub(crate) async fn get(
        &self,
        goal: Goal,
        min_ttl: Duration,
        deadline: &mut Deadline,
    ) -> Result<Option<Arc<CachedHeader>>, Error> {
        let shared = &self.shared;
        let mut asked_for_longer = false;
        let mut counted = false;
        // Two rounds are the rule: a flight that only chooses, and one that fetches. More only where tokens die,
        // or are refused, as fast as they come.
        for _ in 0..4 {
            let usable = self.usable();
            if let Some(ready) = &usable {
                let now = shared.system.clock().now();
                if ready.lives_for(min_ttl, now) {
                    return Ok(usable);
                }
                if asked_for_longer {
                    return Err(short(ready, ready.remaining(now), min_ttl, None));
                }
                asked_for_longer = true;
            }
            let requirement = usable.as_ref().map_or(Requirement::Usable, Requirement::Longer);
            let flight = match shared.join_or_start(goal, requirement) {
                Join::Flight(flight) => flight,
                Join::Again => {
                    asked_for_longer = false;
                    continue;
                }
                Join::Failed(error) => return Err(shared.explain(error, min_ttl, usable.as_deref())),
                Join::NothingBetter(ready) => {
                    let left = ready.remaining(shared.system.clock().now());
                    return Err(short(&ready, left, min_ttl, None));
                }
            };
            if !counted {
                counted = true;
                shared.waited.fetch_add(1, Ordering::Relaxed);
            }
            match deadline.wait(&flight, &shared.system).await {
                None => return Err(shared.out_of_time(deadline.span())),
                Some(Err(error)) => return Err(shared.explain(error, min_ttl, usable.as_deref())),
                Some(Ok(())) if shared.ready.load().is_none() => return Ok(None),
                Some(Ok(())) => {}
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            "the tokens that the source gives are refused or over as fast as they come",
        )
        .with_help("look at the clocks of this machine and of the source, and at the token's life"))
    }

    /// Drops exactly the token of `refused`; false where it is not the one at hand, or its refusal is already known
    /// and the source had nothing else.
    pub(crate) fn invalidate(&self, refused: &CachedHeader) -> bool {
        let now = self.shared.system.clock().now();
        let mut state = self.shared.state();
        let Some(ready) = self.shared.ready.load_full() else { return false };
        if ready.generation != refused.generation || ready.secret() != refused.secret() {
            return false;
        }
        if ready.refused && now.is_before(&ready.plan.refresh) {
            return false;
        }
        // The first refusals are believed at once; a server that refuses every token must not become a storm of fetches.
        if state.drops.is_limited(now) {
            return false;
        }
        state.drops.record(now, BURST, self.shared.system.clock().random());
        self.shared.ready.store(None);
        state.refused = Some(Arc::clone(&ready));
        // A failure that was remembered while this token stood in for it must not forbid the fetch that is due now.
        state.failed = None;
        drop(state);
        tracing::debug!(method = %ready.method, generation = ready.generation, "a server refused the token; dropped");
        true
    }

    pub(crate) fn counters(&self) -> Counters {
        Counters {
            fetches: self.shared.fetches.load(Ordering::Relaxed),
            failures: self.shared.failures.load(Ordering::Relaxed),
            waited: self.shared.waited.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        // Not in one expression: `if let` would keep the lock while the worker is woken.
        let flight = self.shared.state().flight.take();
        if let Some(flight) = flight {
            flight.cancel.cancel();
        }
        self.shared.changes.close();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, CacheState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews a stale token, unless that is under way or failed a moment ago. Never waits for a lock.
    #[cold]
    fn renew_beside(self: &Arc<Self>, now: Now) {
        if !self.ask_is_due(now) {
            return;
        }
        let Ok(mut state) = self.state.try_lock() else { return };
        if state.flight().is_none() && self.ask_is_due(now) {
            let (_, work) = self.start_refresh(&mut state, Goal::Header);
            drop(state);
            self.system.spawner().spawn(work);
        }
    }

    fn ask_is_due(&self, now: Now) -> bool {
        let [wall, monotonic] = &self.next_ask;
        millis(now.wall) >= wall.load(Ordering::Relaxed)
            || millis(now.monotonic) >= monotonic.load(Ordering::Relaxed)
    }

    fn set_next_ask(&self, moment: Now) {
        self.next_ask[0].store(millis(moment.wall), Ordering::Relaxed);
        self.next_ask[1].store(millis(moment.monotonic), Ordering::Relaxed);
    }

    /// Joins the flight that is under way, or starts one where the requirement is not met and there is hope.
    fn join_or_start(self: &Arc<Self>, goal: Goal, requirement: Requirement<'_>) -> Join {
        let now = self.system.clock().now();
        let mut state = self.state();
        if let Some(flight) = state.flight() {
            return Join::Flight(Arc::clone(flight));
        }
        let current = self.ready.load_full();
        let came = match requirement {
            Requirement::Usable => {
                current.as_ref().is_some_and(|current| current.state(&now) != State::Expired)
            }
            Requirement::Newer => false,
            Requirement::Longer(than) => current.as_ref().is_some_and(|current| !Arc::ptr_eq(current, than)),
        };
        if came {
            return Join::Again;
        }
        if let Some((error, until)) = &state.failed
            && now.is_before(until)
        {
            return Join::Failed(error.clone());
        }
        if let Requirement::Longer(than) = requirement {
            let just_asked = state.last_attempt.is_some_and(|last| now.is_before(&(last + FLOOR)));
            let same_again = than.given_again && than.state(&now) == State::Fresh;
            if than.plan.refresh == NEVER || just_asked || same_again || state.longer.is_limited(now) {
                return Join::NothingBetter(Arc::clone(than));
            }
            state.longer.record(now, 0, self.system.clock().random());
        }
        let (flight, work) = self.start_refresh(&mut state, goal);
        drop(state);
        // Without the lock: a spawner that drops its work at once makes it land here and now.
        self.system.spawner().spawn(work);
        Join::Flight(flight)
    }

    fn start_refresh(
        self: &Arc<Self>,
        state: &mut CacheState,
        goal: Goal,
    ) -> (Arc<Flight>, BoxFuture<'static, ()>) {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        // Stale calls need not even look at the lock while this is young.
        self.set_next_ask(self.system.clock().now() + FLOOR);
        let flight = Arc::new(Flight::default());
        state.flight = Some(Arc::clone(&flight));
        let fetch = self.fetch.fetch(goal);
        let landing =
            CompleteOnDrop { shared: Arc::downgrade(self), flight: Arc::clone(&flight), result: None };
        let work = flight.cancel.guard(Box::pin(async move {
            let mut landing = landing;
            landing.result = Some(fetch.await);
        }));
        (flight, work)
    }

    /// Takes in what a flight brought.
    fn complete(&self, flight: &Arc<Flight>, result: Result<Fetched, Error>) -> Outcome {
        let now = self.system.clock().now();
        let mut state = self.state();
        if state.flight.as_ref().is_some_and(|current| Arc::ptr_eq(current, flight)) {
            state.flight = None;
        }
        state.last_attempt = Some(now);
        match result.and_then(|fetched| self.accept(&mut state, fetched, now)) {
            Ok(landed) => {
                state.failed = None;
                state.failures_in_a_row = 0;
                self.set_next_ask(now + FLOOR);
                // Subscribers to the log and to changes are others' code, which may ask for a header: not under the lock.
                drop(state);
                if let Some((ready, changed)) = landed {
                    tracing::debug!(
                        method = %ready.method,
                        generation = ready.generation,
                        remaining_seconds = (ready.plan.end != NEVER).then(|| ready.remaining(now).as_secs()),
                        given_again = ready.given_again,
                        "a token is at hand"
                    );
                    if ready.refused {
                        tracing::warn!(method = %ready.method, "a server refused the token, and the source gives the same one again");
                    }
                    if changed {
                        self.changes.notify();
                    }
                }
                Ok(())
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                state.failures_in_a_row = state.failures_in_a_row.saturating_add(1);
                let jitter = self.system.clock().random();
                let pause = schedule::pause(
                    error.is_transient(),
                    state.failures_in_a_row,
                    error.retry_after(),
                    jitter,
                );
                state.failed = Some((error.clone(), now + pause));
                self.set_next_ask(now + pause);
                drop(state);
                let left = self.ready.load().as_ref().map_or(Duration::ZERO, |ready| ready.remaining(now));
                let method = error.method().map(Method::name);
                tracing::warn!(method, %error, remaining_seconds = left.as_secs(), again_in_ms = millis(pause), "no token was fetched");
                Err(error)
            }
        }
    }

    /// Puts what was fetched in place: the header, and whether its token is a new one.
    fn accept(
        &self,
        state: &mut CacheState,
        fetched: Fetched,
        now: Now,
    ) -> Result<Option<(Arc<CachedHeader>, bool)>, Error> {
        let before = state.generation;
        let ready = match fetched {
            Fetched::Choice => return Ok(None),
            Fetched::Fixed(ready) => {
                let mut ready = *ready;
                state.generation += 1;
                ready.generation = state.generation;
                ready
            }
            Fetched::Token { method, token, began, max_age } => {
                self.plan(state, method, &token, began, max_age, now)?
            }
        };
        ready.check_unrevoked()?;
        let ready = Arc::new(ready);
        self.ready.store(Some(Arc::clone(&ready)));
        Ok(Some((ready, state.generation != before)))
    }

    /// Makes a header of a token, with the limits that its life and its history give it.
    fn plan(
        &self,
        state: &mut CacheState,
        method: Method,
        token: &Token,
        began: Now,
        max_age: Duration,
        now: Now,
    ) -> Result<CachedHeader, Error> {
        let jitter = self.system.clock().random();
        let life = schedule::life(token.life, began).map_err(|BadLife(life)| {
            Error::new(
                ErrorKind::Unavailable,
                format!("the answer gives the token a life of {} s, outside 1 s to 24 h", life.as_secs()),
            )
            .of(method)
            .with_help("look at the clock of this machine and at the source of the token")
        })?;
        let current = self.ready.load_full();
        let is_same = |ready: &&Arc<CachedHeader>| ready.secret() == Some(token.secret.expose());
        let refused = state.refused.as_ref().filter(is_same).cloned();
        let before = refused.as_ref().or(current.as_ref()).filter(is_same);
        let seen = before.map_or(began, |before| before.seen);
        let mut plan = match life {
            Some(life) => Schedule::for_life(began, life, max_age, jitter),
            None => Schedule::for_unknown_life(seen, began, max_age, jitter),
        };
        if before.is_some() {
            plan = plan.given_again(now);
        }
        if plan.state(&now) == State::Expired {
            let error =
                Error::new(ErrorKind::Expired, "the source gives a token whose life is over").of(method);
            return Err(
                error.with_help("make the source renew its token (for yc: `yc init`), or look at the clocks")
            );
        }
        let refused_again = refused.is_some() || before.is_some_and(|before| before.refused);
        if refused_again {
            state.refusals_in_a_row = state.refusals_in_a_row.saturating_add(1);
            // A source that is looked at more often than that, a file for one, still is.
            plan = plan.refresh_by(now + schedule::pause(true, state.refusals_in_a_row, None, jitter));
        } else {
            state.refusals_in_a_row = 0;
        }
        state.refused = None;
        if before.is_none() {
            state.generation += 1;
        }
        let generation = before.map_or(state.generation, |before| before.generation);
        let mut ready =
            CachedHeader::new(method, Some((Scheme::Bearer, &token.secret)), generation, plan, seen);
        ready.given_again = before.is_some();
        ready.refused = refused_again;
        ready.expires_at = token.life.end(began, life);
        Ok(ready)
    }

    fn explain(&self, error: Error, min_ttl: Duration, usable: Option<&CachedHeader>) -> Error {
        match usable {
            Some(ready) => short(ready, ready.remaining(self.system.clock().now()), min_ttl, Some(error)),
            None => error,
        }
    }

    fn out_of_time(&self, span: Option<Duration>) -> Error {
        let span = span.unwrap_or_default();
        let error =
            Error::new(ErrorKind::Unavailable, format!("no token within {span:?}; the fetch goes on"))
                .with_help(
                    "allow more time, or call `prewarm()` at start so that the first call finds a token",
                );
        match self.ready.load().as_ref().map(|ready| ready.method) {
            Some(method) => error.of(method),
            None => error,
        }
    }
}

/// The error for a token that lives less long than asked.
pub(super) fn short(ready: &CachedHeader, left: Duration, min_ttl: Duration, cause: Option<Error>) -> Error {
    let kind = cause.as_ref().map_or(ErrorKind::Expired, Error::kind);
    let error = Error::new(
        kind,
        format!(
            "the longest life to be had is {} s, and {} s were asked for",
            left.as_secs(),
            min_ttl.as_secs()
        ),
    )
    .of(ready.method)
    .with_help("ask for less `min_ttl`, or wait until the source renews its token");
    match cause {
        Some(cause) => error.with_source(cause),
        None => error,
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Lands a flight however it ends: with its result, or dropped on the way.
struct CompleteOnDrop {
    shared: Weak<Shared>,
    flight: Arc<Flight>,
    result: Option<Result<Fetched, Error>>,
}

impl Drop for CompleteOnDrop {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or_else(|| {
            Err(Error::new(ErrorKind::Unavailable, "the fetch was dropped before its end").with_help(
                "a token source that panics, a spawner whose runtime is gone, or no thread to be had",
            ))
        });
        let outcome = match self.shared.upgrade() {
            Some(shared) => shared.complete(&self.flight, result),
            None => result.map(|_| ()),
        };
        self.flight.complete(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refresh::flight::block_on;
    use crate::system::System;

    struct Key;

    impl Fetch for Key {
        fn fetch(&self, _goal: Goal) -> BoxFuture<'static, Result<Fetched, Error>> {
            Box::pin(async {
                let now = Now { wall: Duration::ZERO, monotonic: Duration::ZERO };
                Ok(Fetched::Fixed(Box::new(CachedHeader::new(Method::None, None, 0, Schedule::FOREVER, now))))
            })
        }
    }

    #[test]
    fn a_flight_that_a_fork_has_copied_is_nobodys() {
        let cache = Cache::new(System::real(), Box::new(Key), Arc::default());
        // What a child finds after a fork: a flight, and no thread behind it.
        cache.shared.state().flight = Some(Arc::new(Flight::of_process(0)));
        let ready = block_on(cache.get(Goal::Header, Duration::ZERO, &mut Deadline::after(None)));
        assert!(ready.is_ok_and(|ready| ready.is_some()));
    }
}
