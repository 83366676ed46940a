//! The pauses between attempts, within a flight and from flight to flight.

use std::time::Duration;

use super::{call, down_until, millis};
use test_support::token_source::{Source, token, unavailable};
use test_support::virtual_time::VirtualTime;
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::{Credentials, ErrorKind};

/// Calls of 10 s, a second apart, until this time after the start.
fn call_until(time: &VirtualTime, credentials: &Credentials, end: Duration) {
    while time.elapsed() < end {
        let _ = time.run(call(time, credentials, secs(10)));
        time.pass(secs(1));
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
