//! Callers without a usable token wait through an outage: transient failures are tried again while they have time.

use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use test_support::token_source::{Source, token, unavailable};
use test_support::virtual_time::VirtualTime;
use test_support::wait::{HOUR, on_runtime, secs, until};
use yandex_cloud_auth::system::{Clock, HttpFault};
use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestHttp, TestReply};
use yandex_cloud_auth::{Automatic, Credentials, Error, ErrorKind, HeaderOptions, Method};

const JITTERS: [f64; 4] = [0.0, 0.3, 0.6, 0.999];

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A source that is down until this time after the start of the clock.
fn down_until(clock: &TestClock, end: Duration) -> Source {
    let (clock, end) = (clock.clone(), clock.now().monotonic + end);
    Source::new(move |count| match clock.now().monotonic < end {
        true => Err(unavailable()),
        false => Ok(token(count)?.expiring_in(HOUR)),
    })
}

/// The outcome of a call with this deadline, and when it came.
async fn call(
    time: &VirtualTime,
    credentials: &Credentials,
    deadline: Duration,
) -> (Result<String, Error>, Duration) {
    let header = credentials.header_with(HeaderOptions::new().deadline(deadline)).await;
    (header.map(|header| header.unwrap().to_str().unwrap().to_owned()), time.elapsed())
}

/// Calls of 10 s, a second apart, until this time after the start.
fn call_until(time: &VirtualTime, credentials: &Credentials, end: Duration) {
    while time.elapsed() < end {
        let _ = time.run(call(time, credentials, secs(10)));
        time.pass(secs(1));
    }
}

/// A call with this deadline, for a task of a runtime.
fn within(
    credentials: &Credentials,
    deadline: Duration,
) -> impl Future<Output = Result<Option<http::HeaderValue>, Error>> + Send + use<> {
    let credentials = credentials.clone();
    async move { credentials.header_with(HeaderOptions::new().deadline(deadline)).await }
}

#[test]
fn callers_wait_through_an_outage_and_share_one_flight() {
    for jitter in JITTERS {
        let time = VirtualTime::new(jitter);
        let source = down_until(&time.clock, secs(3));
        let credentials = time.credentials(source.clone());
        let calls = (0..100).map(|_| call(&time, &credentials, secs(20)));
        for (header, came) in time.run(join_all(calls)) {
            assert!(header.unwrap().starts_with("Bearer t1.fake."));
            assert!(came >= secs(3) && came < secs(5), "{came:?} at jitter {jitter}");
        }
        // 100 ms, doubling, 2 s at most.
        assert!(jitter < 0.1 || source.started() <= 15, "{} attempts at jitter {jitter}", source.started());
        assert_eq!(credentials.counters().fetches, source.started() as u64);
    }
}

#[test]
fn the_pauses_double_to_two_seconds() {
    let time = VirtualTime::new(0.999);
    let source = down_until(&time.clock, secs(9));
    let credentials = time.credentials(source.clone());
    let (_, came) = time.run(call(&time, &credentials, secs(20)));
    // 0.1 + 0.2 + 0.4 + 0.8 + 1.6 + 2 + 2 s, less a thousandth, is before the end, and another 2 s after it.
    assert_eq!((source.started(), came.as_millis()), (9, 9090));
}

#[test]
fn a_caller_with_a_shorter_deadline_leaves_with_the_last_cause() {
    for jitter in JITTERS {
        let time = VirtualTime::new(jitter);
        let source = down_until(&time.clock, secs(8));
        let credentials = time.credentials(source.clone());
        let calls =
            [millis(50), millis(500), secs(2), secs(20)].map(|limit| call(&time, &credentials, limit));
        let mut outcomes = time.run(join_all(calls));
        assert!(outcomes.pop().unwrap().0.is_ok(), "the flight goes on for the last caller");
        for ((outcome, came), limit) in outcomes.into_iter().zip([millis(50), millis(500), secs(2)]) {
            let error = outcome.unwrap_err();
            assert!(came <= limit, "{came:?} at a deadline of {limit:?}");
            assert_eq!((error.kind(), error.reason()), (ErrorKind::Unavailable, "the source is down"));
        }
    }
}

