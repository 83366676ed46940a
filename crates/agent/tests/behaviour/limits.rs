//! The bounds of a listener are options.

use test_support::http_client::{call, raw};
use test_support::wait::{on_runtime, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth_agent::Config;

use crate::common::{Folder, ONE, free_port, listening, of, start, tokens};

const LIVE: &[u8] = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";

/// Sends a request and reads the head of its response. The connection stays open.
async fn live(stream: &mut TcpStream) {
    stream.write_all(LIVE).await.unwrap();
    let mut response = [0; 12];
    stream.read_exact(&mut response).await.unwrap();
    assert_eq!(&response, b"HTTP/1.1 200");
}

#[test]
fn a_connection_over_the_bound_waits_until_there_is_room() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let address = format!("127.0.0.1:{}", free_port());
        let text = |count: u32| {
            format!(
                "{ONE}[[listen]]\nkind = \"probes\"\naddress = \"{address}\"\nlimits = {{ connections = {count}, head_seconds = 3600 }}\n"
            )
        };
        let mut agent = start(&text(1), &source, &clock).await;
        let connect = || TcpStream::connect(&address);
        let mut first = connect().await.unwrap();
        live(&mut first).await;
        let mut second = connect().await.unwrap();
        second.write_all(LIVE).await.unwrap();
        // The agent answers the first connection meanwhile, so it had the time to answer the second.
        for _ in 0..100 {
            let mut rest = vec![0; 4096];
            assert!(first.read(&mut rest).await.unwrap() > 0);
            live(&mut first).await;
        }
        assert_eq!(second.try_read(&mut [0; 1]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);

        // A higher bound lets it in, and so does the end of another connection.
        agent.reload(Config::parse(&text(2)).unwrap(), of(&source, &clock)).await.unwrap();
        soon(second.readable()).await.unwrap();
        let mut third = connect().await.unwrap();
        third.write_all(LIVE).await.unwrap();
        drop(first);
        soon(third.readable()).await.unwrap();
    });
}

#[test]
fn heads_and_bodies_over_the_bound_are_refused() {
    on_runtime(async {
        let folder = Folder::new();
        let more = format!(
            "client_file = \"{}\"\nlimits = {{ headers = 4, head_bytes = 8192, body_bytes = 40 }}\n",
            folder.join("client.json").display()
        );
        let (_agent, address) = listening("oauth", &more, &tokens(), &TestClock::new()).await;
        let head = format!("POST /oauth2/token HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        for extra in ["A: b\r\nC: d\r\nE: f\r\n".to_owned(), format!("A: {}\r\n", "x".repeat(9000))] {
            let response = raw(address, format!("{head}{extra}\r\n").as_bytes()).await;
            assert!(response.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&response));
        }
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let url = format!("http://{address}/oauth2/token");
        for (length, status) in [(40, 401), (41, 413)] {
            let response = call("POST", &url, &form, "a=".to_owned() + &"b".repeat(length - 2)).await;
            assert_eq!(response.status, status, "{length}: {}", response.text());
        }
    });
}

/// A client that sends requests and reads nothing fills the buffers of the system, and then holds the connection.
#[test]
fn a_client_that_does_not_read_loses_its_connection() {
    on_runtime(async {
        let more = "limits = { connections = 1, write_seconds = 0.2 }\n";
        let (_agent, address) = listening("admin", more, &tokens(), &TestClock::new()).await;
        let mut greedy = TcpStream::connect(address).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(100);
        // The writes end when the agent has closed the connection.
        while soon(greedy.write_all(request.as_bytes())).await.is_ok() {}
        let next = format!("GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        let response = soon(raw(address, next.as_bytes())).await;
        assert!(response.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&response));
    });
}
