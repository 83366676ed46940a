//! Sockets that a service manager has opened.

use std::net::TcpListener;

use test_support::http_client::get;
use test_support::wait::{on_runtime, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use yandex_cloud_auth::ErrorKind;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth_agent::{Agent, Config, Sockets};

use crate::common::{ONE, of, tokens};

#[test]
fn a_listener_takes_the_socket_at_its_address() {
    on_runtime(async {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let sockets = Sockets::new([socket]).unwrap();
        // The client is there before the agent.
        let mut early = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        early.write_all(request.as_bytes()).await.unwrap();
        let (source, clock) = (tokens(), TestClock::new());
        let with = Config::parse(&format!("{ONE}[[listen]]\nkind = \"admin\"\naddress = \"{address}\"\n"));
        let (with, without) = (with.unwrap(), Config::parse(ONE).unwrap());
        let mut agent = Agent::start_with(with.clone(), sockets.clone(), of(&source, &clock)).await.unwrap();
        let mut response = String::new();
        soon(early.read_to_string(&mut response)).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");

        // Without the listener its clients would wait for ever.
        let refused = agent.reload(without, of(&source, &clock)).await.unwrap_err();
        assert_eq!(refused.location(), Some(address.to_string().as_str()));
        assert_eq!(get(&format!("http://{address}/livez"), &[]).await.status, 200);

        // The connections of the queue are the next agent's.
        drop(agent);
        let mut waiting = TcpStream::connect(address).await.unwrap();
        waiting.write_all(request.as_bytes()).await.unwrap();
        let _agent = Agent::start_with(with, sockets, of(&source, &clock)).await.unwrap();
        let mut response = String::new();
        soon(waiting.read_to_string(&mut response)).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    });
}

#[test]
fn the_end_leaves_the_connections_of_the_queue_to_the_next_agent() {
    on_runtime(async {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let sockets = Sockets::new([socket]).unwrap();
        let (source, clock) = (tokens(), TestClock::new());
        // One connection has all the room, so that the next ones stay in the queue.
        let config = Config::parse(&format!(
            "{ONE}[[listen]]\nkind = \"probes\"\naddress = \"{address}\"\nlimits = {{ connections = 1 }}\n"
        ));
        let config = config.unwrap();
        let agent = Agent::start_with(config.clone(), sockets.clone(), of(&source, &clock)).await.unwrap();
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        soon(first.readable()).await.unwrap();
        let mut queued = TcpStream::connect(address).await.unwrap();
        agent.drain().await;
        drop(first);
        queued.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let _next = Agent::start_with(config, sockets, of(&source, &clock)).await.unwrap();
        let mut response = String::new();
        soon(queued.read_to_string(&mut response)).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    });
}

#[test]
fn a_socket_that_no_listener_uses_is_an_error() {
    on_runtime(async {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let config = format!("{ONE}[[listen]]\nkind = \"admin\"\naddress = \"127.0.0.1:0\"\n");
        let sockets = Sockets::new([socket]).unwrap();
        let (source, clock) = (tokens(), TestClock::new());
        let started = Agent::start_with(Config::parse(&config).unwrap(), sockets, of(&source, &clock)).await;
        let error = started.unwrap_err();
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(address.as_str())));
        assert_eq!(source.started(), 0);
    });
}