#[test]
fn a_caller_leaves_at_once_if_the_next_attempt_comes_too_late_for_it() {
    let time = VirtualTime::new(0.6);
    let source = Source::new(|count| match count {
        0 => Err(unavailable().with_retry_after(secs(7))),
        _ => token(count),
    });
    let credentials = time.credentials(source);
    let calls = [secs(2), secs(20)].map(|limit| call(&time, &credentials, limit));
    let [(short, left), (long, came)] = time.run(join_all(calls)).try_into().unwrap();
    assert_eq!((short.unwrap_err().reason(), left), ("the source is down", Duration::ZERO));
    assert_eq!((long.unwrap().as_str(), came), ("Bearer t1.fake.1", secs(7)));
}

#[test]
fn a_caller_whose_time_ends_in_a_silent_attempt_is_told_the_last_cause() {
    for (deadline, ends) in [(Some(secs(5)), secs(5)), (None, secs(30))] {
        let time = VirtualTime::new(0.6);
        let source = Source::down();
        let credentials = time.credentials(source.clone());
        let options = deadline.map_or(HeaderOptions::new(), |limit| HeaderOptions::new().deadline(limit));
        let mut call = Box::pin(credentials.header_with(options));
        assert!(time.poll(&mut call).is_pending());
        source.hold();
        let error = time.run(call).unwrap_err();
        assert_eq!((error.reason(), time.elapsed(), source.started()), ("the source is down", ends, 2));
    }
}

#[test]
fn a_failing_source_is_tried_until_the_deadline() {
    for jitter in JITTERS {
        for deadline in [secs(2), secs(5), secs(20)] {
            let time = VirtualTime::new(jitter);
            let credentials = time.credentials(down_until(&time.clock, deadline - secs(1)));
            let (header, came) = time.run(call(&time, &credentials, deadline));
            assert!(header.is_ok(), "{header:?} after {came:?} of {deadline:?} at jitter {jitter}");
        }
        let time = VirtualTime::new(jitter);
        let credentials = time.credentials(Source::down());
        let (error, came) = time.run(call(&time, &credentials, secs(20)));
        assert!(error.unwrap_err().reason() == "the source is down" && came <= secs(20) && came >= secs(19));
    }
}

#[test]
fn a_caller_without_a_deadline_has_the_time_of_the_method() {
    let time = VirtualTime::new(0.6);
    let source = Source::down();
    let credentials = time.credentials(source.clone());
    let patient = call(&time, &credentials, secs(60));
    let usual = async { (credentials.header().await.unwrap_err(), time.elapsed()) };
    let ((error, came), (last, ended)) = time.run(async { tokio::join!(usual, patient) });
    assert_eq!((error.reason(), last.unwrap_err().reason()), ("the source is down", "the source is down"));
    assert!(came <= secs(30) && came > secs(27), "30 s for a source: {came:?}");
    assert!(ended > secs(58), "{ended:?}");

    // The time counts from the call, also inside a flight that began earlier.
    let time = VirtualTime::new(0.6);
    let credentials = time.credentials(Source::down());
    let late = async {
        time.clock.sleep(secs(20)).await;
        credentials.header().await.unwrap_err();
        time.elapsed()
    };
    let (_, came) = time.run(async { tokio::join!(call(&time, &credentials, secs(60)), late) });
    assert!(came <= secs(50) && came > secs(47), "{came:?}");
}

#[test]
fn a_permanent_answer_is_told_at_once() {
    for kind in [ErrorKind::Refused, ErrorKind::Invalid, ErrorKind::NotConfigured, ErrorKind::Blocked] {
        let time = VirtualTime::new(0.6);
        let source = Source::new(move |count| match count {
            0..2 => Err(unavailable()),
            _ => Err(Error::new(kind, "no")),
        });
        let credentials = time.credentials(source.clone());
        let (error, came) = time.run(call(&time, &credentials, secs(20)));
        assert_eq!((error.unwrap_err().kind(), source.started()), (kind, 3));
        assert_eq!(came, millis(60 + 120));
    }
}

