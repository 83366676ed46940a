//! A service that speaks both versions of HTTP, over real sockets: its versions, streams, bounds and ends.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Empty, Full};
use hyper::body::{Body as HttpBody, Frame, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use test_support::raw_server::Authority;
use test_support::tls_client;
use test_support::wait::soon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use yandex_cloud_auth::system::BoxFuture;

use super::connection::CONFIRMATION;
use super::{Bound, Served, Server, Tls};
use crate::config::{Limits, TlsConfig};
use crate::metrics::Metrics;
use crate::service::{Body, BoxError, Caller, Protocol, Service, text};

/// The first bytes of a client of HTTP/2: the preface, and its empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

type Answer = BoxFuture<'static, Response<Body>>;

/// A service that answers by a function.
struct Answers(Protocol, Box<dyn Fn(Request<Incoming>, Caller) -> Answer + Send + Sync>);

fn answers<A: Future<Output = Response<Body>> + Send + 'static>(
    protocol: Protocol,
    answer: impl Fn(Request<Incoming>, Caller) -> A + Send + Sync + 'static,
) -> Answers {
    Answers(protocol, Box::new(move |request, caller| Box::pin(answer(request, caller))))
}

impl Service for Answers {
    fn kind(&self) -> &'static str {
        "probes"
    }

    fn protocol(&self) -> Protocol {
        self.0
    }

    fn respond(&self, request: Request<Incoming>, caller: Caller) -> BoxFuture<'_, Response<Body>> {
        (self.1)(request, caller)
    }
}

fn served(service: Answers, limits: Limits) -> Served {
    let requests = Metrics::default().requests("probes");
    Served { service: Box::new(service), requests, limits, tls: None }
}

async fn start(service: Answers, limits: Limits) -> Server {
    let bound = Bound::any().await;
    Server::start(bound, served(service, limits))
}

/// Answers with the version of the request.
fn version(protocol: Protocol) -> Answers {
    answers(protocol, async |request, _| text(StatusCode::OK, format!("{:?}", request.version())))
}

/// Answers with a stream that a test feeds, and that ends when it should. `/never` has no answer.
fn streaming() -> (Answers, mpsc::Receiver<mpsc::Sender<&'static str>>) {
    let (streams, opened) = mpsc::channel(9);
    let streams = Arc::new(streams);
    let service = answers(Protocol::Both, move |request, mut caller| {
        let streams = Arc::clone(&streams);
        async move {
            let (sender, receiver) = mpsc::channel(1);
            streams.try_send(sender).unwrap();
            if request.uri().path() == "/never" {
                std::future::pending::<()>().await;
            }
            let ended = Box::pin(async move { caller.has_to_end().await });
            Response::new(Either::Right(UnsyncBoxBody::new(Fed { receiver, ended })))
        }
    });
    (service, opened)
}

struct Fed {
    receiver: mpsc::Receiver<&'static str>,
    ended: BoxFuture<'static, ()>,
}

impl HttpBody for Fed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.ended.as_mut().poll(context).is_ready() {
            return None.into();
        }
        self.receiver.poll_recv(context).map(|data| data.map(|data| Ok(Frame::data(data.into()))))
    }
}

type Client = SendRequest<Empty<Bytes>>;

