//! The ready path, and the wait for a header.
//!
//! A call that finds a usable token takes it and goes on, without a lock. A stale token is refreshed in the background.
//! Only a call that finds no usable token waits for a fetch, and shares its outcome, an error as well as a token.

use std::rc::Rc;
use std::time::Duration;

use arc_swap::Guard;

use super::cached_header::{CachedHeader, ReadyHeader};
use super::fetch::{Fetch, Goal};
use super::flight::{Limit, Requirement, Waited};
use super::refresher::{Join, Refresher};
use super::schedule::Freshness;
use super::thread_copies::{self, CopyKey, ThreadCopy};
use crate::error::in_seconds;
use crate::sync::Arc;
use crate::system::{Now, System};
use crate::task::deadline::{Deadline, WaitLimit};
use crate::task::notifier::Notifier;
use crate::{Error, ErrorKind};

/// How often things happened, since the credentials were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Fetches that were started, selection included.
    pub fetches: u64,
    /// Fetches that failed.
    pub failures: u64,
    /// Calls that had to wait for a fetch.
    pub waited: u64,
}

/// The header of one set of credentials. Dropping the cache stops its fetch.
pub(crate) struct Cache {
    refresher: Arc<Refresher>,
    copies: CopyKey,
}

impl Cache {
    pub(crate) fn new(system: System, fetch: Box<dyn Fetch>, notifier: Arc<Notifier>) -> Self {
        Self { refresher: Arc::new(Refresher::new(system, fetch, notifier)), copies: CopyKey::default() }
    }

    /// Stores a header that needs no fetch.
    pub(crate) fn put(&self, header: CachedHeader) {
        self.refresher.put(header);
    }

    /// The copy of the header that this thread has, if its token is fresh. Takes no lock, allocates nothing, and writes
    /// no memory that other threads use.
    #[inline]
    pub(crate) fn thread_copy(&self) -> Option<Rc<ThreadCopy>> {
        self.copies.get(&self.now())
    }

    /// Reads the usable header that all threads share, and gives this thread a copy. Takes no lock, and allocates for
    /// the copy alone.
    pub(crate) fn read_shared<R>(&self, read: impl FnOnce(ReadyHeader<'_>) -> R) -> Option<R> {
        // Before the header is loaded: see `CopyKey::update`.
        let changes = thread_copies::drop_obsolete();
        let now = self.now();
        let loaded = self.load_usable(&now);
        self.copies.update(loaded.as_deref(), &now, changes);
        loaded.as_ref().map(|header| read(header.ready()))
    }

    /// The usable header, to keep.
    pub(crate) fn usable(&self) -> Option<Arc<CachedHeader>> {
        thread_copies::drop_obsolete();
        Guard::into_inner(self.load_usable(&self.now()))
    }

    /// The usable header. No reference count that threads share is touched.
    #[inline]
    fn load_usable(&self, now: &Now) -> Guard<Option<Arc<CachedHeader>>> {
        let loaded = self.refresher.header.load();
        match loaded.as_ref().map(|header| header.freshness(now)) {
            Some(Freshness::Fresh) | None => loaded,
            Some(Freshness::Stale) => {
                self.refresher.refresh_in_background(*now);
                loaded
            }
            Some(Freshness::Expired) => Guard::from_inner(None),
        }
    }

    /// Starts a fetch without waiting for it, if no header is fresh and no fetch is under way.
    pub(crate) fn prewarm(&self) {
        self.refresher.prewarm();
    }

    /// The failure that is remembered now.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.refresher.state().failures.remembered(&self.now()).map(|last| last.error.clone())
    }

    /// Waits for a usable header whose token lives for `min_ttl` more; `None` if the fetch only selected a method.
    pub(crate) async fn get(
        &self,
        goal: Goal,
        min_ttl: Duration,
        limit: &mut WaitLimit,
    ) -> Result<Option<Arc<CachedHeader>>, Error> {
        let refresher = &self.refresher;
        let began = self.now().monotonic;
        let mut requested_longer = false;
        let mut counted = false;
        // Two rounds are the rule: one that selects, and one that fetches. More are needed only where tokens expire, or
        // are refused, as fast as they arrive.
        for _ in 0..4 {
            let usable = self.usable();
            if let Some(header) = &usable {
                let now = self.now();
                if header.lives_for(min_ttl, now) {
                    return Ok(usable);
                }
                if requested_longer {
                    return Err(too_short(header, now, min_ttl, None));
                }
                requested_longer = true;
            }
            let requirement = usable.as_ref().map_or(Requirement::Usable, Requirement::Longer);
            let until = limit.end().map_or(Limit::MethodTotal { since: began }, Limit::Until);
            let mut caller = match refresher.join_or_start(goal, requirement, until) {
                Join::Flight(caller) => caller,
                Join::Retry => {
                    requested_longer = false;
                    continue;
                }
                Join::Failed(error) => return Err(self.explain(error, min_ttl, usable.as_deref())),
                Join::NothingBetter(header) => return Err(too_short(&header, self.now(), min_ttl, None)),
            };
            if !counted {
                counted = true;
                refresher.count_waiting_call();
            }
            let outcome = loop {
                match limit.bound(caller.wait(), &refresher.system).await {
                    Some(Waited::Ended(outcome)) => break outcome,
                    Some(Waited::TooLate(error)) => break Err(error),
                    Some(Waited::MethodTotal(total)) => limit.set(Deadline::from(began, total)),
                    None => {
                        let cause = refresher.last_failure().or_else(|| caller.last_error());
                        break Err(cause.unwrap_or_else(|| self.out_of_time(limit)));
                    }
                }
            };
            match outcome {
                Err(error) => return Err(self.explain(error, min_ttl, usable.as_deref())),
                Ok(()) if refresher.header.load().is_none() => return Ok(None),
                Ok(()) => {}
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            "every token that the source returns is refused or expired at once",
        )
        .with_help("check the clocks of this machine and of the source, and the lifetime of the token"))
    }

