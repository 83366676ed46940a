//! A log subscriber is code of the program: one that panics or blocks takes no token and no deadline from a caller. The
//! tests have processes of their own, because a subscriber is set for the whole process.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use test_support::log::OnEvent;
use test_support::own_process::in_own_process;
use test_support::system::isolated_system;
use test_support::token_source::{Source, header, token, unavailable};
use test_support::wait::{HOUR, until};
use tracing::Event;
use yandex_cloud_auth::testing::{TestEnvironment, TestHttp, TestReply};
use yandex_cloud_auth::{Automatic, Credentials, ErrorKind, HeaderOptions, Token};

#[test]
fn a_subscriber_that_panics_takes_no_token() {
    in_own_process("log_subscriber::a_subscriber_that_panics_takes_no_token", panics);
}

fn panics() {
    let panicked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&panicked);
    tracing::subscriber::set_global_default(OnEvent(move |_: &Event<'_>| {
        *count.lock().unwrap() += 1;
        panic!("the subscriber panics (expected in this test)");
    }))
    .unwrap();
    let source = Source::new(|count| match count {
        0 => Err(unavailable()),
        1 => Ok(token(count)?.expiring_in(HOUR)),
        _ => Err(yandex_cloud_auth::Error::new(ErrorKind::Refused, "no")),
    });
    let credentials = Credentials::from_source(source).with_system(isolated_system());
    assert_eq!(header(&credentials), "Bearer t1.fake.1");
    assert!(credentials.invalidate(&credentials.snapshot().unwrap()));
    assert_eq!(credentials.blocking().header().unwrap_err().kind(), ErrorKind::Refused);

    let http =
        TestHttp::new(|_, _| TestReply::status(200, r#"{"access_token":"t1.fake.vm","expires_in":3600}"#));
    let environment = TestEnvironment::new([("YC_METADATA_ADDR", "8.8.8.8")]);
    let system = isolated_system().with_http(http).with_environment(environment);
    let automatic = Automatic::new().with_system(system).build();
    assert_eq!(header(&automatic), "Bearer t1.fake.vm");
    // A token without its mark is logged where the source makes the token.
    let unmarked = Source::new(|_| Ok(Token::new("CggVAgAAA-FAKE-older-shape-FAKE-FAKE")?.expiring_in(HOUR)));
    let credentials = Credentials::from_source(unmarked).with_system(isolated_system());
    assert_eq!(header(&credentials), "Bearer CggVAgAAA-FAKE-older-shape-FAKE-FAKE");
    assert!(*panicked.lock().unwrap() >= 6, "{panicked:?}");
}

#[test]
fn a_subscriber_that_blocks_takes_no_token_and_no_deadline() {
    in_own_process("log_subscriber::a_subscriber_that_blocks_takes_no_token_and_no_deadline", blocks);
}

fn blocks() {
    // Whether the subscriber blocks, and how many events it holds.
    let gate = Arc::new((Mutex::new((true, 0)), Condvar::new()));
    let subscriber = Arc::clone(&gate);
    tracing::subscriber::set_global_default(OnEvent(move |event: &Event<'_>| {
        if event.metadata().target().contains("refresh") {
            let mut state = subscriber.0.lock().unwrap();
            state.1 += 1;
            drop(subscriber.1.wait_while(state, |state| state.0).unwrap());
        }
    }))
    .unwrap();
    let first = Credentials::from_source(Source::living(HOUR)).with_system(isolated_system());
    assert_eq!(header(&first), "Bearer t1.fake.0");
    until("the subscriber blocks the thread of the library", || gate.0.lock().unwrap().1 == 1);

    let second = Credentials::from_source(Source::living(HOUR)).with_system(isolated_system());
    let short = HeaderOptions::new().deadline(Duration::from_millis(100));
    let error = second.blocking().header_with(short).unwrap_err();
    assert!(error.kind() == ErrorKind::Unavailable && error.reason().contains("0.1 s"), "{error}");
    assert_eq!(gate.0.lock().unwrap().1, 1, "the thread is still blocked");

    gate.0.lock().unwrap().0 = false;
    gate.1.notify_all();
    assert_eq!(header(&second), "Bearer t1.fake.0");
}