/// A connection of HTTP/2.
async fn http2(server: &Server) -> Client {
    let stream = TcpStream::connect(server.tcp()).await.unwrap();
    let (client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    client
}

fn request(server: &Server) -> http::request::Builder {
    Request::get(format!("http://{}/", server.tcp()))
}

async fn ask(client: &mut Client, server: &Server) -> Response<Incoming> {
    soon(client.send_request(request(server).body(Empty::new()).unwrap())).await.unwrap()
}

async fn body(response: Response<Incoming>) -> String {
    let body = soon(response.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// Sends bytes, and reads until the server closes the connection.
async fn raw(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.tcp()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut read = Vec::new();
    let _ = stream.read_to_end(&mut read).await;
    read
}

fn first_version(server: &Server) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.tcp()).into_bytes()
}

#[tokio::test]
async fn a_client_chooses_the_version_by_its_first_bytes() {
    let server = start(version(Protocol::Both), Limits::default()).await;
    let response = raw(&server, &first_version(&server)).await;
    assert!(response.starts_with(b"HTTP/1.1 200 ") && response.ends_with(b"HTTP/1.1"), "{response:?}");
    let response = ask(&mut http2(&server).await, &server).await;
    assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
    assert_eq!(body(response).await, "HTTP/2.0");
    // A service of the first version alone.
    let server = start(version(Protocol::Http1), Limits::default()).await;
    let response = raw(&server, PREFACE).await;
    assert!(response.is_empty() || response.starts_with(b"HTTP/1.1 4"), "{response:?}");
}

#[tokio::test]
async fn a_client_chooses_the_version_in_the_handshake_of_tls() {
    let authority = Authority::new("FAKE CA");
    let [certificate, key] = authority.certify("agent.example").pem();
    let folder = std::env::temp_dir().join(format!("yc-auth-agent-tls-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let config = TlsConfig { certificate: folder.join("c"), key: folder.join("k") };
    std::fs::write(&config.certificate, certificate).unwrap();
    std::fs::write(&config.key, key).unwrap();
    let load = |protocol| Tls::load(&config, protocol).unwrap();
    let all = [(Protocol::Both, load(Protocol::Both)), (Protocol::Http1, load(Protocol::Http1))];
    std::fs::remove_dir_all(&folder).unwrap();
    for (protocol, tls) in all {
        let bound = Bound::any().await;
        let server =
            Server::start(bound, Served { tls: Some(tls), ..served(version(protocol), Limits::default()) });
        let connect = |names: &'static [&'static str]| {
            tls_client::connect(server.tcp(), "agent.example", &authority, names)
        };
        let offered = connect(&["h2", "http/1.1"]).await.unwrap();
        let chosen = offered.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let wanted: &[u8] = if protocol == Protocol::Both { b"h2" } else { b"http/1.1" };
        assert_eq!(chosen.as_deref(), Some(wanted));
        if protocol == Protocol::Both {
            let (mut client, connection) =
                http2::handshake(TokioExecutor::new(), TokioIo::new(offered)).await.unwrap();
            tokio::spawn(connection);
            assert_eq!(body(ask(&mut client, &server).await).await, "HTTP/2.0");
        } else {
            assert!(connect(&["h2"]).await.is_err());
        }
    }
}

#[tokio::test]
async fn a_stream_arrives_part_by_part() {
    let (service, mut opened) = streaming();
    let server = start(service, Limits::default()).await;
    let mut client = http2(&server).await;
    let mut response = ask(&mut client, &server).await.into_body();
    let stream = opened.recv().await.unwrap();
    for part in ["one", "two"] {
        stream.send(part).await.unwrap();
        let frame = soon(response.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), part);
    }
    drop(stream);
    assert!(soon(response.collect()).await.unwrap().to_bytes().is_empty());
    // A client that leaves ends the stream.
    let response = ask(&mut client, &server).await;
    let stream = opened.recv().await.unwrap();
    drop(response);
    soon(stream.closed()).await;
}

#[tokio::test]
async fn a_stream_ends_with_the_listener_and_with_another_service() {
    let (service, mut opened) = streaming();
    let server = start(service, Limits::default()).await;
    let mut client = http2(&server).await;
    let first = ask(&mut client, &server).await;
    let _first_stream = opened.recv().await.unwrap();
    // The first service is still in use by a request that it does not answer.
    let never = Request::get(format!("http://{}/never", server.tcp()));
    let never = client.send_request(never.body(Empty::new()).unwrap());
    opened.recv().await.unwrap();
    let (service, mut opened) = streaming();
    server.replace(served(service, Limits::default()));
    assert_eq!(body(first).await, "");
    drop(never);
    let second = ask(&mut client, &server).await;
    let _second_stream = opened.recv().await.unwrap();
    let (second, ()) = tokio::join!(body(second), soon(server.drain()));
    assert_eq!(second, "");
}

/// The clock of the runtime jumps to the next timer while everybody waits.
#[tokio::test(start_paused = true)]
async fn the_end_waits_for_a_request_and_not_for_a_connection() {
    let (ask_for_answer, mut asked) = mpsc::channel::<oneshot::Sender<()>>(1);
    let service = answers(Protocol::Both, move |_, _| {
        let (answer, wait) = oneshot::channel();
        ask_for_answer.try_send(answer).unwrap();
        async {
            wait.await.unwrap();
            text(StatusCode::OK, "answered")
        }
    });
    let server = start(service, Limits::default()).await;
    let (mut busy, mut idle) = (http2(&server).await, http2(&server).await);
    let head = || request(&server).body(Empty::<Bytes>::new()).unwrap();
    let first = tokio::spawn(idle.send_request(head()));
    asked.recv().await.unwrap().send(()).unwrap();
    first.await.unwrap().unwrap();
    let waiting = tokio::spawn(busy.send_request(head()));
    let answer = asked.recv().await.unwrap();
    // Clients that send nothing, and that do not confirm the end.
    let silent = TcpStream::connect(server.tcp()).await.unwrap();
    let mut half = TcpStream::connect(server.tcp()).await.unwrap();
    half.write_all(PREFACE).await.unwrap();
    let drained = tokio::spawn(server.drain());
    // The idle client is told, and the one that waits goes on.
    let told = timeout(CONFIRMATION / 2, async {
        while !idle.is_closed() {
            tokio::time::sleep(CONFIRMATION / 100).await;
        }
    });
    told.await.unwrap();
    assert!(!drained.is_finished());
    answer.send(()).unwrap();
    assert_eq!(body(waiting.await.unwrap().unwrap()).await, "answered");
    soon(drained).await.unwrap();
    drop((silent, half));
}

/// The clock of the runtime jumps to the next timer while everybody waits.
#[tokio::test(start_paused = true)]
async fn a_client_that_asks_for_nothing_is_disconnected() {
    let server = start(version(Protocol::Both), Limits::default()).await;
    let limit = Limits::default().head_time();
    // Nothing; a part of the preface; no request; a part of the head of a request.
    let head = [PREFACE, b"\0\0\xff\x01\0\0\0\0\x01"].concat();
    for bytes in [&b""[..], &PREFACE[..10], PREFACE, &head] {
        let start = tokio::time::Instant::now();
        let _ = timeout(limit * 9, raw(&server, bytes)).await;
        let taken = start.elapsed();
        assert!(taken >= limit && taken < limit * 3, "{bytes:?}: {taken:?}");
    }
}

/// The client is stopped: its connection is open, and it reads nothing.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_loses_its_stream() {
    let (service, mut opened) = streaming();
    let server = start(service, Limits::default()).await;
    let mut client = TcpStream::connect(server.tcp()).await.unwrap();
    // `:method: GET`, `:scheme: http`, `:path: /`, and the authority.
    let authority = server.tcp().to_string();
    let length = u8::try_from(authority.len()).unwrap();
    let block = [b"\x82\x86\x84\x41".to_vec(), vec![length], authority.into_bytes()].concat();
    let head = [&[0, 0, u8::try_from(block.len()).unwrap(), 1, 5, 0, 0, 0, 1], &block[..]].concat();
    client.write_all(&[PREFACE, &head].concat()).await.unwrap();
    let stream = opened.recv().await.unwrap();
    let (start, limit) = (tokio::time::Instant::now(), Limits::default().head_time());
    let _ = timeout(limit * 9, stream.closed()).await;
    let taken = start.elapsed();
    assert!(taken >= limit && taken <= limit * 3, "{taken:?}");
}

