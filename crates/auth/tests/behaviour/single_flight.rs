//! Law 3: one fetch at a time, shared by all callers that wait. A caller that leaves does not stop the fetch.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use test_support::token_source::{Source, header, token, try_header, unavailable};
use test_support::wait::{HOUR, joined, on_runtime, secs, until};
use yandex_cloud_auth::system::{BoxFuture, Clock, Now, Spawner, System};
use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestHttp, TestReply};
use yandex_cloud_auth::{
    Automatic, Credentials, Error, ErrorKind, HeaderOptions, Method, Token, TokenSource,
};

fn within(limit: Duration) -> HeaderOptions {
    HeaderOptions::new().deadline(limit)
}

#[test]
fn a_thousand_tasks_share_one_fetch_and_its_token() {
    let source = Source::living(HOUR);
    source.hold();
    let credentials = source.on_clock(&TestClock::new());
    on_runtime(async {
        let calls: Vec<_> = (0..1000)
            .map(|_| {
                let credentials = credentials.clone();
                tokio::spawn(async move { credentials.header().await.unwrap().unwrap() })
            })
            .collect();
        until("all wait", || credentials.counters().waited == 1000);
        source.release();
        for call in calls {
            assert_eq!(call.await.unwrap(), "Bearer t1.fake.0");
        }
    });
    assert_eq!(source.started(), 1);
}

#[test]
fn a_thousand_tasks_share_one_failure() {
    let source = Source::new(|_| Err(unavailable().with_retry_after(HOUR)));
    source.hold();
    let credentials = source.on_clock(&TestClock::new());
    on_runtime(async {
        let calls: Vec<_> = (0..1000)
            .map(|_| {
                let credentials = credentials.clone();
                tokio::spawn(async move { credentials.header().await.unwrap_err() })
            })
            .collect();
        until("all wait", || credentials.counters().waited == 1000);
        source.release();
        for call in calls {
            assert_eq!(call.await.unwrap().kind(), ErrorKind::Unavailable);
        }
    });
    assert_eq!((source.started(), credentials.counters().failures), (1, 1));
}

/// A clock that makes a call at one of its readings, counted from the moment when `hook` is set.
struct HookedClock {
    clock: TestClock,
    readings: AtomicUsize,
    at: usize,
    hook: Arc<Mutex<Option<Credentials>>>,
}

impl Clock for HookedClock {
    fn now(&self) -> Now {
        let mut hook = self.hook.lock().unwrap();
        if hook.is_some() && self.readings.fetch_add(1, Ordering::SeqCst) == self.at {
            let credentials = hook.take();
            drop(hook);
            credentials.map(|credentials| header(&credentials));
        }
        self.clock.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.clock.sleep(duration)
    }
}

#[test]
fn a_token_that_lands_between_the_look_and_the_lock_is_used() {
    // The readings of the clock before the fetch of a first call.
    for at in 0..4 {
        let source = Source::living(HOUR);
        let hook: Arc<Mutex<Option<Credentials>>> = Arc::default();
        let clock = HookedClock {
            clock: TestClock::new(),
            readings: AtomicUsize::new(0),
            at,
            hook: Arc::clone(&hook),
        };
        let system = test_support::system::empty_system(&TestClock::new())
            .with_clock(clock)
            .with_spawner(test_support::token_source::InStep);
        let credentials = Credentials::from_source(source.clone()).with_system(system);
        *hook.lock().unwrap() = Some(credentials.clone());
        assert_eq!(header(&credentials), "Bearer t1.fake.0");
        assert!(hook.lock().unwrap().is_none(), "the other call came in between");
        assert_eq!(source.started(), 1, "at reading {at}");
    }
}

#[test]
fn threads_and_runtimes_share_one_fetch() {
    let source = Source::living(HOUR);
    source.hold();
    let credentials = source.on_clock(&TestClock::new());
    let barrier = Arc::new(Barrier::new(9));
    let threads: Vec<_> = (0..8)
        .map(|number| {
            let (credentials, barrier) = (credentials.clone(), Arc::clone(&barrier));
            std::thread::spawn(move || {
                barrier.wait();
                if number % 2 == 0 {
                    try_header(&credentials)
                } else {
                    on_runtime(async {
                        credentials.header().await.map(|h| h.unwrap().to_str().unwrap().to_owned())
                    })
                }
            })
        })
        .collect();
    barrier.wait();
    until("all wait", || credentials.counters().waited == 8);
    source.release();
    for thread in threads {
        assert_eq!(joined(thread).unwrap(), "Bearer t1.fake.0");
    }
    assert_eq!(source.started(), 1);
}

