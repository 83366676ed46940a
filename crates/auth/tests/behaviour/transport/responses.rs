//! What is sent, what is received, and the limits that a hostile response meets.

use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use test_support::raw_server::RawServer;
use yandex_cloud_auth::system::{HttpError, HttpFault, HttpOptions, HttpTransport};

use super::{Response, TIME_LIMIT, get, send, transport};

async fn ask(server: &RawServer, max_body: usize) -> Result<Response, HttpError> {
    send(&transport(&[]), get(&server.url("/")), HttpOptions::new().max_body(max_body)).await
}

/// A server that writes `head`, then `more` until the client stops reading; and the number of bytes written.
fn endless(head: &'static str, more: impl Into<Vec<u8>>) -> (RawServer, Receiver<usize>) {
    let more = more.into();
    let (report, written) = channel();
    let server = RawServer::http(move |stream| {
        let mut total = 0;
        let _ = stream.write_all(head.as_bytes());
        while stream.write_all(&more).is_ok() {
            total += more.len();
        }
        let _ = report.send(total);
    });
    (server, written)
}

#[tokio::test]
async fn a_request_is_sent_unchanged_with_host_and_user_agent() {
    let server =
        RawServer::replying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nMetadata-Flavor: Google\r\n\r\nok");
    let request = http::Request::post(server.url("/iam/v1/tokens?x=%20y"))
        .header("authorization", "Bearer t1.fake.token")
        .body(b"{\"jwt\":\"fake\"}".to_vec())
        .unwrap();
    let response = send(&transport(&[]), request, HttpOptions::new()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["metadata-flavor"], "Google");
    assert_eq!(response.body(), b"ok");

    let seen = server.request();
    assert!(seen.starts_with("POST /iam/v1/tokens?x=%20y HTTP/1.1\r\n"), "{seen}");
    assert!(seen.ends_with("\r\n\r\n{\"jwt\":\"fake\"}"), "{seen}");
    for header in [
        format!("host: {}", server.address),
        format!("user-agent: yandex-cloud-auth/{}", env!("CARGO_PKG_VERSION")),
        "accept-encoding: identity".to_owned(),
        "authorization: Bearer t1.fake.token".to_owned(),
        "content-length: 14".to_owned(),
    ] {
        assert_eq!(seen.lines().filter(|line| *line == header).count(), 1, "{header}\n{seen}");
    }
}

