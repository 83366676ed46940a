//! Callers that leave: the end of the flight, and of its timers.

use std::task::Poll;
use std::time::Duration;

use super::call;
use test_support::token_source::{Source, unavailable};
use test_support::virtual_time::VirtualTime;
use test_support::wait::{HOUR, on_runtime, secs, until};
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Credentials, Error, HeaderOptions};

/// A call with this deadline, for a task of a runtime.
fn within(
    credentials: &Credentials,
    deadline: Duration,
) -> impl Future<Output = Result<Option<http::HeaderValue>, Error>> + Send + use<> {
    let credentials = credentials.clone();
    async move { credentials.header_with(HeaderOptions::new().deadline(deadline)).await }
}

#[test]
fn a_flight_ends_when_its_last_caller_leaves() {
    let time = VirtualTime::new(0.999);
    let source = Source::down();
    let credentials = time.credentials(source.clone());
    let mut calls = [secs(20), secs(30)].map(|limit| Box::pin(call(&time, &credentials, limit)));
    for call in &mut calls {
        assert!(time.poll(call).is_pending());
    }
    time.pass(secs(1));
    let started = source.started();
    let [first, second] = calls;
    drop(first);
    time.pass(secs(2));
    assert!(source.started() > started, "one caller is left");
    let started = source.started();
    drop(second);
    time.pass(Duration::ZERO);
    assert_eq!(time.clock.sleepers(), 0, "no caller and no timer is left");
    let mut next = Box::pin(call(&time, &credentials, secs(20)));
    assert!(time.poll(&mut next).is_pending());
    assert_eq!(source.started(), started, "the pause outlives the flight");
    drop(next);
    time.pass(secs(60));
    assert_eq!(source.started(), started, "no caller waits");
}

/// On the thread of the library, which polls only what was woken.
#[test]
fn the_last_caller_that_leaves_wakes_the_flight() {
    let clock = TestClock::new();
    clock.set_random(0.999);
    let credentials = Source::down().on_clock(&clock);
    on_runtime(async {
        let call = tokio::spawn(within(&credentials, secs(20)));
        until("the flight pauses", || clock.sleepers() == 2);
        call.abort();
        until("the pause ends", || clock.sleepers() == 0);
    });
}

/// On the thread of the library, and the time stands still.
#[test]
fn a_failed_attempt_wakes_the_callers_for_whom_the_next_one_comes_too_late() {
    let clock = TestClock::new();
    let source = Source::new(|_| Err(unavailable().with_retry_after(secs(7))));
    source.hold();
    let credentials = source.on_clock(&clock);
    on_runtime(async {
        let [short, long] = [secs(2), secs(20)].map(|limit| tokio::spawn(within(&credentials, limit)));
        // Their deadlines, and the limit of the fetch.
        until("both wait", || credentials.counters().waited == 2 && clock.sleepers() == 3);
        source.release();
        assert_eq!(short.await.unwrap().unwrap_err().reason(), "the source is down");
        assert!(!long.is_finished());
        long.abort();
    });
}

#[test]
fn a_caller_that_left_leaves_no_timer() {
    let time = VirtualTime::new(0.6);
    let source = Source::living(HOUR);
    source.hold();
    let credentials = time.credentials(source.clone());
    let mut patient = Box::pin(call(&time, &credentials, secs(3600)));
    assert!(time.poll(&mut patient).is_pending());
    let timers = time.clock.sleepers();
    for limit in 1..100 {
        let mut leaving = Box::pin(call(&time, &credentials, secs(limit)));
        assert!(time.poll(&mut leaving).is_pending());
        drop(leaving);
        assert!(matches!(time.poll(&mut patient), Poll::Pending));
    }
    assert_eq!(time.clock.sleepers(), timers);
}
