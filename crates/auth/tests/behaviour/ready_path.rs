//! Law 6: a cached header costs no allocation and waits for no lock.

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
        work();
        allocation_counter::measure(work).count_total
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