#[test]
fn a_fetch_outlives_the_caller_that_started_it() {
    let source = Source::living(HOUR);
    source.hold();
    let credentials = source.on_clock(&TestClock::new());
    on_runtime(async {
        let leader = tokio::spawn({
            let credentials = credentials.clone();
            async move { credentials.header().await }
        });
        until("the fetch has begun", || source.started() == 1);
        let follower = tokio::spawn({
            let credentials = credentials.clone();
            async move { credentials.header().await.unwrap().unwrap() }
        });
        until("both wait", || credentials.counters().waited == 2);
        leader.abort();
        assert!(leader.await.unwrap_err().is_cancelled());
        source.release();
        assert_eq!(follower.await.unwrap(), "Bearer t1.fake.0");
    });
    assert_eq!(source.started(), 1, "the fetch did not start again");
}

#[test]
fn a_fetch_outlives_the_runtime_that_started_it() {
    let source = Source::living(HOUR);
    source.hold();
    let credentials = source.on_clock(&TestClock::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let call = runtime.spawn({
        let credentials = credentials.clone();
        async move { credentials.header().await }
    });
    until("the fetch has begun", || source.started() == 1);
    drop(call);
    runtime.shutdown_background();
    source.release();
    assert_eq!(header(&credentials), "Bearer t1.fake.0");
    assert_eq!(source.started(), 1);
}

#[test]
fn a_caller_whose_deadline_passes_gets_an_error_and_the_fetch_goes_on() {
    let clock = TestClock::new();
    let source = Source::living(HOUR);
    source.hold();
    let credentials = source.on_clock(&clock);
    let (short, long) = std::thread::scope(|scope| {
        let short = scope.spawn(|| credentials.blocking().header_with(within(Duration::from_millis(500))));
        // The limit of the fetch, and the deadline of the caller.
        clock.wait_for_sleepers(2);
        let other = scope.spawn(|| credentials.blocking().header_with(within(secs(20))));
        clock.wait_for_sleepers(3);
        clock.advance(Duration::from_millis(500));
        let short = short.join().unwrap();
        assert_eq!(source.ended(), 0, "the fetch goes on");
        source.release();
        (short, other.join().unwrap())
    });
    let error = short.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("0.5 s"), "{error}");
    assert_eq!(long.unwrap().unwrap(), "Bearer t1.fake.0");
    assert_eq!(source.started(), 1);
}

#[test]
fn a_deadline_leaves_no_timer_behind() {
    let clock = TestClock::new();
    let credentials = Source::living(HOUR).on_clock(&clock);
    credentials.blocking().header_with(within(HOUR)).unwrap();
    until("every timer is gone", || clock.sleepers() == 0);
}

#[test]
fn a_source_that_hangs_fails_after_its_timeout() {
    let clock = TestClock::new();
    let source = Source::living(HOUR);
    source.hold();
    let credentials = source.on_clock(&clock);
    let error = std::thread::scope(|scope| {
        let call = scope.spawn(|| try_header(&credentials));
        clock.wait_for_sleepers(1);
        clock.advance(secs(30));
        call.join().unwrap().unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(source.ended(), 1, "the fetch was dropped");
}

#[test]
fn a_header_needs_no_runtime_and_works_on_any_executor() {
    let source = Source::living(HOUR);
    let credentials = source.on_clock(&TestClock::new());
    assert_eq!(header(&credentials), "Bearer t1.fake.0");
    let other = Source::living(HOUR).on_clock(&TestClock::new());
    assert_eq!(poll_until_ready(other.header()).unwrap().unwrap(), "Bearer t1.fake.0");
}

/// An executor that only polls.
fn poll_until_ready<T>(work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return done;
        }
        std::thread::yield_now();
    }
}

