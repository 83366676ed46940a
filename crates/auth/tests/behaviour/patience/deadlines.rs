//! How long a caller waits, and with which error it leaves.

use std::time::Duration;

use super::{call, down_until, millis};
use futures_util::future::join_all;
use test_support::token_source::{Source, token, unavailable};
use test_support::virtual_time::VirtualTime;
use test_support::wait::secs;
use yandex_cloud_auth::system::{Clock, HttpFault};
use yandex_cloud_auth::testing::{TestEnvironment, TestHttp, TestReply};
use yandex_cloud_auth::{Automatic, Error, ErrorKind, HeaderOptions, Method};

const JITTERS: [f64; 4] = [0.0, 0.3, 0.6, 0.999];

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
