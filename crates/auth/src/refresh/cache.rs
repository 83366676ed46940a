//! The token at hand, and the one fetch that renews it for everybody.
//!
//! A call that finds a usable token takes it and goes, without a lock. A stale token is renewed by a flight that
//! nobody waits for. Only a call that finds nothing usable joins the flight, and shares its outcome, an error as
//! well as a token. Failures are remembered for a while, so that a broken source is not asked once per call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::changes::Changes;
use super::flight::{Deadline, Flight, Outcome};
use super::pace::Pace;
use super::policy::{self, BadLife, FLOOR, NEVER, Plan, State};
use super::ready::{AtHand, Ready, Scheme};
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
    Fixed(Box<Ready>),
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
    ready: ArcSwapOption<Ready>,
    /// After a failed refresh: when a stale token is asked for again, by either clock, in milliseconds.
    next_ask: [AtomicU64; 2],
    state: Mutex<Book>,
    changes: Arc<Changes>,
    fetches: AtomicU64,
    failures: AtomicU64,
    waited: AtomicU64,
}

/// What is known besides the token.
#[derive(Default)]
struct Book {
    flight: Option<Arc<Flight>>,
    failed: Option<(Error, Now)>,
    failures_in_a_row: u32,
    refusals_in_a_row: u32,
    last_attempt: Option<Now>,
    generation: u64,
    /// The token that a server refused, until another one comes.
    refused: Option<Arc<Ready>>,
    /// How often tokens were dropped, and a longer life was asked for.
    drops: Pace,
    longer: Pace,
}

impl Book {
    /// The flight that is under way. One that a fork has copied is none: nobody flies it here.
    fn flight(&self) -> Option<&Arc<Flight>> {
        self.flight.as_ref().filter(|flight| flight.is_of_this_process())
    }
}

/// How many refusals in a row are believed at once.
const FREE_DROPS: u32 = 3;

/// A flight to wait for, or the reason why there is none.
enum Boarding {
    Flight(Arc<Flight>),
    /// What was wished for may have come in the meantime.
    Again,
    Failed(Error),
    /// Asking again would not bring a token that lives longer than this one.
    InVain(Arc<Ready>),
}

/// What a caller boards a flight for.
#[derive(Clone, Copy)]
enum Wish<'a> {
    /// Any usable token.
    Usable,
    /// A newer one than is at hand.
    Newer,
    /// One that lives longer than this one.
    Longer(&'a Arc<Ready>),
}