    /// Drops exactly the token of `refused`; false if another token has replaced it, or if its refusal is known and the
    /// source returned no other token.
    pub(crate) fn invalidate(&self, refused: &CachedHeader) -> bool {
        self.refresher.invalidate(refused, self.now())
    }

    pub(crate) fn waiting_for(&self) -> Option<String> {
        self.refresher.waiting_for()
    }

    pub(crate) fn last_failure(&self) -> Option<Error> {
        self.refresher.state().failures.last_error.clone()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.refresher.counters()
    }

    #[inline]
    fn now(&self) -> Now {
        self.refresher.system.now()
    }

    /// With a usable token, the error says that the token is too short-lived; `error` is the reason why no other came.
    fn explain(&self, error: Error, min_ttl: Duration, usable: Option<&CachedHeader>) -> Error {
        match usable {
            Some(header) => too_short(header, self.now(), min_ttl, Some(error)),
            None => error,
        }
    }

    fn out_of_time(&self, limit: &WaitLimit) -> Error {
        let limit = limit.limit().unwrap_or_default();
        let waiting = self.waiting_for().map(|step| format!("; {step}")).unwrap_or_default();
        let error = Error::new(
            ErrorKind::Unavailable,
            format!("no token within {}{waiting}; the fetch goes on", in_seconds(limit)),
        )
        .with_help("allow more time, or call `prewarm()` at start so that the first call finds a token");
        match self.refresher.header.load().as_ref().map(|header| header.method) {
            Some(method) => error.of(method),
            None => error,
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.refresher.stop();
    }
}

/// The error for a token whose remaining life is shorter than requested.
pub(super) fn too_short(header: &CachedHeader, now: Now, min_ttl: Duration, cause: Option<Error>) -> Error {
    let kind = cause.as_ref().map_or(ErrorKind::Expired, Error::kind);
    let remaining = header.remaining(now).as_secs();
    let requested = min_ttl.as_secs();
    let error = Error::new(
        kind,
        format!("the longest-lived token available has {remaining} s left, and {requested} s were requested"),
    )
    .of(header.method)
    .with_help("request a shorter `min_ttl`, or wait until the source renews its token");
    match cause {
        Some(cause) => error.with_source(cause),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Method;
    use crate::refresh::fetch::{Fetched, Request};
    use crate::refresh::flight::Flight;
    use crate::refresh::schedule::Schedule;
    use crate::system::BoxFuture;
    use crate::task::block_on::block_on;
    use crate::task::shared_task::SharedTask;

    struct Key;

    impl Fetch for Key {
        fn fetch(&self, _request: Request) -> BoxFuture<'static, Result<Fetched, Error>> {
            Box::pin(async {
                let now = Now { wall: Duration::ZERO, monotonic: Duration::ZERO };
                Ok(Fetched::Fixed(Box::new(CachedHeader::new(Method::None, None, 0, Schedule::FOREVER, now))))
            })
        }

        fn total(&self) -> Duration {
            Duration::from_secs(10)
        }
    }

    #[test]
    fn the_ready_path_and_the_stale_path_take_no_lock() {
        let system = System::real();
        let now = system.clock().now();
        let stale = Schedule { refresh: now, ..Schedule::FOREVER };
        for schedule in [Schedule::FOREVER, stale] {
            let cache = Arc::new(Cache::new(system.clone(), Box::new(Key), Arc::default()));
            let token = crate::secret::Secret::parse("t1.fake.ready").unwrap();
            let value = Some((crate::refresh::cached_header::Scheme::Bearer, &token));
            cache.put(CachedHeader::new(Method::Metadata, value, 1, schedule, now));
            let state = cache.refresher.state();
            // With a revocation there is a list to look at.
            crate::refresh::revoked::record("t1.fake.revoked-before");
            // No revocation is recorded from here on, and the header has seen all of them.
            let revoked = crate::refresh::revoked::lock_list();
            cache.refresher.header.load().as_ref().unwrap().see_revocations();
            let (done, found) = std::sync::mpsc::channel();
            let same = Arc::clone(&cache);
            std::thread::spawn(move || done.send(same.read_shared(|ready| ready.generation)));
            assert_eq!(found.recv_timeout(Duration::from_secs(20)), Ok(Some(1)), "a call waits for a lock");
            drop((state, revoked));
        }
    }

    #[test]
    fn a_child_process_does_not_wait_for_a_fetch_of_its_parent() {
        let system = System::real();
        let cache = Cache::new(system.clone(), Box::new(Key), Arc::default());
        // What a child finds after a fork: a task, and no thread that runs it.
        cache.refresher.state().flight = Some(Flight::new(SharedTask::of_process(0)));
        let header = block_on(cache.get(Goal::Header, Duration::ZERO, &mut WaitLimit::new(None, &system)));
        assert!(header.is_ok_and(|header| header.is_some()));
    }
}
