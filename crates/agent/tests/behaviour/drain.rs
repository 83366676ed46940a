//! The end of an agent: requests that are being answered end well.

use std::io::{Read, Write};
use std::net::TcpStream;

use test_support::http_client::try_call;
use test_support::wait::on_runtime;
use yandex_cloud_auth::testing::TestClock;

use crate::common::{FLAVOR, TOKEN, ask, listening, tokens};

#[test]
fn a_request_that_waits_is_answered_and_no_other_is_taken() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        source.hold();
        let (agent, address) = listening("metadata", "", &source, &clock).await;
        let waiting = tokio::spawn(async move { ask(address, TOKEN).await });
        while source.started() == 0 {
            tokio::task::yield_now().await;
        }
        // The request is in the agent: another one on a new connection was answered after it.
        let url = format!("http://{address}/");
        try_call("GET", &url, &[], "").await.unwrap();
        let drained = tokio::spawn(agent.drain());
        while try_call("GET", &url, &[FLAVOR], "").await.is_ok() {}
        assert!(!drained.is_finished());
        source.release();
        assert_eq!(waiting.await.unwrap().status, 200);
        drained.await.unwrap();
    });
}

/// Some of these connections are in the queue of the operating system, and of others the agent has read nothing.
#[test]
fn a_request_that_was_sent_before_the_end_is_answered() {
    on_runtime(async {
        let (agent, address) = listening("metadata", "", &tokens(), &TestClock::new()).await;
        ask(address, TOKEN).await;
        let request = format!("GET {TOKEN} HTTP/1.1\r\nHost: {address}\r\nMetadata-Flavor: Google\r\n\r\n");
        let send = |_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            stream
        };
        let sent: Vec<_> = (0..100).map(send).collect();
        agent.drain().await;
        for (number, mut stream) in sent.into_iter().enumerate() {
            let mut response = String::new();
            let read = stream.read_to_string(&mut response);
            assert!(response.starts_with("HTTP/1.1 200 "), "{number}: {read:?} {response:?}");
        }
    });
}

#[test]
fn a_connection_that_sends_nothing_does_not_delay_the_end() {
    on_runtime(async {
        let (agent, address) = listening("metadata", "", &tokens(), &TestClock::new()).await;
        let mut silent = TcpStream::connect(address).unwrap();
        ask(address, TOKEN).await;
        // A drain that waits for the connection takes an hour.
        agent.drain().await;
        assert_eq!(silent.read(&mut [0; 1]).unwrap(), 0);
    });
}

#[test]
fn a_request_that_never_ends_is_not_waited_for_longer_than_the_limit() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        source.hold();
        let config = format!(
            "drain_seconds = 0.1\n{}[[listen]]\nkind = \"metadata\"\naddress = \"127.0.0.1:0\"\n",
            crate::common::ONE
        );
        let agent = crate::common::start(&config, &source, &clock).await;
        let address = agent.addresses()[0];
        let waiting = tokio::spawn(async move { ask(address, TOKEN).await });
        try_call("GET", &format!("http://{address}/"), &[], "").await.unwrap();
        agent.drain().await;
        waiting.abort();
    });
}
