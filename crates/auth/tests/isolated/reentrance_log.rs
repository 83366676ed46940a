//! No lock is held while the library logs: a log exporter may use the same credentials. The test has a process of its
//! own, because tracing caches the interest of subscribers for the whole process.

use std::sync::{Arc, Mutex, PoisonError};

use test_support::log::OnEvent;
use test_support::own_process::in_own_process;
use test_support::token_source::{Source, first_failure, header, unavailable};
use test_support::wait::HOUR;
use tracing::Event;
use yandex_cloud_auth::ErrorKind;
use yandex_cloud_auth::testing::TestClock;

#[test]
fn a_log_subscriber_may_use_the_credentials() {
    in_own_process("reentrance_log::a_log_subscriber_may_use_the_credentials", logs_and_uses_the_credentials);
}

fn logs_and_uses_the_credentials() {
    let clock = TestClock::new();
    let source = Source::living(HOUR);
    let credentials = source.in_step(&clock);
    let events = Arc::new(Mutex::new(0));
    let (count, of_exporter) = (Arc::clone(&events), credentials.clone());
    // A log exporter that needs a header.
    let exporter = OnEvent(move |_: &Event<'_>| {
        let _ = (of_exporter.try_header(), of_exporter.counters(), of_exporter.snapshot());
        *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    });
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
