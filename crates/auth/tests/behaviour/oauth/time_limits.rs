//! The time limits of discovery and of the exchange.

use std::sync::Mutex;
use std::sync::mpsc;

use crate::support::{OAUTH_TOKEN, TestSystem, exchanged};
use test_support::wait::{joined, secs};
use yandex_cloud_auth::testing::TestReply;
use yandex_cloud_auth::{Endpoints, Error, ErrorKind, OAuthTokenAuth};

/// Runs the call on a thread, and sends the path of each of its requests to a channel.
fn observed(
    rule: impl Fn(&str) -> TestReply + Send + Sync + 'static,
    endpoints: Endpoints,
    auth: OAuthTokenAuth,
) -> (TestSystem, mpsc::Receiver<String>, std::thread::JoinHandle<Result<(), Error>>) {
    let (sender, requested) = mpsc::channel();
    let sender = Mutex::new(sender);
    let test_system = TestSystem::new().answering(move |request, _| {
        let path = request.uri().path().to_owned();
        let reply = rule(&path);
        let _ = sender.lock().unwrap().send(path);
        reply
    });
    let test_system = test_system.at(endpoints);
    let credentials = test_system.with(auth);
    let call = std::thread::spawn(move || credentials.blocking().header().map(|_| ()));
    (test_system, requested, call)
}

#[test]
fn a_discovery_without_a_response_leaves_time_for_the_exchange() {
    let auth = OAuthTokenAuth::new(OAUTH_TOKEN).unwrap();
    let rule = |path: &str| if path == "/endpoints" { TestReply::Silence } else { exchanged() };
    let (test_system, requested, call) = observed(rule, Endpoints::new(), auth);
    assert_eq!(requested.recv().unwrap(), "/endpoints");
    test_system.clock.wait_for_sleepers(2);
    test_system.clock.advance(secs(5));
    joined(call).unwrap();
    assert_eq!(requested.recv().unwrap(), "/iam/v1/tokens");
}

#[test]
fn an_iam_without_a_response_is_an_error_after_ten_seconds_in_total() {
    let auth = OAuthTokenAuth::new(OAUTH_TOKEN).unwrap();
    let (test_system, requested, call) = observed(|_| TestReply::Silence, Endpoints::new(), auth);
    assert_eq!(requested.recv().unwrap(), "/endpoints");
    test_system.clock.wait_for_sleepers(2);
    test_system.clock.advance(secs(5));
    assert_eq!(requested.recv().unwrap(), "/iam/v1/tokens");
    test_system.clock.advance(secs(5));
    assert_eq!(joined(call).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn the_timeout_can_be_set() {
    let auth = OAuthTokenAuth::builder(OAUTH_TOKEN).unwrap().timeout(secs(2)).build();
    let (test_system, requested, call) =
        observed(|_| TestReply::Silence, Endpoints::new().iam("127.0.0.1"), auth);
    assert_eq!(requested.recv().unwrap(), "/iam/v1/tokens");
    test_system.clock.wait_for_sleepers(2);
    test_system.clock.advance(secs(2));
    let error = joined(call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.reason().contains("2 s"), "{error}");
}