#[test]
fn concurrent_calls_share_one_selection() {
    let http =
        TestHttp::new(|_, _| TestReply::status(200, r#"{"access_token":"t1.fake.vm","expires_in":3600}"#));
    let system = test_support::system::empty_system(&TestClock::new())
        .with_http(http.clone())
        .with_environment(TestEnvironment::new([("YC_METADATA_ADDR", "127.0.0.1:1")]));
    let credentials = Automatic::new().with_system(system).build();
    on_runtime(async {
        let calls: Vec<_> = (0..100)
            .map(|number| {
                let credentials = credentials.clone();
                tokio::spawn(async move {
                    if number % 3 == 0 {
                        credentials.select().await.unwrap();
                    }
                    credentials.header().await.unwrap().unwrap()
                })
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.unwrap(), "Bearer t1.fake.vm");
        }
    });
    assert_eq!(http.requests().len(), 1, "{:?}", http.requests());
    assert_eq!(credentials.method(), Some(Method::Metadata));
}

#[test]
fn a_source_that_panics_is_an_error_and_is_asked_again_later() {
    let clock = TestClock::new();
    let source = Source::new(|count| match count {
        0 => panic!("a user's source panicked (expected in this test)"),
        _ => token(count),
    });
    let credentials = source.on_clock(&clock);
    assert_eq!(try_header(&credentials).unwrap_err().kind(), ErrorKind::Unavailable);
    clock.advance(secs(1));
    assert_eq!(header(&credentials), "Bearer t1.fake.1");
}

#[derive(Clone, Default)]
struct Runtime {
    works: Arc<AtomicUsize>,
    handle: Option<tokio::runtime::Handle>,
}

impl Spawner for Runtime {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.works.fetch_add(1, Ordering::SeqCst);
        match &self.handle {
            Some(handle) => drop(handle.spawn(work)),
            None => drop(work),
        }
    }
}

#[test]
fn a_spawner_of_the_program_runs_the_fetch() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let spawner = Runtime { works: Arc::default(), handle: Some(runtime.handle().clone()) };
    let system = test_support::system::empty_system(&TestClock::new()).with_spawner(spawner.clone());
    let credentials = Credentials::from_source(Source::living(HOUR)).with_system(system);
    assert_eq!(header(&credentials), "Bearer t1.fake.0");
    assert_eq!(spawner.works.load(Ordering::SeqCst), 1);
}

#[test]
fn a_spawner_that_drops_its_work_fails_the_fetch_and_ends_every_wait() {
    let clock = TestClock::new();
    let spawner = Runtime::default();
    let system = test_support::system::empty_system(&clock).with_spawner(spawner.clone());
    let credentials = Credentials::from_source(Source::living(HOUR)).with_system(system);
    assert_eq!(try_header(&credentials).unwrap_err().kind(), ErrorKind::Unavailable);
    clock.advance(secs(1));
    let short = credentials.blocking().header_with(within(secs(1)));
    assert_eq!(short.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(spawner.works.load(Ordering::SeqCst) >= 2);
}

struct Nested(Credentials);

impl TokenSource for Nested {
    fn fetch<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            let header = self.0.blocking().header()?;
            Token::new(format!("{header:?}"))
        })
    }
}

#[test]
fn blocking_inside_a_source_is_an_error_and_no_deadlock() {
    let clock = TestClock::new();
    let inner = Source::living(HOUR).on_clock(&clock);
    let outer =
        Credentials::from_source(Nested(inner)).with_system(test_support::system::empty_system(&clock));
    let error = try_header(&outer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("would wait for itself"), "{error}");
}

#[test]
fn try_header_never_waits_and_never_selects() {
    let clock = TestClock::new();
    let automatic = Automatic::new().with_system(test_support::system::empty_system(&clock)).build();
    assert!(automatic.try_header().is_none());
    assert_eq!(automatic.counters().fetches, 0);

    let source = Source::living(HOUR);
    source.hold();
    let credentials = source.on_clock(&clock);
    assert!(credentials.try_header().is_none());
    source.release();
    until("the fetch has ended", || credentials.try_header().is_some());
    assert_eq!(credentials.try_header().unwrap().unwrap().unwrap(), "Bearer t1.fake.0");
    assert_eq!((source.started(), credentials.counters().waited), (1, 0));

    let down = Source::new(|_| Err(unavailable())).on_clock(&clock);
    down.prewarm();
    until("the failure is known", || down.try_header().is_some());
    assert_eq!(down.try_header().unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
}