#[test]
fn the_pause_that_a_server_asks_for_is_kept_and_outlives_the_flight() {
    let asking = |seconds| {
        Source::new(move |count| match count {
            0 => Err(unavailable().with_retry_after(secs(seconds))),
            _ => token(count),
        })
    };
    let time = VirtualTime::new(0.6);
    let credentials = time.credentials(asking(7));
    let (header, came) = time.run(call(&time, &credentials, secs(20)));
    assert_eq!((header.unwrap().as_str(), came), ("Bearer t1.fake.1", secs(7)));

    // 60 s at most, whatever the server asks for.
    for (asks, pause) in [(30, 30), (300, 60), (86_400, 60)] {
        let time = VirtualTime::new(0.6);
        let source = asking(asks);
        let credentials = time.credentials(source.clone());
        let (error, came) = time.run(call(&time, &credentials, secs(20)));
        assert_eq!((error.unwrap_err().retry_after(), came), (Some(secs(asks)), Duration::ZERO));
        time.pass(secs(pause - 1));
        let (error, _) = time.run(call(&time, &credentials, secs(20)));
        assert!(error.is_err() && source.started() == 1, "the server's pause holds");
        time.pass(secs(1));
        let (header, _) = time.run(call(&time, &credentials, secs(20)));
        assert_eq!(header.unwrap(), "Bearer t1.fake.1");
    }
}

#[test]
fn the_failure_of_a_whole_flight_is_remembered_and_the_pauses_go_on_from_flight_to_flight() {
    let time = VirtualTime::new(0.999);
    let source = Source::down();
    let credentials = time.credentials(source.clone());
    let (_, came) = time.run(call(&time, &credentials, secs(10)));
    let attempts = source.started();
    assert!(time.run(call(&time, &credentials, secs(10))).0.is_err());
    assert_eq!((source.started(), time.elapsed()), (attempts, came), "told at once, without a fetch");
    time.pass(secs(2));
    let before = time.elapsed();
    let _ = time.run(call(&time, &credentials, secs(10)));
    let attempts = source.started() - attempts;
    assert!((5..=7).contains(&attempts), "{attempts} attempts 2 s apart, and not from 100 ms again");
    assert!(time.elapsed() - before > secs(9));

    // Ten minutes of calls. At 30 s, one attempt takes the place of a flight.
    call_until(&time, &credentials, secs(600));
    let before = (source.started(), time.elapsed());
    let _ = time.run(call(&time, &credentials, secs(10)));
    time.pass(secs(31));
    let _ = time.run(call(&time, &credentials, secs(10)));
    assert!(source.started() - before.0 <= 2 && time.elapsed() - before.1 < secs(33));
    source.set(token);
    time.pass(secs(30));
    assert!(time.run(call(&time, &credentials, secs(10))).0.is_ok(), "30 s at most");
}

#[test]
fn a_success_ends_the_outage() {
    let time = VirtualTime::new(0.999);
    let source = Source::down();
    let credentials = time.credentials(source.clone());
    call_until(&time, &credentials, secs(200));
    source.set(|count| Ok(token(count)?.expiring_in(HOUR)));
    time.pass(secs(31));
    assert!(time.run(call(&time, &credentials, secs(10))).0.is_ok());

    // In the background: the first failures are 2, 4 and 8 s apart, as after a start.
    for _ in 0..2 {
        let started = source.started();
        source.set(|_| Err(unavailable()));
        time.pass(HOUR - secs(100));
        for (passes, attempts) in [(0, 1), (2, 1), (4, 1), (8, 1)] {
            let before = source.started();
            time.pass(secs(passes));
            credentials.try_header().unwrap().unwrap();
            time.pass(Duration::ZERO);
            assert_eq!(source.started() - before, attempts, "after {passes} s");
        }
        source.set(|count| Ok(token(count)?.expiring_in(HOUR)));
        time.pass(secs(16));
        credentials.try_header().unwrap().unwrap();
        time.pass(secs(1));
        assert_eq!(source.started() - started, 5);
    }

    // With waiting callers: 100 ms again.
    source.set(|_| Err(unavailable()));
    time.pass(2 * HOUR);
    let (started, before) = (source.started(), time.elapsed());
    let mut call = Box::pin(call(&time, &credentials, secs(10)));
    assert!(time.poll(&mut call).is_pending() && source.started() == started + 1);
    time.clock.advance(millis(100));
    assert!(time.poll(&mut call).is_pending() && source.started() == started + 2, "{before:?}");
}

