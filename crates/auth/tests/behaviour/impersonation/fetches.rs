//! Two fetches, one for the other: when each runs, its time limit, and its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{ACCOUNT, OTHER, by, failure, iam, impersonation_in, of};
use crate::support::TestSystem;
use test_support::token_source::{Source, header, token};
use test_support::wait::{secs, until};
use yandex_cloud_auth::system::LibraryThread;
use yandex_cloud_auth::testing::{TestEnvironment, TestHttp};
use yandex_cloud_auth::{Credentials, ErrorKind, HeaderOptions, ImpersonationAuth, MetadataAuth, System};

#[test]
fn each_of_the_two_tokens_is_refreshed_when_it_is_due() {
    // The tokens of the underlying credentials live for 10 min; those of the service account end at 12:00.
    let source = Source::living(secs(600));
    let test_system = TestSystem::new().answering(iam);
    let underlying = Credentials::from_source(source.clone()).with_system(test_system.system());
    let credentials = test_system.with(by(underlying.clone()));
    let held = header(&credentials);
    assert_eq!((source.started(), held.as_str()), (1, &*format!("Bearer {}", of(ACCOUNT, "t1.fake.0"))));

    test_system.clock.advance(secs(3000));
    assert_eq!((header(&credentials), source.started()), (held.clone(), 1), "no token is refreshed");

    // After max_age, the token is refreshed in the background, with a valid token of the underlying credentials.
    test_system.clock.advance(secs(700));
    assert_eq!(header(&credentials), held);
    let renewed = format!("Bearer {}", of(ACCOUNT, "t1.fake.1"));
    until("the token is refreshed in the background", || header(&credentials) == renewed);
    assert_eq!(source.started(), 2);

    // A cached token of the underlying credentials is used, and shared with other users of these credentials.
    header(&underlying);
    let another = test_system.with(ImpersonationAuth::new(OTHER, underlying));
    assert_eq!(header(&another), format!("Bearer {}", of(OTHER, "t1.fake.1")));
    assert_eq!(source.started(), 2);
}

#[test]
fn an_expired_token_is_not_sent_when_the_refresh_fails() {
    let source = Source::living(secs(600));
    let test_system = TestSystem::new().answering(iam);
    let credentials = test_system.with(by(Credentials::from_source(source.clone())));
    header(&credentials);
    // The server asks for a pause that is longer than the call has, so the call fails at once.
    source.set(|_| Err(test_support::token_source::unavailable().with_retry_after(secs(60))));
    test_system.clock.advance(secs(11 * 3600));
    assert!(header(&credentials).contains("t1.fake.0."), "the valid token is sent");
    until("the refresh in the background has failed", || credentials.counters().failures == 1);
    test_system.clock.advance(secs(3600));
    let error = failure(&credentials);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.reason().contains("the source is down"), "{error}");
    source.set(|count| Ok(token(count)?.expiring_in(secs(600))));
    test_system.clock.advance(secs(60));
    // The token in IAM's response ends at 12:00, which has passed.
    assert!(failure(&credentials).reason().contains("a lifetime of"), "IAM is called again after a failure");
}

#[test]
fn construction_and_with_system_do_no_work() {
    let test_system = TestSystem::new().answering(|_, _| panic!("no request is sent"));
    let source = Source::new(|_| panic!("nothing is fetched"));
    let credentials = test_system.with(ImpersonationAuth::new(OTHER, by(Credentials::from_source(source))));
    let _ = (credentials.method(), credentials.report(), credentials.snapshot(), format!("{credentials:?}"));
    assert_eq!(credentials.counters().fetches, 0);
}

#[test]
fn the_last_drop_ends_both_fetches() {
    let source = Source::living(secs(3600));
    source.hold();
    let test_system = TestSystem::new().answering(|_, _| panic!("no request goes to IAM"));
    let credentials = test_system.with(by(Credentials::from_source(source.clone())));
    credentials.prewarm();
    until("the fetch of the underlying credentials runs", || source.started() == 1);
    drop(credentials);
    until("the fetch is dropped", || source.ended() == 1);
}

#[test]
fn a_shared_fetch_continues_when_the_impersonation_is_dropped() {
    let source = Source::living(secs(3600));
    source.hold();
    let test_system = TestSystem::new().answering(iam);
    let underlying = Credentials::from_source(source.clone()).with_system(test_system.system());
    let credentials = test_system.with(by(underlying.clone()));
    credentials.prewarm();
    until("the fetch of the underlying credentials runs", || source.started() == 1);
    drop(credentials);
    source.release();
    assert_eq!(header(&underlying), "Bearer t1.fake.0");
    assert_eq!(source.started(), 1);
}

#[test]
fn the_fetches_continue_after_the_deadline_of_a_caller() {
    let source = Source::living(secs(3600));
    source.hold();
    let test_system = TestSystem::new().answering(iam);
    let credentials = test_system.with(by(Credentials::from_source(source.clone())));
    let caller = credentials.clone();
    let call = std::thread::spawn(move || {
        caller.blocking().header_with(HeaderOptions::new().deadline(secs(1))).unwrap_err()
    });
    until("the fetch of the underlying credentials runs", || source.started() == 1);
    // The limits of both fetches, and the deadline of the caller.
    test_system.clock.wait_for_sleepers(3);
    test_system.clock.advance(secs(1));
    assert_eq!(call.join().unwrap().kind(), ErrorKind::Unavailable);
    source.release();
    assert_eq!(header(&credentials), format!("Bearer {}", of(ACCOUNT, "t1.fake.0")));
    assert_eq!(source.started(), 1);
}

#[test]
fn both_fetches_together_have_one_time_limit() {
    let source = Source::living(secs(3600));
    source.hold();
    let test_system = TestSystem::new().answering(iam);
    let auth = ImpersonationAuth::builder(ACCOUNT, Credentials::from_source(source.clone())).timeout(secs(7));
    let credentials = test_system.with(auth.build());
    let caller = credentials.clone();
    let call = std::thread::spawn(move || caller.blocking().header().unwrap_err());
    until("the fetch of the underlying credentials runs", || source.started() == 1);
    test_system.clock.wait_for_sleepers(2);
    test_system.clock.advance(secs(7));
    assert!(call.join().unwrap().reason().contains("no token within 7 s"));
}

/// Both fetches run on the one thread of the library, for every kind of caller.
#[test]
fn one_thread_runs_both_fetches_for_many_callers() {
    let impersonations = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&impersonations);
    let http = TestHttp::new(move |request, nth| {
        count.fetch_add(usize::from(impersonation_in(request).is_some()), Ordering::SeqCst);
        iam(request, nth)
    });
    let system = System::real()
        .with_environment(TestEnvironment::empty())
        .with_clock(yandex_cloud_auth::testing::TestClock::new())
        .with_http(http)
        .with_spawner(LibraryThread);
    let nested = ImpersonationAuth::new(OTHER, by(MetadataAuth::new()));
    let credentials = Credentials::from(nested).with_system(system);
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let clone = credentials.clone();
            std::thread::spawn(move || header(&clone))
        })
        .collect();
    let expected = format!("Bearer {}", of(OTHER, &of(ACCOUNT, crate::support::METADATA_TOKEN)));
    for thread in threads {
        assert_eq!(thread.join().unwrap(), expected);
    }
    assert_eq!(impersonations.load(Ordering::SeqCst), 2, "IAM gets one request for each of the two accounts");
    assert_eq!(
        test_support::wait::on_runtime(async { credentials.header().await }).unwrap().unwrap(),
        expected
    );
}
