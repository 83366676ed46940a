//! No lock is held while the library calls a waker: the waker may use the same credentials.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use test_support::token_source::{Source, header};
use test_support::wait::HOUR;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Credentials, HeaderOptions};

/// A waker that uses the credentials at once.
struct UsesCredentials(Credentials);

impl Wake for UsesCredentials {
    fn wake(self: Arc<Self>) {
        let _ = (self.0.try_header(), self.0.counters(), self.0.subscribe());
    }
}

#[test]
fn a_waker_may_ask_for_a_header() {
    let clock = TestClock::new();
    let credentials = Source::living(HOUR).in_step(&clock);
    let waker = Waker::from(Arc::new(UsesCredentials(credentials.clone())));
    let mut changes = credentials.subscribe();
    let mut change = std::pin::pin!(changes.changed());
    assert!(change.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    header(&credentials);
    assert!(change.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn a_waker_may_be_the_last_owner_of_a_subscription() {
    let clock = TestClock::new();
    let source = Source::living(HOUR);
    source.hold();
    let credentials = source.on_clock(&clock);
    struct Owns(#[allow(dead_code, reason = "owned")] yandex_cloud_auth::Subscription);
    impl Wake for Owns {
        fn wake(self: Arc<Self>) {}
    }
    let mut changes = credentials.subscribe();
    let owner = Waker::from(Arc::new(Owns(credentials.subscribe())));
    assert!(std::pin::pin!(changes.changed()).poll(&mut Context::from_waker(&owner)).is_pending());
    drop(owner);
    drop(changes);
    source.release();
    assert!(credentials.blocking().get(HeaderOptions::new()).is_ok());
}