#[test]
fn a_success_ends_the_outage_for_waiting_callers_too() {
    let time = VirtualTime::new(0.999);
    let source = Source::down();
    let credentials = time.credentials(source.clone());
    call_until(&time, &credentials, secs(200));
    source.set(|count| Ok(token(count)?.expiring_in(secs(10))));
    time.pass(secs(30));
    assert!(time.run(call(&time, &credentials, secs(10))).0.is_ok());
    source.set(|_| Err(unavailable()));
    time.pass(secs(10));
    let started = source.started();
    let mut call = Box::pin(call(&time, &credentials, secs(10)));
    assert!(time.poll(&mut call).is_pending());
    time.clock.advance(millis(100));
    assert!(time.poll(&mut call).is_pending() && source.started() == started + 2);
}

#[test]
fn a_silent_source_that_nobody_waited_for_is_not_asked_again_at_once() {
    let time = VirtualTime::new(0.6);
    let source = Source::living(HOUR);
    source.hold();
    let credentials = time.credentials(source.clone());
    credentials.prewarm();
    time.pass(secs(30));
    let (error, came) = time.run(call(&time, &credentials, secs(20)));
    assert_eq!((error.unwrap_err().kind(), came, source.started()), (ErrorKind::Unavailable, secs(30), 1));
}

#[test]
fn a_silent_source_is_not_asked_again_in_one_flight() {
    let time = VirtualTime::new(0.6);
    let source = Source::living(HOUR);
    source.hold();
    let credentials = time.credentials(source.clone());
    let (error, came) = time.run(call(&time, &credentials, secs(100)));
    assert_eq!((error.unwrap_err().kind(), came, source.started()), (ErrorKind::Unavailable, secs(30), 1));
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
fn a_caller_after_a_failed_prewarm_waits_for_the_source() {
    let time = VirtualTime::new(0.999);
    let source = down_until(&time.clock, secs(3));
    let credentials = time.credentials(source.clone());
    credentials.prewarm();
    time.pass(millis(1));
    assert_eq!((source.started(), credentials.counters().failures), (1, 1));
    time.pass(millis(50));
    assert_eq!(source.started(), 1, "no caller waits, so the attempt is not repeated");
    let mut call = Box::pin(call(&time, &credentials, secs(20)));
    assert!(time.poll(&mut call).is_pending());
    assert_eq!(source.started(), 1, "the pause after the failure is kept");
    assert!(time.run(call).0.is_ok());
}

#[test]
fn the_back_off_of_a_stale_token_never_reaches_past_its_end() {
    for (asked, recovers) in [(None, 5), (Some(300), 5), (None, 0), (Some(300), 0)] {
        let time = VirtualTime::new(0.999);
        let source = Source::living(HOUR);
        let credentials = time.credentials(source.clone());
        time.run(credentials.header()).unwrap();
        source.set(move |_| match asked {
            Some(seconds) => Err(unavailable().with_retry_after(secs(seconds))),
            None => Err(unavailable()),
        });
        // The token is usable until 10 s before its end.
        let end = HOUR - secs(10);
        while time.elapsed() < end - secs(recovers) {
            credentials.try_header().unwrap().unwrap();
            time.pass(millis(500));
        }
        source.set(token);
        while time.elapsed() < end + secs(20) {
            let remembered = credentials.try_header().and_then(Result::err);
            assert!(remembered.is_none(), "{remembered:?} at {:?}", time.elapsed());
            let header = time.run(credentials.header());
            assert!(
                header.is_ok(),
                "{header:?} at {:?}, recovered {recovers} s before the end",
                time.elapsed()
            );
            time.pass(millis(250));
        }
    }
}

#[test]
fn selection_is_tried_again_as_a_fetch_is() {
    let time = VirtualTime::new(0.6);
    let clock = time.clock.clone();
    let up = clock.now().monotonic + secs(2);
    let http = TestHttp::new(move |_, _| match clock.now().monotonic < up {
        true => TestReply::Fail(HttpFault::ConnectRefused),
        false => TestReply::status(200, r#"{"access_token":"t1.fake.vm","expires_in":3600}"#),
    });
    let environment = TestEnvironment::new([("YC_METADATA_ADDR", "10.0.0.5")]);
    let system = time.system().with_http(http).with_environment(environment);
    let credentials = Automatic::new().with_system(system).build();
    let report = time.run(credentials.select());
    assert!(report.is_ok() && time.elapsed() < secs(4), "{report:?}");
    assert_eq!(credentials.method(), Some(Method::Metadata));
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
