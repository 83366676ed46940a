//! Requests that break the protocol, and addresses that cannot be used.

use test_support::http_client::raw;
use test_support::wait::on_runtime;
use yandex_cloud_auth::ErrorKind;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth_agent::{Agent, Config};

use crate::common::{ONE, TOKEN, ask, listening, of, tokens};

#[test]
fn a_request_that_breaks_the_protocol_gets_no_token_and_disturbs_nobody() {
    on_runtime(async {
        let (_agent, address) = listening("metadata", "", &tokens(), &TestClock::new()).await;
        let head = format!("GET {TOKEN} HTTP/1.1\r\nHost: {address}\r\nMetadata-Flavor: Google\r\n");
        let long = format!("{head}X-Long: {}\r\n\r\n", "x".repeat(64 << 10));
        let many = format!("{head}{}\r\n", "X-Many: x\r\n".repeat(500));
        let two_lengths = format!("{head}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd");
        let length_and_chunks = format!("{head}Content-Length: x\r\n\r\n");
        let two_hosts = format!("{head}Host: evil.example\r\nConnection: close\r\n\r\n");
        let no_host = format!("GET {TOKEN} HTTP/1.1\r\nMetadata-Flavor: Google\r\nConnection: close\r\n\r\n");
        let tls = "\u{16}\u{3}\u{1}\0\u{5}hello".to_owned();
        for request in [long, many, two_lengths, length_and_chunks, two_hosts, no_host, tls] {
            let response = String::from_utf8_lossy(&raw(address, request.as_bytes()).await).into_owned();
            let start: String = request.chars().take(200).collect();
            assert!(response.is_empty() || response.starts_with("HTTP/1.1 4"), "{start}: {response}");
            assert!(!response.contains("t1."), "{start}");
            assert_eq!(ask(address, TOKEN).await.status, 200);
        }
    });
}

#[test]
fn a_busy_address_is_refused_and_nothing_is_left_behind() {
    on_runtime(async {
        let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (source, address) = (tokens(), busy.local_addr().unwrap());
        let config =
            Config::parse(&format!("{ONE}[[listen]]\nkind = \"metadata\"\naddress = \"{address}\"\n"));
        let error = Agent::start(config.unwrap(), of(&source, &TestClock::new())).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.location()),
            (ErrorKind::Invalid, Some(address.to_string().as_str()))
        );
        assert!(error.help().is_some());
        assert_eq!(source.started(), 0);
    });
}
