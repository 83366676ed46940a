//! The log is told without a lock: an exporter may ask the same credentials for a header. Alone in its file, because
//! what tracing remembers of a log is remembered for the whole process.

use std::sync::{Arc, Mutex};
use test_support::own_process::in_own_process;

use test_support::token_source::{Source, header, try_header, unavailable};
use test_support::wait::HOUR;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Credentials, ErrorKind};

/// A log that needs a header to be sent, as an exporter does.
struct Exporter {
    credentials: Credentials,
    asked: Arc<Mutex<usize>>,
}

impl Subscriber for Exporter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("yandex_cloud_auth")
    }

    fn event(&self, _event: &Event<'_>) {
        let _ = (self.credentials.try_header(), self.credentials.counters(), self.credentials.snapshot());
        *self.asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += 1;
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
fn a_log_subscriber_may_ask_for_a_header() {
    in_own_process("reentrance_log::a_log_subscriber_may_ask_for_a_header", logs_and_asks);
}

fn logs_and_asks() {
    let clock = TestClock::new();
    let source = Source::living(HOUR);
    let credentials = source.in_step(&clock);
    let asked = Arc::new(Mutex::new(0));
    let exporter = Exporter { credentials: credentials.clone(), asked: Arc::clone(&asked) };
    tracing::subscriber::with_default(exporter, || {
        header(&credentials);
        let told = *asked.lock().unwrap();
        assert!(told > 0, "the token was told of");
        source.set(|_| Err(unavailable()));
        credentials.invalidate(&credentials.snapshot().unwrap());
        assert_eq!(try_header(&credentials).unwrap_err().kind(), ErrorKind::Unavailable);
        assert!(*asked.lock().unwrap() > told, "the refusal was told of");
    });
}