#[tokio::test]
async fn a_head_over_the_bound_is_refused_and_disturbs_nobody() {
    let (service, mut opened) = streaming();
    let server = start(service, Limits { headers: 4, head_bytes: 8 << 10, ..Limits::default() }).await;
    let (mut client, mut other) = (http2(&server).await, http2(&server).await);
    let mut open = ask(&mut client, &server).await.into_body();
    let mut open_of_other = ask(&mut other, &server).await.into_body();
    let (stream, stream_of_other) = (opened.recv().await.unwrap(), opened.recv().await.unwrap());
    let mut send = async |head: http::request::Builder| {
        let response = soon(client.send_request(head.body(Empty::new()).unwrap())).await;
        assert!(opened.try_recv().is_err(), "the service was asked");
        response.map(|response| response.status())
    };
    let many = (0..5).fold(request(&server), |head, number| head.header(format!("name-{number}"), "x"));
    // The compression makes a byte of each header but the first.
    let long = "x".repeat(3000);
    let compressed = (0..4).fold(request(&server), |head, _| head.header("name", &long));
    for head in [many, compressed] {
        assert_eq!(send(head).await.unwrap(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    stream.send("still here").await.unwrap();
    assert_eq!(soon(open.frame()).await.unwrap().unwrap().into_data().unwrap(), "still here");
    // Far over the bound: the connection ends, and no other.
    assert!(send(request(&server).header("name", "x".repeat(100 << 10))).await.is_err());
    soon(stream.closed()).await;
    stream_of_other.send("still here").await.unwrap();
    assert_eq!(soon(open_of_other.frame()).await.unwrap().unwrap().into_data().unwrap(), "still here");
}

#[tokio::test]
async fn a_request_over_the_bound_waits() {
    let (service, mut opened) = streaming();
    let server = start(service, Limits { streams: 1, ..Limits::default() }).await;
    let mut client = http2(&server).await;
    let first = ask(&mut client, &server).await;
    let stream = opened.recv().await.unwrap();
    let (mut second_client, request) = (client.clone(), request(&server).body(Empty::new()).unwrap());
    let second = tokio::spawn(async move { second_client.send_request(request).await });
    stream.send("while the second waits").await.unwrap();
    let mut first = first.into_body();
    soon(first.frame()).await.unwrap().unwrap();
    assert!(opened.try_recv().is_err());
    drop((first, stream));
    soon(opened.recv()).await.unwrap();
    assert!(soon(second).await.unwrap().is_ok());
}

#[tokio::test]
async fn an_upgraded_connection_counts_until_its_service_is_done() {
    let (done, end) = oneshot::channel();
    let end = std::sync::Mutex::new(Some(end));
    let service = answers(Protocol::Both, move |request, mut caller| {
        let end: oneshot::Receiver<()> = end.lock().unwrap().take().unwrap();
        tokio::spawn(async move {
            let mut upgraded = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
            upgraded.write_all(b"upgraded").await.unwrap();
            caller.has_to_end().await;
            upgraded.write_all(b"ending").await.unwrap();
            end.await.unwrap();
        });
        let mut response = text(StatusCode::SWITCHING_PROTOCOLS, "");
        response.headers_mut().insert("connection", "upgrade".parse().unwrap());
        response.headers_mut().insert("upgrade", "echo".parse().unwrap());
        std::future::ready(response)
    });
    let server = start(service, Limits::default()).await;
    let mut client = TcpStream::connect(server.tcp()).await.unwrap();
    let head =
        format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n", server.tcp());
    client.write_all(head.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let mut receives = async |text: &[u8]| {
        while !read.ends_with(text) {
            assert!(soon(client.read_buf(&mut read)).await.unwrap() > 0);
        }
    };
    receives(b"upgraded").await;
    let drained = tokio::spawn(server.drain());
    receives(b"ending").await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!drained.is_finished());
    done.send(()).unwrap();
    soon(drained).await.unwrap();
}

#[tokio::test]
async fn a_service_reads_a_body_of_the_second_version() {
    let service = answers(Protocol::Both, async |request, _| {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        text(StatusCode::OK, body.len().to_string())
    });
    let server = start(service, Limits::default()).await;
    let stream = TcpStream::connect(server.tcp()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let stream = TokioIo::new(stream);
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    // More than a client may send before the service reads.
    let length = 3 << 20;
    let sent = Full::new(Bytes::from(vec![0; length]));
    let response = soon(client.send_request(request(&server).body(sent).unwrap())).await.unwrap();
    assert_eq!(body(response).await, length.to_string());
}
