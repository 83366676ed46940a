//! Laws 1, 2 and 4: which token is sent, and when the source is asked again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use test_support::token_source::{Source, first_failure, header, token, try_header, unavailable};
use test_support::virtual_time::VirtualTime;
use test_support::wait::{HOUR, secs, until};
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Credentials, Error, ErrorKind, IamTokenAuth, Method, Token};

#[test]
fn no_call_sends_an_expired_token_in_two_hours_of_short_lived_tokens() {
    let clock = TestClock::new();
    let ends: Arc<Mutex<BTreeMap<String, Duration>>> = Arc::default();
    let source = Source::new({
        let (clock, ends) = (clock.clone(), Arc::clone(&ends));
        move |count| {
            let token = token(count)?.expiring_in(secs(300));
            ends.lock()
                .unwrap()
                .insert(format!("Bearer t1.fake.{count}"), test_support::system::wall(&clock) + secs(300));
            Ok(token)
        }
    });
    let credentials = source.in_step(&clock);
    for call in 0..720 {
        let sent = header(&credentials);
        let end = ends.lock().unwrap()[&sent];
        assert!(test_support::system::wall(&clock) < end, "call {call} sends a token past its end");
        clock.advance(secs(10));
    }
    assert!(source.started() >= 24, "{} tokens cannot cover two hours", source.started());
    assert!(source.started() <= 40, "{} fetches for two hours are too many", source.started());
}

#[test]
fn an_expired_token_is_not_sent_after_a_suspend() {
    let clock = TestClock::new();
    let credentials = Source::living(HOUR).in_step(&clock);
    assert_eq!(header(&credentials), "Bearer t1.fake.0");
    clock.suspend(2 * HOUR);
    assert_eq!(header(&credentials), "Bearer t1.fake.1");
}

#[test]
fn a_wall_clock_set_back_a_day_does_not_extend_the_life_of_a_token() {
    let clock = TestClock::new();
    let credentials = Source::living(HOUR).in_step(&clock);
    assert_eq!(header(&credentials), "Bearer t1.fake.0");
    clock.set_wall_back(24 * HOUR);
    assert_eq!(header(&credentials), "Bearer t1.fake.0");
    clock.advance(HOUR);
    assert_eq!(header(&credentials), "Bearer t1.fake.1");
}

#[test]
fn a_stale_token_is_served_at_once_and_refreshed_in_the_background() {
    let clock = TestClock::new();
    let source = Source::living(12 * HOUR);
    let credentials = source.in_step(&clock);
    header(&credentials);
    clock.advance(HOUR + secs(1));
    source.hold();
    for _ in 0..1000 {
        assert_eq!(header(&credentials), "Bearer t1.fake.0");
    }
    assert_eq!(credentials.counters().waited, 1, "only the very first call waited");
    until("the refresh has begun", || source.started() == 2);
    clock.wait_for_sleepers(1);
    for _ in 0..10 {
        clock.advance(secs(2));
        assert_eq!(header(&credentials), "Bearer t1.fake.0");
        assert_eq!(credentials.counters().fetches, 2, "one refresh at a time, however long it takes");
    }
    source.release();
    until("the new token is served", || header(&credentials) == "Bearer t1.fake.1");
    assert_eq!((source.started(), credentials.counters().waited), (2, 1));
}

#[test]
fn the_life_of_a_token_counts_from_the_request() {
    let time = VirtualTime::new(0.0);
    let source = Source::living(secs(60));
    source.hold();
    let credentials = time.credentials(source.clone());
    let mut call = Box::pin(credentials.header());
    assert!(time.poll(&mut call).is_pending());
    time.clock.advance(secs(20));
    source.release();
    assert!(time.run(call).is_ok());
    source.set(|_| Err(unavailable()));
    // 60 s of life, less a tenth, from the request on. The response came after 20 s.
    for (passes, usable) in [(33, true), (2, false)] {
        time.pass(secs(passes));
        let header = credentials.try_header();
        assert_eq!(header.is_some_and(|header| header.is_ok()), usable, "{:?}", time.elapsed());
    }
}