#[tokio::test]
async fn the_user_agent_of_the_caller_stays() {
    let server = RawServer::replying("HTTP/1.1 204 No Content\r\n\r\n");
    let request = http::Request::get(server.url("")).header("user-agent", "own/1").body(Vec::new()).unwrap();
    send(&transport(&[]), request, HttpOptions::new()).await.unwrap();
    let seen = server.request();
    assert!(seen.starts_with("GET / HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("user-agent: own/1\r\n") && !seen.contains("yandex-cloud-auth"), "{seen}");
}

#[tokio::test]
async fn a_redirect_or_an_error_status_is_a_response() {
    let other = RawServer::replying("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let location = other.url("/elsewhere");
    for status in ["302 Found", "401 Unauthorized", "503 Service Unavailable"] {
        let server = RawServer::replying(format!(
            "HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 3\r\n\r\nwhy"
        ));
        let response = ask(&server, 100).await.unwrap();
        assert!(status.starts_with(response.status().as_str()));
        assert_eq!(response.headers()["location"], *location);
        assert_eq!(response.body(), b"why");
    }
    assert!(!other.received_request());
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_read_completely() {
    for head in ["Content-Length: 20000\r\n\r\n", "\r\n", "Transfer-Encoding: chunked\r\n\r\n2710\r\n"] {
        let half = "x".repeat(10_000);
        let between = if head.starts_with('T') { "\r\n2710\r\n" } else { "" };
        let end = if head.starts_with('T') { "\r\n0\r\n\r\n" } else { "" };
        let server = RawServer::replying(format!("HTTP/1.1 200 OK\r\n{head}{half}{between}{half}{end}"));
        assert_eq!(ask(&server, 20_000).await.unwrap().body().len(), 20_000, "{head}");
        let error = ask(&server, 19_999).await.unwrap_err();
        assert_eq!(error.fault(), HttpFault::TooLarge, "{head}");
        assert_eq!(error.to_string(), "the response is larger than 19999 bytes");
    }
}

#[tokio::test]
async fn a_declared_length_above_the_limit_is_refused_before_reading() {
    let server = RawServer::http(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n");
        let _ = std::io::copy(stream, &mut std::io::sink());
    });
    assert_eq!(ask(&server, 10).await.unwrap_err().fault(), HttpFault::TooLarge);
}

#[tokio::test]
async fn a_truncated_response_is_interrupted() {
    for response in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    ] {
        let error = ask(&RawServer::replying(response), 100).await.unwrap_err();
        assert_eq!(error.fault(), HttpFault::Interrupted, "{response:?}: {error}");
        assert!(!error.fault().is_before_connection());
    }
}

#[tokio::test]
async fn a_response_that_is_not_http_is_malformed() {
    for response in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "<html>t1.hidden</html>\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad header t1.hidden\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot-hex t1.hidden\r\n",
    ] {
        let error = ask(&RawServer::replying(response), 100).await.unwrap_err();
        assert_eq!(error.fault(), HttpFault::Malformed, "{response:?}: {error}");
        assert!(!format!("{error} {error:?}").contains("t1."), "{error:?}");
    }
}

#[tokio::test]
async fn reading_an_endless_response_stops_at_the_limit() {
    let header = "x: y\r\n".repeat(1000);
    let chunks = format!("3e8\r\n{}\r\n", "x".repeat(1000)).repeat(10);
    let cases: [(&'static str, Vec<u8>, HttpFault); 6] = [
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunks.into(), HttpFault::TooLarge),
        ("HTTP/1.1 200 OK\r\n\r\n", vec![b'x'; 10_000], HttpFault::TooLarge),
        ("HTTP/1.1 200 OK\r\n", header.into(), HttpFault::Malformed),
        ("HTTP/1.1 200 OK\r\nx: ", vec![b'x'; 10_000], HttpFault::Malformed),
        ("HTTP/1.1 200 ", vec![b'x'; 10_000], HttpFault::Malformed),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", vec![b'x'; 10_000], HttpFault::Malformed),
    ];
    for (head, more, fault) in cases {
        let (server, written) = endless(head, more);
        assert_eq!(ask(&server, 64 << 10).await.unwrap_err().fault(), fault, "{head:?}");
        // The bytes that the server could write are those that the client read and those in the socket buffers.
        let written = written.recv_timeout(TIME_LIMIT).expect("the connection is still open");
        assert!(written < 16 << 20, "{head:?}: {written} bytes");
    }
}

#[tokio::test]
async fn a_slow_response_ends_when_the_caller_stops_waiting() {
    fn each(stream: &mut TcpStream, piece: &[u8]) {
        while stream.write_all(piece).is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    for (head, piece) in [
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\nx: ", "x"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "x"),
    ] {
        let (report, closed) = channel();
        let server = RawServer::http(move |stream| {
            let _ = stream.write_all(head.as_bytes());
            each(stream, piece.as_bytes());
            let _ = report.send(());
        });
        let transport = transport(&[]);
        let exchange = transport.send(get(&server.url("/")), HttpOptions::new());
        assert!(tokio::time::timeout(Duration::from_millis(200), exchange).await.is_err(), "{head}{piece}");
        assert_eq!(closed.recv_timeout(TIME_LIMIT), Ok(()), "{head}{piece}");
    }
}

#[tokio::test]
async fn a_flood_of_interim_responses_does_not_block_the_thread() {
    let (server, written) = endless("", "HTTP/1.1 100 Continue\r\n\r\n".repeat(400));
    let transport = transport(&[]);
    let exchange = transport.send(get(&server.url("/")), HttpOptions::new());
    let start = Instant::now();
    assert!(tokio::time::timeout(Duration::from_millis(200), exchange).await.is_err());
    assert!(start.elapsed() < TIME_LIMIT / 4, "{:?}", start.elapsed());
    written.recv_timeout(TIME_LIMIT).expect("the connection is still open");
}
