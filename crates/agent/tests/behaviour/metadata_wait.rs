//! Requests to the metadata service that wait for a change: `wait_for_change`, `last_etag`, `timeout_sec`.

use std::net::SocketAddr;

use test_support::http_client::Response;
use test_support::token_source::Source;
use test_support::wait::{on_runtime, secs, soon};
use tokio::task::JoinHandle;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth_agent::Config;

use crate::common::{ONE, TOKEN, ask, free_port, listening, of, start, tokens};

#[test]
fn a_request_with_the_version_of_the_token_waits_for_the_next_one() {
    on_runtime(async {
        let (source, clock) = (Source::living(secs(600)), TestClock::new());
        let (_agent, address) = listening("metadata", "", &source, &clock).await;
        let first = ask(address, TOKEN).await;
        let version = first.header("etag").to_owned();
        assert!(!version.is_empty());
        // The version of another token, and that of no token: the answer is there at once.
        for other in ["0", "ffffffffffffffff-1"] {
            let path = format!("{TOKEN}?wait_for_change=true&last_etag={other}");
            assert_eq!(ask(address, &path).await.header("etag"), version);
        }
        let path = format!("{TOKEN}?wait_for_change=true&last_etag={version}");
        let waiting = tokio::spawn(async move { ask(address, &path).await });
        assert_eq!(ask(address, TOKEN).await.header("etag"), version);
        assert!(!waiting.is_finished());
        // Less than the longest wait: the renewal comes in the last of these steps.
        clock.advance(secs(540));
        clock.advance(secs(50));
        let next = soon(waiting).await.unwrap();
        assert_eq!(next.json()["access_token"], "t1.fake.1");
        assert_ne!(next.header("etag"), version);
    });
}

#[test]
fn a_request_waits_no_longer_than_it_asks_for() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let (_agent, address) = listening("metadata", "", &source, &clock).await;
        for path in [TOKEN, "/computeMetadata/v1/project/project-id"] {
            let before = ask(address, path).await;
            let path = format!("{path}?wait_for_change=true&timeout_sec=50");
            let waiting = tokio::spawn(async move { ask(address, &path).await });
            let after = passing(&clock, address, waiting).await;
            assert_eq!((after.status.as_u16(), after.header("etag")), (200, before.header("etag")));
        }
        assert_eq!(source.started(), 1);
    });
}

#[test]
fn a_wrong_value_is_an_error_and_no_wait() {
    on_runtime(async {
        let (_agent, address) = listening("metadata", "", &tokens(), &TestClock::new()).await;
        for wrong in ["wait_for_change=true&timeout_sec=abc", "wait_for_change=yes", "timeout_sec=-1"] {
            let response = soon(ask(address, &format!("{TOKEN}?{wrong}"))).await;
            assert_eq!(response.status, 400, "{wrong}");
            assert!(!response.text().contains("t1."), "{wrong}");
        }
    });
}

/// A client may have lost its right to ask in the meantime.
#[test]
fn a_wait_ends_without_a_token_when_the_listener_has_another_service() {
    on_runtime(async {
        let (source, clock) = (Source::living(secs(600)), TestClock::new());
        let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        let text = |more: &str| {
            format!("{ONE}[[listen]]\nkind = \"metadata\"\naddress = \"{address}\"\nallow_uids = [{more}]\n")
        };
        let mut agent = start(&text("4711"), &source, &clock).await;
        let version = ask(address, TOKEN).await.header("etag").to_owned();
        let path = format!("{TOKEN}?wait_for_change=true&last_etag={version}");
        let waiting = tokio::spawn(async move { ask(address, &path).await });
        // The request may come to its wait after the first of these.
        while !waiting.is_finished() {
            for allowed in ["", "4711"] {
                agent.reload(Config::parse(&text(allowed)).unwrap(), of(&source, &clock)).await.unwrap();
                ask(address, "/").await;
            }
        }
        let response = soon(waiting).await.unwrap();
        assert!(!response.text().contains("t1."), "{}", response.text());
        assert_eq!(response.status, 503);
    });
}

/// The result of a request while the time passes: a second for each other request.
async fn passing(clock: &TestClock, address: SocketAddr, request: JoinHandle<Response>) -> Response {
    let mut passed = 0;
    while !request.is_finished() {
        // The request may come to its wait later than the first of these seconds.
        clock.advance(secs(1));
        passed += 1;
        ask(address, "/").await;
    }
    assert!(passed >= 50, "{passed}");
    soon(request).await.unwrap()
}

#[test]
fn the_end_of_the_agent_ends_the_wait() {
    on_runtime(async {
        let (agent, address) = listening("metadata", "", &tokens(), &TestClock::new()).await;
        let path = format!("{TOKEN}?wait_for_change=true");
        let waiting = tokio::spawn(async move { ask(address, &path).await });
        ask(address, TOKEN).await;
        // The clock of the runtime goes on: a drain that waits for the request takes an hour.
        agent.drain().await;
        assert_eq!(soon(waiting).await.unwrap().status, 503);
    });
}
