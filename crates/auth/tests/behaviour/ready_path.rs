//! Law 6: a cached header costs no allocation and waits for no lock. Nor does the copy of a thread outlive its token.

use test_support::token_source::{Source, header};
use test_support::wait::{HOUR, until};
use yandex_cloud_auth::testing::{TestClock, TestEnvironment};
use yandex_cloud_auth::{ApiKeyAuth, Credentials, EnvIamTokenAuth, FunctionAuth, IamTokenAuth, NoAuth};

/// Allocations of one poll of `header()`, of the blocking `header()` and of `try_header()`.
fn allocations(credentials: &Credentials) -> [u64; 3] {
    let poll = || {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let call = std::pin::pin!(credentials.header());
        assert!(call.poll(&mut context).is_ready());
    };
    let blocking = credentials.blocking();
    let count = |work: &dyn Fn()| {
        // The second call of a thread makes the copy that the thread keeps. A token that another test replaces meanwhile
        // ends the copy, so one measurement is not enough.
        (0..2).for_each(|_| work());
        (0..20).map(|_| allocation_counter::measure(work).count_total).min().unwrap()
    };
    [
        count(&poll),
        count(&|| assert!(blocking.header().is_ok())),
        count(&|| assert!(credentials.try_header().is_some_and(|header| header.is_ok()))),
    ]
}

#[test]
fn a_cached_header_allocates_nothing() {
    let system = test_support::system::empty_system(&TestClock::new());
    let fetched = Source::living(HOUR).on_clock(&TestClock::new());
    header(&fetched);
    let real_clock = Credentials::from(ApiKeyAuth::new("AQVN-fake").unwrap());
    for (name, credentials) in [
        ("a fetched token", fetched),
        ("api-key on the real clock", real_clock),
        (
            "iam-token",
            Credentials::from(IamTokenAuth::new("t1.fake.given").unwrap()).with_system(system.clone()),
        ),
        ("function", Credentials::from(FunctionAuth::parse(r#"{"access_token":"t1.fake.x"}"#).unwrap())),
        ("none", Credentials::from(NoAuth::new()).with_system(system.clone())),
    ] {
        assert_eq!(allocations(&credentials), [0; 3], "{name}");
    }
}

#[test]
fn only_the_variable_is_read_for_each_request() {
    let environment = TestEnvironment::new([("YC_TOKEN", "t1.fake.token")]);
    let system = test_support::system::empty_system(&TestClock::new()).with_environment(environment);
    let credentials = Credentials::from(EnvIamTokenAuth::new()).with_system(system);
    header(&credentials);
    // The value is allocated. The header is not: it was made before.
    assert!(allocations(&credentials)[0] <= 2);
}

#[test]
fn a_stale_header_is_served_without_allocation_while_its_refresh_runs() {
    let clock = TestClock::new();
    let source = Source::living(12 * HOUR);
    let credentials = source.on_clock(&clock);
    header(&credentials);
    clock.advance(2 * HOUR);
    source.hold();
    header(&credentials);
    until("the refresh runs", || source.started() == 2);
    assert_eq!(allocations(&credentials), [0; 3]);
    source.release();
}

/// More calls than a thread makes before it has a copy of the header.
fn call(credentials: &Credentials) -> String {
    header(credentials);
    header(credentials);
    header(credentials)
}

#[test]
fn the_copy_of_a_thread_is_not_sent_after_the_token_was_invalidated() {
    let clock = TestClock::new();
    let credentials = Source::living(HOUR).on_clock(&clock);
    assert_eq!(call(&credentials), "Bearer t1.fake.0");
    // Another thread does it, so this thread learns of it by the number of changes alone.
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(credentials.invalidate(&credentials.snapshot().unwrap())));
    });
    assert!(credentials.try_header().is_none());
    assert_eq!(call(&credentials), "Bearer t1.fake.1");
}

#[test]
fn the_copy_of_a_thread_is_not_sent_after_its_token_ended_by_either_clock() {
    for pass in [TestClock::advance, TestClock::suspend] {
        let clock = TestClock::new();
        let source = Source::living(HOUR);
        let credentials = source.in_step(&clock);
        assert_eq!(call(&credentials), "Bearer t1.fake.0");
        pass(&clock, HOUR);
        assert_eq!(call(&credentials), "Bearer t1.fake.1");
    }
}

#[test]
fn a_thread_with_copies_of_several_credentials_takes_the_right_one() {
    let clock = TestClock::new();
    let all: Vec<_> = (0..12)
        .map(|at| {
            let key = ApiKeyAuth::new(format!("AQVN-fake-{at}")).unwrap();
            Credentials::from(key).with_system(test_support::system::empty_system(&clock))
        })
        .collect();
    for _ in 0..4 {
        for (at, credentials) in all.iter().enumerate() {
            assert_eq!(header(credentials), format!("Api-Key AQVN-fake-{at}"));
            assert_eq!(credentials.generation(), Some(1));
        }
    }
    drop(all);
    let next = Credentials::from(ApiKeyAuth::new("AQVN-fake-next").unwrap());
    assert_eq!(call(&next), "Api-Key AQVN-fake-next");
}
