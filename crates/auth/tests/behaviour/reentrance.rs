//! No lock is held while the library calls a waker: the waker may use the same credentials.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
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

#[test]
fn a_waker_that_panics_leaves_no_other_caller_waiting() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("the waker panics");
        }
    }
    let clock = TestClock::new();
    let source = Source::living(HOUR);
    source.hold();
    let credentials = source.on_clock(&clock);
    let (woken, panics) = (Arc::new(Counts::default()), Waker::from(Arc::new(Panics)));
    let (first, second) = (credentials.clone(), credentials.clone());
    let mut first = Box::pin(first.header());
    let mut second = Box::pin(second.header());
    assert!(first.as_mut().poll(&mut Context::from_waker(&panics)).is_pending());
    assert!(second.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&woken)))).is_pending());
    source.release();
    assert!(credentials.blocking().header().is_ok());
    test_support::wait::until("the second call is woken", || woken.0.load(Ordering::SeqCst) > 0);
}

#[test]
fn a_replaced_waker_may_be_the_last_owner_of_another_call() {
    struct Owns(#[allow(dead_code, reason = "owned")] Mutex<Option<Call>>);
    impl Wake for Owns {
        fn wake(self: Arc<Self>) {}
    }
    type Call = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
    let clock = TestClock::new();
    let source = Source::living(HOUR);
    source.hold();
    let credentials = source.on_clock(&clock);
    let call =
        |credentials: Credentials| -> Call { Box::pin(async move { drop(credentials.header().await) }) };
    let (mut owned, mut other) = (call(credentials.clone()), call(credentials.clone()));
    assert!(owned.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let owner = Waker::from(Arc::new(Owns(Mutex::new(Some(owned)))));
    assert!(other.as_mut().poll(&mut Context::from_waker(&owner)).is_pending());
    drop(owner);
    let (sender, done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // The call now has another waker, so the first one is dropped, and the call that it owns.
        assert!(other.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        sender.send(()).unwrap();
    });
    done.recv_timeout(std::time::Duration::from_secs(20)).expect("the call waits for its own lock");
    source.release();
    assert!(credentials.blocking().header().is_ok());
}

/// Counts how often it is woken.
#[derive(Default)]
struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
