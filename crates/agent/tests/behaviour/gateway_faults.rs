//! Services that fail, clients that go, and a source without tokens, at the gateway.

use test_support::http_client::raw;
use test_support::http_server::{Reply, Server};
use test_support::raw_server::RawServer;
use test_support::token_source::{Source, unavailable};
use test_support::wait::{on_runtime, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use yandex_cloud_auth::testing::TestClock;

use crate::common::{Gateway, free_port, passing, tokens};

const SHORT: &str = "response_seconds = 0.3\nidle_seconds = 0.3\nconnect_seconds = 0.3\n";

#[test]
fn a_service_that_fails_is_named_and_the_next_request_is_served() {
    on_runtime(async {
        let nobody = format!("http://127.0.0.1:{}", free_port());
        let (closes, silent) = (Server::always(Reply::close()), Server::always(Reply::silence()));
        let nonsense = RawServer::replying("this is no HTTP\r\n\r\n");
        let huge = RawServer::replying(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)));
        for (service, status, code) in [
            (nobody.as_str(), 502, "upstream_failed"),
            (&closes.url(), 502, "upstream_failed"),
            (&silent.url(), 504, "upstream_timeout"),
            (&nonsense.url(""), 502, "upstream_failed"),
            (&huge.url(""), 502, "upstream_failed"),
        ] {
            let gateway = Gateway::to(service, SHORT, &tokens(), &TestClock::new()).await;
            let response = gateway.post("/v1/chat/completions", "{}").await;
            let error = response.json()["error"].clone();
            assert_eq!((response.status.as_u16(), error["code"].as_str()), (status, Some(code)), "{error}");
            let text = response.text();
            assert!(
                text.contains("127.0.0.1") && !text.contains("t1.") && !text.contains(&gateway.key),
                "{text}"
            );
        }
    });
}

#[test]
fn a_body_that_stops_ends_the_response_and_not_the_gateway() {
    on_runtime(async {
        let broken = [Reply::body(200, "begin").cut(), Reply::chunks(["begin"]).then_silence()];
        for reply in broken {
            let service = Server::always(reply);
            let gateway = Gateway::to(&service.url(), SHORT, &tokens(), &TestClock::new()).await;
            let head = format!(
                "GET /v1/x HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
                gateway.address,
                gateway.bearer()
            );
            let response = soon(raw(gateway.address, head.as_bytes())).await;
            let response = String::from_utf8_lossy(&response);
            assert!(response.contains("begin"), "{response}");
            assert!(!response.ends_with("0\r\n\r\n"), "a broken body does not look whole: {response}");
        }
    });
}

#[test]
fn without_a_token_a_client_is_told_why() {
    on_runtime(async {
        let service = Server::always(Reply::status(200));
        let down = Source::new(|_| Err(unavailable()));
        let clock = TestClock::new();
        let gateway = Gateway::to(&service.url(), "", &down, &clock).await;
        let response = passing(&clock, gateway.call("GET", "/v1/models", &[], "")).await;
        assert_eq!(
            (response.status.as_u16(), &response.json()["error"]["code"]),
            (503, &"token_unavailable".into())
        );
        assert_eq!(service.requests().len(), 0);
    });
}

#[test]
fn the_request_to_the_service_ends_when_the_client_goes() {
    on_runtime(async {
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", service.local_addr().unwrap());
        let gateway = Gateway::to(&url, "", &tokens(), &TestClock::new()).await;
        let request = |path: &str| {
            format!(
                "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\r\n",
                gateway.address,
                gateway.bearer()
            )
        };
        // Before the answer, and in the middle of a stream of events.
        for answer in [
            "",
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n3\r\n:x\n\r\n",
        ] {
            let mut client = TcpStream::connect(gateway.address).await.unwrap();
            client.write_all(request("/v1/x").as_bytes()).await.unwrap();
            let (mut upstream, _) = soon(service.accept()).await.unwrap();
            let mut head = vec![0; 4096];
            assert!(upstream.read(&mut head).await.unwrap() > 0);
            upstream.write_all(answer.as_bytes()).await.unwrap();
            if !answer.is_empty() {
                // The part arrives before the stream goes on.
                let mut read = Vec::new();
                while !String::from_utf8_lossy(&read).contains(":x") {
                    let mut part = vec![0; 1024];
                    let length = soon(client.read(&mut part)).await.unwrap();
                    assert!(length > 0);
                    read.extend_from_slice(&part[..length]);
                }
            }
            drop(client);
            assert_eq!(
                soon(upstream.read(&mut head)).await.unwrap_or(0),
                0,
                "the connection to the service ends"
            );
        }
    });
}
