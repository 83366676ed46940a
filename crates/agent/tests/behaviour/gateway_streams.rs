//! Streams through the gateway: events, WebSocket, comments that keep a stream alive.

use test_support::http_client::call;
use test_support::http_server::{Reply, Server};
use test_support::wait::{on_runtime, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use yandex_cloud_auth::testing::TestClock;

use crate::common::{Gateway, tokens, upstream};
use crate::gateway_bench::read_until;

#[test]
fn each_event_arrives_before_the_next_one_is_sent() {
    on_runtime(async {
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", service.local_addr().unwrap());
        let gateway = Gateway::to(&url, "", &tokens(), &TestClock::new()).await;
        let mut client = TcpStream::connect(gateway.address).await.unwrap();
        let body = r#"{"model":"yandexgpt","stream":true}"#;
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            gateway.address,
            gateway.bearer(),
            body.len()
        );
        client.write_all(request.as_bytes()).await.unwrap();
        let (mut upstream, _) = soon(service.accept()).await.unwrap();
        read_until(&mut upstream, "\"stream\":true}").await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        upstream.write_all(head.as_bytes()).await.unwrap();
        assert!(read_until(&mut client, "\r\n\r\n").await.starts_with("HTTP/1.1 200 OK\r\n"));
        for number in 0..3 {
            let event = format!("data: {number}\n\n");
            upstream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await.unwrap();
            read_until(&mut client, &event).await;
        }
        upstream.write_all(b"0\r\n\r\n").await.unwrap();
        read_until(&mut client, "0\r\n\r\n").await;
    });
}

#[test]
fn a_web_socket_goes_both_ways_and_has_the_token() {
    on_runtime(async {
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", service.local_addr().unwrap());
        let gateway = Gateway::to(&url, "", &tokens(), &TestClock::new()).await;
        let mut client = TcpStream::connect(gateway.address).await.unwrap();
        let request = format!(
            "GET /v1/realtime?model=speech-realtime HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: FAKEFAKE\r\nSec-WebSocket-Version: 13\r\n\r\n",
            gateway.address,
            gateway.bearer()
        );
        client.write_all(request.as_bytes()).await.unwrap();
        let (mut upstream, _) = soon(service.accept()).await.unwrap();
        let asked = read_until(&mut upstream, "\r\n\r\n").await.to_lowercase();
        assert!(
            asked.starts_with("get /v1/realtime?model=gpt%3a%2f%2fb1gfakefolder%2fspeech-realtime%2flatest "),
            "{asked}"
        );
        for line in [
            "connection: upgrade\r\n",
            "upgrade: websocket\r\n",
            "authorization: bearer t1.fake.0\r\n",
            "sec-websocket-key: fakefake\r\n",
        ] {
            assert!(asked.contains(line), "{line}: {asked}");
        }
        let accepted = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: FAKE\r\n\r\n";
        upstream.write_all(accepted.as_bytes()).await.unwrap();
        let answer = read_until(&mut client, "\r\n\r\n").await.to_lowercase();
        assert!(
            answer.starts_with("http/1.1 101 ") && answer.contains("sec-websocket-accept: fake\r\n"),
            "{answer}"
        );
        client.write_all(b"ping").await.unwrap();
        assert_eq!(read_until(&mut upstream, "ping").await, "ping");
        upstream.write_all(b"pong").await.unwrap();
        assert_eq!(read_until(&mut client, "pong").await, "pong");
        // The end of the agent ends the connection.
        soon(gateway.agent.drain()).await;
        assert_eq!(soon(client.read(&mut [0; 16])).await.unwrap_or(0), 0);
        assert_eq!(soon(upstream.read(&mut [0; 16])).await.unwrap_or(0), 0);
    });
}

