//! No lock is held while the library logs: a log exporter may use the same credentials. The test has a process of its
//! own, because tracing caches the interest of subscribers for the whole process.

use std::sync::{Arc, Mutex};
use test_support::own_process::in_own_process;

use test_support::token_source::{Source, first_failure, header, unavailable};
use test_support::wait::HOUR;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Credentials, ErrorKind};

/// A log exporter that needs a header.
struct Exporter {
    credentials: Credentials,
    events: Arc<Mutex<usize>>,
}

impl Subscriber for Exporter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("yandex_cloud_auth")
    }

    fn event(&self, _event: &Event<'_>) {
        let _ = (self.credentials.try_header(), self.credentials.counters(), self.credentials.snapshot());
        *self.events.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += 1;
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

#[test]
fn a_log_subscriber_may_use_the_credentials() {
    in_own_process("reentrance_log::a_log_subscriber_may_use_the_credentials", logs_and_uses_the_credentials);
}

fn logs_and_uses_the_credentials() {
    let clock = TestClock::new();
    let source = Source::living(HOUR);
    let credentials = source.in_step(&clock);
    let events = Arc::new(Mutex::new(0));
    let exporter = Exporter { credentials: credentials.clone(), events: Arc::clone(&events) };
    tracing::subscriber::with_default(exporter, || {
        header(&credentials);
        let before = *events.lock().unwrap();
        assert!(before > 0, "the fetch was logged");
        source.set(|_| Err(unavailable()));
        credentials.invalidate(&credentials.snapshot().unwrap());
        assert_eq!(first_failure(&credentials).kind(), ErrorKind::Unavailable);
        assert!(*events.lock().unwrap() > before, "the refusal was logged");
    });
}