impl Cache {
    pub(crate) fn new(system: System, fetch: Box<dyn Fetch>, changes: Arc<Changes>) -> Self {
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
    pub(crate) fn put(&self, ready: Ready) {
        let mut book = self.shared.book();
        book.generation = ready.generation;
        self.shared.ready.store(Some(Arc::new(ready)));
    }

    /// What is at hand, where it is usable. Takes no lock, allocates nothing.
    #[inline]
    pub(crate) fn at_hand(&self) -> Option<AtHand> {
        let ready = self.shared.ready.load();
        let now = self.shared.system.clock().now();
        match ready.as_ref()?.state(&now) {
            State::Fresh => {}
            State::Stale => self.shared.renew_beside(now),
            State::Dead => return None,
        }
        Some(AtHand(ready))
    }

    /// The same, to keep.
    pub(crate) fn usable(&self) -> Option<Arc<Ready>> {
        self.at_hand()?.keep()
    }

    /// Starts a fetch that nobody waits for, where nothing is fresh and none is under way.
    pub(crate) fn prewarm(&self) {
        let now = self.shared.system.clock().now();
        if self.shared.ready.load().as_ref().is_none_or(|ready| ready.state(&now) != State::Fresh) {
            drop(self.shared.board(Goal::Header, Wish::Newer));
        }
    }

    /// The failure that is remembered now.
    pub(crate) fn failure(&self) -> Option<Error> {
        let now = self.shared.system.clock().now();
        let book = self.shared.book();
        book.failed.as_ref().filter(|(_, until)| now.is_before(until)).map(|(error, _)| error.clone())
    }

    /// Waits for a usable header whose token lives for `min_ttl` more; `None` where the flight only made a choice.
    pub(crate) async fn obtain(
        &self,
        goal: Goal,
        min_ttl: Duration,
        deadline: &mut Deadline,
    ) -> Result<Option<Arc<Ready>>, Error> {
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
            let wish = usable.as_ref().map_or(Wish::Usable, Wish::Longer);
            let flight = match shared.board(goal, wish) {
                Boarding::Flight(flight) => flight,
                Boarding::Again => {
                    asked_for_longer = false;
                    continue;
                }
                Boarding::Failed(error) => return Err(shared.explain(error, min_ttl, usable.as_deref())),
                Boarding::InVain(ready) => {
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
    pub(crate) fn invalidate(&self, refused: &Ready) -> bool {
        let now = self.shared.system.clock().now();
        let mut book = self.shared.book();
        let Some(ready) = self.shared.ready.load_full() else { return false };
        if ready.generation != refused.generation || ready.secret() != refused.secret() {
            return false;
        }
        if ready.refused && now.is_before(&ready.plan.refresh) {
            return false;
        }
        // The first refusals are believed at once; a server that refuses every token must not become a storm of fetches.
        if book.drops.rests(now) {
            return false;
        }
        book.drops.step(now, FREE_DROPS, self.shared.system.clock().random());
        self.shared.ready.store(None);
        book.refused = Some(Arc::clone(&ready));
        // A failure that was remembered while this token stood in for it must not forbid the fetch that is due now.
        book.failed = None;
        drop(book);
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
        let flight = self.shared.book().flight.take();
        if let Some(flight) = flight {
            flight.cancel.cancel();
        }
        self.shared.changes.close();
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews a stale token, unless that is under way or failed a moment ago. Never waits for a lock.
    #[cold]
    fn renew_beside(self: &Arc<Self>, now: Now) {
        if !self.ask_is_due(now) {
            return;
        }
        let Ok(mut book) = self.state.try_lock() else { return };
        if book.flight().is_none() && self.ask_is_due(now) {
            let (_, work) = self.take_off(&mut book, Goal::Header);
            drop(book);
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

    /// Joins the flight that is under way, or starts one where the wish is not met and there is hope.
    fn board(self: &Arc<Self>, goal: Goal, wish: Wish<'_>) -> Boarding {
        let now = self.system.clock().now();
        let mut book = self.book();
        if let Some(flight) = book.flight() {
            return Boarding::Flight(Arc::clone(flight));
        }
        let current = self.ready.load_full();
        let came = match wish {
            Wish::Usable => current.as_ref().is_some_and(|current| current.state(&now) != State::Dead),
            Wish::Newer => false,
            Wish::Longer(than) => current.as_ref().is_some_and(|current| !Arc::ptr_eq(current, than)),
        };
        if came {
            return Boarding::Again;
        }
        if let Some((error, until)) = &book.failed
            && now.is_before(until)
        {
            return Boarding::Failed(error.clone());
        }
        if let Wish::Longer(than) = wish {
            let just_asked = book.last_attempt.is_some_and(|last| now.is_before(&(last + FLOOR)));
            let same_again = than.given_again && than.state(&now) == State::Fresh;
            if than.plan.refresh == NEVER || just_asked || same_again || book.longer.rests(now) {
                return Boarding::InVain(Arc::clone(than));
            }
            book.longer.step(now, 0, self.system.clock().random());
        }
        let (flight, work) = self.take_off(&mut book, goal);
        drop(book);
        // Without the lock: a spawner that drops its work at once makes it land here and now.
        self.system.spawner().spawn(work);
        Boarding::Flight(flight)
    }

    fn take_off(self: &Arc<Self>, book: &mut Book, goal: Goal) -> (Arc<Flight>, BoxFuture<'static, ()>) {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        // Stale calls need not even look at the lock while this is young.
        self.set_next_ask(self.system.clock().now() + FLOOR);
        let flight = Arc::new(Flight::default());
        book.flight = Some(Arc::clone(&flight));
        let fetch = self.fetch.fetch(goal);
        let landing = Landing { shared: Arc::downgrade(self), flight: Arc::clone(&flight), result: None };
        let work = flight.cancel.guard(Box::pin(async move {
            let mut landing = landing;
            landing.result = Some(fetch.await);
        }));
        (flight, work)
    }

    /// Takes in what a flight brought.
    fn land(&self, flight: &Arc<Flight>, result: Result<Fetched, Error>) -> Outcome {
        let now = self.system.clock().now();
        let mut book = self.book();
        if book.flight.as_ref().is_some_and(|current| Arc::ptr_eq(current, flight)) {
            book.flight = None;
        }
        book.last_attempt = Some(now);
        match result.and_then(|fetched| self.accept(&mut book, fetched, now)) {
            Ok(landed) => {
                book.failed = None;
                book.failures_in_a_row = 0;
                self.set_next_ask(now + FLOOR);
                // Subscribers to the log and to changes are others' code, which may ask for a header: not under the lock.
                drop(book);
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
                        self.changes.announce();
                    }
                }
                Ok(())
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                book.failures_in_a_row = book.failures_in_a_row.saturating_add(1);
                let dice = self.system.clock().random();
                let pause =
                    policy::pause(error.is_transient(), book.failures_in_a_row, error.retry_after(), dice);
                book.failed = Some((error.clone(), now + pause));
                self.set_next_ask(now + pause);
                drop(book);
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
        book: &mut Book,
        fetched: Fetched,
        now: Now,
    ) -> Result<Option<(Arc<Ready>, bool)>, Error> {
        let before = book.generation;
        let ready = match fetched {
            Fetched::Choice => return Ok(None),
            Fetched::Fixed(ready) => {
                let mut ready = *ready;
                book.generation += 1;
                ready.generation = book.generation;
                ready
            }
            Fetched::Token { method, token, began, max_age } => {
                self.plan(book, method, &token, began, max_age, now)?
            }
        };
        ready.check_unrevoked()?;
        let ready = Arc::new(ready);
        self.ready.store(Some(Arc::clone(&ready)));
        Ok(Some((ready, book.generation != before)))
    }

    /// Makes a header of a token, with the limits that its life and its history give it.
    fn plan(
        &self,
        book: &mut Book,
        method: Method,
        token: &Token,
        began: Now,
        max_age: Duration,
        now: Now,
    ) -> Result<Ready, Error> {
        let dice = self.system.clock().random();
        let life = policy::life(token.life, began).map_err(|BadLife(life)| {
            Error::new(
                ErrorKind::Unavailable,
                format!("the answer gives the token a life of {} s, outside 1 s to 24 h", life.as_secs()),
            )
            .of(method)
            .with_help("look at the clock of this machine and at the source of the token")
        })?;
        let current = self.ready.load_full();
        let is_same = |ready: &&Arc<Ready>| ready.secret() == Some(token.secret.expose());
        let refused = book.refused.as_ref().filter(is_same).cloned();
        let before = refused.as_ref().or(current.as_ref()).filter(is_same);
        let seen = before.map_or(began, |before| before.seen);
        let mut plan = match life {
            Some(life) => Plan::for_life(began, life, max_age, dice),
            None => Plan::for_unknown_life(seen, began, max_age, dice),
        };
        if before.is_some() {
            plan = plan.given_again(now);
        }
        if plan.state(&now) == State::Dead {
            let error =
                Error::new(ErrorKind::Expired, "the source gives a token whose life is over").of(method);
            return Err(
                error.with_help("make the source renew its token (for yc: `yc init`), or look at the clocks")
            );
        }
        let refused_again = refused.is_some() || before.is_some_and(|before| before.refused);
        if refused_again {
            book.refusals_in_a_row = book.refusals_in_a_row.saturating_add(1);
            // A source that is looked at more often than that, a file for one, still is.
            plan = plan.asked_by(now + policy::pause(true, book.refusals_in_a_row, None, dice));
        } else {
            book.refusals_in_a_row = 0;
        }
        book.refused = None;
        if before.is_none() {
            book.generation += 1;
        }
        let generation = before.map_or(book.generation, |before| before.generation);
        let mut ready = Ready::new(method, Some((Scheme::Bearer, &token.secret)), generation, plan, seen);
        ready.given_again = before.is_some();
        ready.refused = refused_again;
        ready.expires_at = token.life.end(began, life);
        Ok(ready)
    }

    fn explain(&self, error: Error, min_ttl: Duration, usable: Option<&Ready>) -> Error {
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
pub(super) fn short(ready: &Ready, left: Duration, min_ttl: Duration, cause: Option<Error>) -> Error {
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
struct Landing {
    shared: Weak<Shared>,
    flight: Arc<Flight>,
    result: Option<Result<Fetched, Error>>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or_else(|| {
            Err(Error::new(ErrorKind::Unavailable, "the fetch was dropped before its end").with_help(
                "a token source that panics, a spawner whose runtime is gone, or no thread to be had",
            ))
        });
        let outcome = match self.shared.upgrade() {
            Some(shared) => shared.land(&self.flight, result),
            None => result.map(|_| ()),
        };
        self.flight.land(outcome);
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
                Ok(Fetched::Fixed(Box::new(Ready::new(Method::None, None, 0, Plan::FOREVER, now))))
            })
        }
    }

    #[test]
    fn a_flight_that_a_fork_has_copied_is_nobodys() {
        let cache = Cache::new(System::real(), Box::new(Key), Arc::default());
        // What a child finds after a fork: a flight, and no thread behind it.
        cache.shared.book().flight = Some(Arc::new(Flight::of_process(0)));
        let ready = block_on(cache.obtain(Goal::Header, Duration::ZERO, &mut Deadline::after(None)));
        assert!(ready.is_ok_and(|ready| ready.is_some()));
    }
}