#[test]
fn the_old_token_is_served_while_the_source_is_down() {
    let clock = TestClock::new();
    let source = Source::living(12 * HOUR);
    let credentials = source.in_step(&clock);
    header(&credentials);
    source.set(|_| Err(unavailable()));
    clock.set_random(0.999);
    let served = (0..4 * 3600).step_by(10).all(|_| {
        clock.advance(secs(10));
        header(&credentials) == "Bearer t1.fake.0"
    });
    assert!(served);
    assert_eq!(credentials.counters().waited, 1);
    // Three hours of outage at a pause of up to a minute.
    assert!(credentials.counters().fetches < 200, "{:?}", credentials.counters());
    assert!(credentials.counters().failures > 100, "{:?}", credentials.counters());
    assert_eq!(credentials.last_failure().unwrap().kind(), ErrorKind::Unavailable);
    source.set(|_| Ok(Token::new("t1.fake.back")?.expiring_in(12 * HOUR)));
    clock.advance(secs(60));
    header(&credentials);
    assert_eq!(header(&credentials), "Bearer t1.fake.back");
    assert!(credentials.last_failure().is_none());
}

#[test]
fn an_expired_token_is_an_error_only_until_the_source_is_back() {
    let clock = TestClock::new();
    let source = Source::living(HOUR);
    let credentials = source.in_step(&clock);
    header(&credentials);
    source.set(|_| Err(unavailable()));
    clock.advance(HOUR);
    assert_eq!(first_failure(&credentials).kind(), ErrorKind::Unavailable);
    source.set(|count| Ok(token(count)?.expiring_in(HOUR)));
    clock.advance(secs(1));
    assert_eq!(header(&credentials), "Bearer t1.fake.2");
}

#[test]
fn each_kind_of_failure_is_remembered_for_a_bounded_time_and_then_retried() {
    // kind, jitter -> remembered for, in milliseconds
    for (kind, jitter, remembered) in [
        (ErrorKind::Unavailable, 0.0, 10),
        (ErrorKind::Unavailable, 0.9, 90),
        (ErrorKind::Refused, 0.0, 1000),
        (ErrorKind::Refused, 0.8, 4000),
        (ErrorKind::Invalid, 0.8, 4000),
        (ErrorKind::NotConfigured, 0.8, 4000),
        (ErrorKind::Blocked, 0.8, 4000),
        (ErrorKind::Expired, 0.8, 4000),
    ] {
        let clock = TestClock::new();
        clock.set_random(jitter);
        let source = Source::new(move |count| match count {
            0 => Err(Error::new(kind, "no")),
            _ => token(count),
        });
        let credentials = source.in_step(&clock);
        assert_eq!(first_failure(&credentials).kind(), kind);
        clock.advance(Duration::from_millis(remembered - 10));
        assert_eq!(first_failure(&credentials).kind(), kind, "returned again without another fetch");
        assert_eq!(source.started(), 1);
        clock.advance(Duration::from_millis(10));
        assert_eq!(header(&credentials), "Bearer t1.fake.1", "{kind:?} is not final");
    }
}

#[test]
fn the_pause_grows_with_failures_in_a_row() {
    let clock = TestClock::new();
    clock.set_random(0.999);
    let source = Source::down();
    let credentials = source.in_step(&clock);
    let attempts_in = |seconds| {
        let before = source.started();
        for _ in 0..seconds {
            let _ = first_failure(&credentials);
            clock.advance(secs(1));
        }
        source.started() - before
    };
    // Calls without patience each second: every second, every 2 s in the first minute, then 4, 8, 16 and 30 s apart.
    assert_eq!(attempts_in(60), 32);
    assert_eq!(attempts_in(60), 5);
    assert_eq!(attempts_in(600), 20);
}

#[test]
fn retry_after_delays_the_next_fetch() {
    let clock = TestClock::new();
    let source = Source::new(|count| match count {
        0 => Err(unavailable().with_retry_after(secs(30))),
        _ => token(count),
    });
    let credentials = source.in_step(&clock);
    assert_eq!(try_header(&credentials).unwrap_err().retry_after(), Some(secs(30)));
    clock.advance(secs(29));
    assert!(try_header(&credentials).is_err());
    clock.advance(secs(1));
    assert!(try_header(&credentials).is_ok());
}

#[test]
fn a_repeated_token_keeps_its_generation_and_is_refreshed_after_half_of_its_life() {
    let clock = TestClock::new();
    let source = Source::new({
        let clock = clock.clone();
        let end = test_support::system::wall(&clock) + 8 * HOUR;
        move |_| Ok(Token::new("t1.fake.same")?.expiring_in(end - test_support::system::wall(&clock)))
    })
    .max_age(24 * HOUR);
    let credentials = source.in_step(&clock);
    header(&credentials);
    // 8 h of life less the advisory hour, then half of the rest each time.
    for (at_most, fetches) in
        [(6 * HOUR + HOUR / 2, 1), (31 * HOUR / 60, 2), (29 * HOUR / 60, 2), (2 * HOUR / 60, 3)]
    {
        clock.advance(at_most);
        header(&credentials);
        assert_eq!(source.started(), fetches);
    }
    assert_eq!(credentials.snapshot().unwrap().generation(), 1);
}

