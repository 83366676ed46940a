//! Services that break off, say something before their answer, or switch the protocol, and services with a wrong certificate.

use std::time::Duration;

use test_support::raw_server::{Authority, Identity, RawServer};
use test_support::system::empty_system;
use tokio::io::AsyncWriteExt;
use yandex_cloud_auth::Credentials;
use yandex_cloud_auth::testing::{TestClock, TestEnvironment};

use crate::common::{Folder, tokens};
use crate::gateway_bench::{Bench, Service, parsed, read_until, rest_of, timed, watched};

/// The end of a request: the client reads to the end of the connection.
const LAST: &str = "Connection: close\r\n\r\n";

#[test]
fn a_service_that_resets_the_connection_before_its_answer_is_an_error() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "").await;
        // Nothing, a part of the head, and an interim response.
        for answer in ["", "HTTP/1.1 200 OK\r\ncontent-", "HTTP/1.1 100 Continue\r\n\r\n"] {
            let mut client = bench.send(&bench.gateway.head("POST", "/v1/x", LAST)).await;
            let (mut upstream, head) = service.request().await;
            bench.has_no_key(&head);
            upstream.write_all(answer.as_bytes()).await.unwrap();
            upstream.set_zero_linger().unwrap();
            drop(upstream);
            let response = parsed(&rest_of(&mut client).await);
            let message = bench.refusal(&response, 502, "upstream_failed");
            assert!(message.starts_with(&format!("the request to {} failed: ", service.url())), "{message}");
            bench.is_undisturbed().await;
        }
    });
}

#[test]
fn a_service_that_resets_the_connection_in_its_answer_ends_the_answer() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "").await;
        for body in ["content-length: 99\r\n\r\nbegin", "transfer-encoding: chunked\r\n\r\n5\r\nbegin\r\n"] {
            let mut client = bench.send(&bench.gateway.head("GET", "/v1/x", LAST)).await;
            let (mut upstream, _) = service.request().await;
            upstream.write_all(format!("HTTP/1.1 200 OK\r\n{body}").as_bytes()).await.unwrap();
            let begin = read_until(&mut client, "begin").await;
            upstream.set_zero_linger().unwrap();
            drop(upstream);
            let rest = rest_of(&mut client).await;
            assert!(!rest.ends_with("0\r\n\r\n"), "a broken body does not look whole: {begin}{rest}");
            bench.has_no_secret(&(begin + &rest));
            bench.is_undisturbed().await;
        }
    });
}

#[test]
fn what_a_service_says_before_its_answer_is_not_the_answer() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "").await;
        for status in ["100 Continue", "102 Processing", "103 Early Hints"] {
            let mut client = bench.send(&bench.gateway.head("POST", "/v1/x", LAST)).await;
            let (mut upstream, _) = service.request().await;
            let interim = format!("HTTP/1.1 {status}\r\nlink: x\r\n\r\n").repeat(3);
            upstream.write_all(interim.as_bytes()).await.unwrap();
            upstream.write_all(b"HTTP/1.1 418 Tea\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            let response = parsed(&rest_of(&mut client).await);
            assert_eq!((response.status.as_u16(), response.text().as_str()), (418, "ok"), "{status}");
            assert_eq!(response.header("link"), "", "{status}");
            bench.is_undisturbed().await;
        }
    });
}

#[test]
fn a_switch_of_the_protocol_that_no_client_asked_for_is_an_error() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "").await;
        let mut client = bench.send(&bench.gateway.head("GET", "/v1/x", LAST)).await;
        let (mut upstream, _) = service.request().await;
        let switch =
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhidden";
        upstream.write_all(switch.as_bytes()).await.unwrap();
        let (response, taken) = timed(rest_of(&mut client)).await;
        let message = bench.refusal(&parsed(&response), 502, "upstream_failed");
        assert!(message.contains("switched the protocol"), "{message}");
        assert!(taken < Duration::from_secs(30), "{taken:?}");
        assert_eq!(rest_of(&mut upstream).await, "", "the connection to the service has ended");
        bench.is_undisturbed().await;
    });
}

/// The head of a session over WebSocket, and the answer to it.
const SWITCH: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCHED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

#[test]
fn a_session_ends_at_both_sides() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "").await;
        for the_client_goes in [true, false] {
            let mut client = bench.send(&bench.gateway.head("GET", "/v1/realtime", SWITCH)).await;
            let (mut upstream, head) = service.request().await;
            bench.has_no_key(&head);
            upstream.write_all(SWITCHED).await.unwrap();
            read_until(&mut client, "\r\n\r\n").await;
            client.write_all(b"ping").await.unwrap();
            read_until(&mut upstream, "ping").await;
            let (gone, mut left) = if the_client_goes { (client, upstream) } else { (upstream, client) };
            gone.set_zero_linger().unwrap();
            drop(gone);
            assert_eq!(rest_of(&mut left).await, "");
            bench.is_undisturbed().await;
        }
    });
}

/// A gateway to `localhost` over TLS that trusts an authority.
async fn over_tls(log: &test_support::log::Log, server: &RawServer, file: &std::path::Path) -> Bench {
    let (source, clock) = (tokens(), TestClock::new());
    let environment = TestEnvironment::new([("SSL_CERT_FILE", file)]);
    let system = empty_system(&clock).with_environment(environment);
    let of_agent = source.clone();
    let credentials = move |_: &_| Ok(Credentials::from_source(of_agent.clone()).with_system(system.clone()));
    let url = format!("https://localhost:{}", server.address.port());
    Bench::with_credentials(log, &url, "", source, clock, credentials).await
}

fn tls(identity: &Identity) -> RawServer {
    RawServer::tls(identity, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
}

#[test]
fn a_service_with_a_wrong_certificate_gets_nothing() {
    watched(async |log| {
        let [ours, other] = ["ours", "other"].map(Authority::new);
        let folder = Folder::new();
        let file = folder.join("ca.pem");
        std::fs::write(&file, ours.pem()).unwrap();
        for (identity, reason) in [
            (other.certify("localhost"), "comes from an unknown issuer"),
            (ours.certify("llm.example"), "is for another name"),
            (ours.certify_expired("localhost"), "has expired"),
        ] {
            let server = tls(&identity);
            let mut bench = over_tls(&log, &server, &file).await;
            let response = bench.gateway.post("/v1/x", "{}").await;
            let message = bench.refusal(&response, 502, "upstream_failed");
            assert!(message.contains(reason), "{message}");
            assert!(message.contains(&format!("https://localhost:{}", server.address.port())), "{message}");
            assert!(!server.received_request());
            bench.is_undisturbed().await;
        }
        // No TLS at all.
        let server = RawServer::start(|mut stream, _| {
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
        let mut bench = over_tls(&log, &server, &file).await;
        let message = bench.refusal(&bench.gateway.post("/v1/x", "{}").await, 502, "upstream_failed");
        assert!(message.contains("does not speak TLS"), "{message}");
        bench.is_undisturbed().await;

        let server = tls(&ours.certify("localhost"));
        let mut bench = over_tls(&log, &server, &file).await;
        assert_eq!(bench.gateway.post("/v1/x", "{}").await.text(), "ok");
        let request = server.request();
        assert!(request.contains("Bearer t1.fake.0"), "{request}");
        bench.has_no_key(&request);
        bench.is_undisturbed().await;
    });
}