/// As `new WebSocket(url, ["realtime", "openai-insecure-api-key.KEY"])` sends it.
#[test]
fn a_browser_sends_its_key_among_the_protocols_of_a_web_socket() {
    on_runtime(async {
        let service = Server::always(Reply::body(403, "no realtime"));
        let gateway = Gateway::to(&service.url(), "", &tokens(), &TestClock::new()).await;
        let url = format!("http://{}/v1/realtime", gateway.address);
        let ask = async |protocols: &str| {
            let switch = [("connection", "upgrade"), ("upgrade", "websocket")];
            let headers = [&switch[..], &[("sec-websocket-protocol", protocols)]].concat();
            call("GET", &url, &headers, String::new()).await
        };
        let key = format!("openai-insecure-api-key.{}", gateway.key);
        assert_eq!(ask(&format!("realtime, {key}, openai-beta.realtime-v1")).await.text(), "no realtime");
        assert_eq!(ask(&key).await.text(), "no realtime");
        for wrong in ["realtime", &key[..key.len() - 1], &format!("{key}, {key}"), &gateway.key] {
            assert_eq!(ask(wrong).await.status.as_u16(), 401, "{wrong}");
        }
        let seen = service.requests();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].header("sec-websocket-protocol"), Some("realtime, openai-beta.realtime-v1"));
        assert_eq!(seen[1].header("sec-websocket-protocol"), None);
        assert!(seen.iter().all(|request| request.header("authorization") == Some("Bearer t1.fake.0")));
    });
}

#[test]
fn a_service_that_does_not_switch_is_heard() {
    on_runtime(async {
        let service = Server::always(Reply::body(403, "no realtime"));
        let gateway = Gateway::to(&service.url(), "", &tokens(), &TestClock::new()).await;
        let headers = [("connection", "upgrade"), ("upgrade", "websocket")];
        let response = gateway.call("GET", "/v1/realtime", &headers, "").await;
        assert_eq!((response.status.as_u16(), response.text().as_str()), (403, "no realtime"));
    });
}

#[test]
fn comments_keep_a_stream_alive_until_the_service_answers() {
    on_runtime(async {
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", service.local_addr().unwrap());
        let gateway = Gateway::to(&url, "keep_alive_seconds = 0.05", &tokens(), &TestClock::new()).await;
        for (answer, end) in [
            (
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9\r\n\r\ndata: 1\n\n",
                "9\r\ndata: 1\n\n",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
                "data: {}\n\n",
            ),
            ("HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", "answered with 302 Found"),
            ("HTTP/1.1 400 Bad\r\ncontent-length: 13\r\n\r\n{\"error\":\n{}}", "data: {\"error\": {}}\n\n"),
            ("no HTTP\r\n\r\n", "upstream_failed"),
        ] {
            let body = r#"{"model":"gpt://f/m/latest","stream":true}"#;
            let request = format!(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                gateway.address,
                gateway.bearer(),
                body.len()
            );
            let mut client = TcpStream::connect(gateway.address).await.unwrap();
            client.write_all(request.as_bytes()).await.unwrap();
            let (mut upstream, _) = soon(service.accept()).await.unwrap();
            let asked = read_until(&mut upstream, "true}").await;
            assert!(!asked.to_lowercase().contains("accept-encoding"), "comments have no coding: {asked}");
            let first = read_until(&mut client, ": the service has not answered yet\n\n").await;
            assert!(
                first.starts_with("HTTP/1.1 200 OK\r\n") && first.contains("text/event-stream"),
                "{first}"
            );
            upstream.write_all(answer.as_bytes()).await.unwrap();
            drop(upstream);
            read_until(&mut client, end).await;
        }
        // A request for no stream waits for the status, and so does one for a service outside `/v1/`.
        let service = Server::start(|_, _| {
            std::thread::sleep(std::time::Duration::from_millis(120));
            Reply::status(418)
        });
        let more = format!("keep_alive_seconds = 0.05\n{}", upstream(&service.url(), "/own/"));
        let gateway = Gateway::to(&service.url(), &more, &tokens(), &TestClock::new()).await;
        assert_eq!(gateway.post("/v1/chat/completions", r#"{"model":"gpt://f/m/latest"}"#).await.status, 418);
        assert_eq!(gateway.post("/own/chat/completions", r#"{"stream":true}"#).await.status, 418);
    });
}