#[test]
fn an_impossible_life_is_an_error_and_the_current_token_stays() {
    let clock = TestClock::new();
    let source = Source::new(|count| {
        let life = [HOUR, Duration::ZERO, 25 * HOUR][count.min(2)];
        Ok(token(count)?.expiring_in(life))
    });
    let credentials = source.in_step(&clock);
    header(&credentials);
    clock.advance(HOUR - secs(60));
    for failures in 1..=2 {
        assert_eq!(header(&credentials), "Bearer t1.fake.0");
        assert_eq!(credentials.counters().failures, failures);
        clock.advance(secs(10));
    }
    clock.advance(secs(120));
    let error = first_failure(&credentials);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("90000 s"), "{error}");
}

#[test]
fn a_token_of_unknown_life_is_refreshed_hourly_and_not_sent_after_twelve_hours() {
    let clock = TestClock::new();
    let source = Source::new(|_| Token::new("t1.fake.same"));
    let credentials = source.in_step(&clock);
    for hour in 1..12 {
        header(&credentials);
        assert_eq!(source.started(), hour);
        clock.advance(HOUR);
    }
    assert_eq!(credentials.snapshot().unwrap().generation(), 1);
    clock.advance(HOUR);
    let error = try_header(&credentials).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
    source.set(token);
    clock.advance(secs(5));
    header(&credentials);
    assert_eq!(credentials.snapshot().unwrap().generation(), 2);
}

#[test]
fn a_given_iam_token_expires_after_twelve_hours() {
    let clock = TestClock::new();
    let credentials = Credentials::from(IamTokenAuth::new("t1.fake.given").unwrap())
        .with_system(test_support::system::empty_system(&clock));
    clock.advance(12 * HOUR - secs(1));
    assert_eq!(header(&credentials), "Bearer t1.fake.given");
    clock.advance(secs(1));
    let error = try_header(&credentials).unwrap_err();
    assert_eq!((error.kind(), error.method()), (ErrorKind::Expired, Some(Method::IamToken)));
    assert!(error.help().is_some());
}

#[test]
fn processes_that_start_together_do_not_refresh_together() {
    let fetched_after = |jitter: f64, at: Duration| {
        let clock = TestClock::new();
        clock.set_random(jitter);
        let source = Source::living(12 * HOUR);
        let credentials = source.in_step(&clock);
        header(&credentials);
        clock.advance(at);
        header(&credentials);
        credentials.counters().fetches
    };
    assert_eq!(fetched_after(0.0, 59 * HOUR / 60), 1);
    assert_eq!(fetched_after(0.9, 55 * HOUR / 60), 2);
}

#[test]
fn each_new_token_is_announced() {
    let clock = TestClock::new();
    let credentials = Source::living(HOUR).in_step(&clock);
    let mut changes = credentials.subscribe();
    test_support::wait::on_runtime(async {
        credentials.header().await.unwrap();
        assert_eq!(changes.changed().await.unwrap().generation(), 1);
        clock.advance(HOUR);
        credentials.header().await.unwrap();
        assert_eq!(changes.changed().await.unwrap().generation(), 2);
        drop(credentials);
        assert!(changes.changed().await.is_none(), "a subscription does not keep the credentials alive");
    });
}

#[test]
fn the_same_token_after_a_refusal_is_not_announced() {
    let clock = TestClock::new();
    let credentials = Source::new(|_| Token::new("t1.fake.same")).in_step(&clock);
    header(&credentials);
    let mut changes = credentials.subscribe();
    assert!(credentials.invalidate(&credentials.snapshot().unwrap()));
    header(&credentials);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(std::pin::pin!(changes.changed()).poll(&mut context).is_pending());
}

#[test]
fn a_source_is_asked_once_a_second_at_most() {
    let clock = TestClock::new();
    let source = Source::living(HOUR).max_age(Duration::ZERO);
    let credentials = source.in_step(&clock);
    for _ in 0..1000 {
        header(&credentials);
        clock.advance(Duration::from_millis(10));
    }
    assert!((10..=12).contains(&source.started()), "{} fetches in ten seconds", source.started());
}

#[test]
fn every_due_refresh_happens() {
    let clock = TestClock::new();
    let credentials = Source::living(12 * HOUR).in_step(&clock);
    header(&credentials);
    for generation in 2..20 {
        clock.advance(HOUR + secs(1));
        header(&credentials);
        assert_eq!(credentials.snapshot().unwrap().generation(), generation);
    }
}
