//! Clients of the Secret Discovery Service that break the protocol, are slow, or ask for too much. Each gets a clear error and
//! no token, and another client gets its next token all the same.

use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use test_support::log::Log;
use test_support::token_source::{Source, unavailable};
use test_support::wait::{HOUR, on_runtime, secs, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tonic::Code;
use yandex_cloud_auth::testing::TestClock;

use crate::common::tokens;
use crate::envoy::{Bench, NAME, Stream, wanted};

const STREAM: &str = "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets";

/// An agent with a client that nobody disturbs.
struct Witness {
    bench: Bench,
    stream: Stream,
    clock: TestClock,
    count: usize,
}

impl Witness {
    async fn new(more: &str, source: &Source) -> Self {
        let clock = TestClock::new();
        let bench = Bench::new(more, source, &clock).await;
        let mut stream = bench.subscribe(&[NAME]).await;
        assert_eq!(stream.value().await, "Bearer t1.fake.0");
        Self { bench, stream, clock, count: 0 }
    }

    /// The client gets the next token.
    async fn is_served(&mut self) {
        self.count += 1;
        self.clock.advance(HOUR);
        let next = self.stream.value();
        let mut next = std::pin::pin!(next);
        let value = loop {
            tokio::select! {
                value = next.as_mut() => break value,
                () = tokio::task::yield_now() => self.clock.advance(Duration::from_millis(10)),
            }
        };
        assert_eq!(value, format!("Bearer t1.fake.{}", self.count));
    }
}

type Body = StreamBody<futures_util::stream::BoxStream<'static, Result<Frame<Bytes>, std::io::Error>>>;

/// A body of parts that a test sends.
fn parts() -> (mpsc::Sender<Bytes>, Body) {
    let (sender, receiver) = mpsc::channel::<Bytes>(8);
    let frames = futures_util::stream::unfold(receiver, async |mut receiver| {
        let part = receiver.recv().await?;
        Some((Ok(Frame::data(part)), receiver))
    });
    (sender, StreamBody::new(Box::pin(frames)))
}

async fn connect(socket: &Path) -> http2::SendRequest<Body> {
    let stream = TokioIo::new(UnixStream::connect(socket).await.unwrap());
    let (client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A call whose body is sent by the test.
async fn call(socket: &Path, path: &str) -> (mpsc::Sender<Bytes>, Response<Incoming>) {
    let (sender, body) = parts();
    let request = Request::post(format!("http://envoy{path}")).header("content-type", "application/grpc");
    let response = soon(connect(socket).await.send_request(request.body(body).unwrap())).await.unwrap();
    (sender, response)
}

/// How a call ends: the status and its text, in a header or after the body.
async fn end(response: Response<Incoming>) -> (Code, String) {
    let text = |map: &HeaderMap| {
        let code = map.get("grpc-status")?.to_str().unwrap().parse::<i32>().unwrap();
        let message = map.get("grpc-message").map_or("", |message| message.to_str().unwrap());
        Some((Code::from(code), message.to_owned()))
    };
    let head = text(response.headers());
    let body = soon(response.into_body().collect()).await.unwrap();
    let trailers = body.trailers().and_then(text);
    let bytes = body.to_bytes();
    assert!(!String::from_utf8_lossy(&bytes).contains("t1."), "{bytes:?}");
    head.or(trailers).expect("a status")
}

fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap();
    [&[0], &length.to_be_bytes()[..], message].concat().into()
}

#[test]
fn a_message_that_is_malformed_ends_its_stream_alone() {
    on_runtime(async {
        let mut witness = Witness::new("", &tokens()).await;
        let socket = witness.bench.socket();
        let many: Vec<_> = (0..101).map(|number| format!("name-{number}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let other_type = envoy_types::pb::envoy::service::discovery::v3::DiscoveryRequest {
            type_url: "type.googleapis.com/envoy.config.cluster.v3.Cluster".to_owned(),
            ..wanted(&[NAME])
        };
        let good = wanted(&[NAME]).encode_to_vec();
        for (bytes, code, reason) in [
            (framed(b"\xff\xff\xff"), Code::Internal, "malformed"),
            (framed(&wanted(&many).encode_to_vec()), Code::InvalidArgument, "100 names"),
            (framed(&other_type.encode_to_vec()), Code::InvalidArgument, "of the type"),
            ([&[1], &framed(&good)[1..]].concat().into(), Code::Unimplemented, "compression"),
            (framed(&vec![0; 300 << 10]), Code::ResourceExhausted, "message_bytes"),
            (Bytes::from_static(b"\0\xff\xff\xff\xff"), Code::ResourceExhausted, "message_bytes"),
        ] {
            let (sender, response) = call(&socket, STREAM).await;
            sender.send(bytes).await.unwrap();
            let (found, message) = end(response).await;
            assert_eq!(found, code, "{message}");
            assert!(message.contains(reason), "{message}");
            witness.is_served().await;
        }
        // A message without its end.
        let (sender, response) = call(&socket, STREAM).await;
        sender.send(framed(&good).slice(..20)).await.unwrap();
        drop(sender);
        assert_eq!(end(response).await.0, Code::Internal);
        // A client that has said all that it wants.
        let (sender, response) = call(&socket, STREAM).await;
        drop(sender);
        assert_eq!(end(response).await.0, Code::Ok);
        witness.is_served().await;
    });
}

#[test]
fn what_is_no_call_of_the_service_is_refused() {
    on_runtime(async {
        let mut witness = Witness::new("", &tokens()).await;
        let socket = witness.bench.socket();
        let (_sender, response) =
            call(&socket, "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters").await;
        assert_eq!(end(response).await.0, Code::Unimplemented);
        let plain = Request::get("http://envoy/").body(parts().1).unwrap();
        let response = soon(connect(&socket).await.send_request(plain)).await.unwrap();
        assert_eq!(response.status(), 415);
        let get = Request::get(format!("http://envoy{STREAM}")).header("content-type", "application/grpc");
        let response = soon(connect(&socket).await.send_request(get.body(parts().1).unwrap())).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &"POST".parse().unwrap())
        );
        for request in [
            format!(
                "POST {STREAM} HTTP/1.1\r\nHost: envoy\r\nContent-Type: application/grpc\r\nConnection: close\r\n\r\n"
            ),
            "GET / HTTP/1.1\r\nHost: envoy\r\nConnection: close\r\n\r\n".to_owned(),
            "\u{16}\u{3}\u{1}\0\u{5}hello".to_owned(),
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nwhat is this".to_owned(),
        ] {
            let mut stream = UnixStream::connect(&socket).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut response = Vec::new();
            let _ = soon(stream.read_to_end(&mut response)).await;
            let response = String::from_utf8_lossy(&response).into_owned();
            assert!(!response.contains("t1."), "{request}: {response}");
            assert!(!response.starts_with("HTTP/1.1 2"), "{request}: {response}");
            witness.is_served().await;
        }
    });
}

#[test]
fn a_head_over_the_bound_ends_its_connection_alone() {
    on_runtime(async {
        let mut witness = Witness::new("", &tokens()).await;
        let mut client = connect(&witness.bench.socket()).await;
        for (value, count) in [("x".repeat(5000), 5), ("x".repeat(100), 100), ("x".repeat(200 << 10), 1)] {
            let request =
                Request::post(format!("http://envoy{STREAM}")).header("content-type", "application/grpc");
            let request =
                (0..count).fold(request, |request, number| request.header(format!("bomb-{number}"), &value));
            let response = soon(client.send_request(request.body(parts().1).unwrap())).await;
            if let Ok(response) = response {
                assert_eq!(response.status(), 431);
            }
            witness.is_served().await;
        }
    });
}

#[test]
fn a_slow_message_ends_its_stream() {
    on_runtime(async {
        let mut witness = Witness::new("limits = { body_seconds = 0.05 }", &tokens()).await;
        let socket = witness.bench.socket();
        let good = framed(&wanted(&[NAME]).encode_to_vec());
        // Nothing, and a part of the first message.
        for first in [Bytes::new(), good.slice(..10)] {
            let (sender, response) = call(&socket, STREAM).await;
            sender.send(first).await.unwrap();
            assert_eq!(end(response).await.0, Code::DeadlineExceeded);
        }
        // A part of a later one. Between two messages any time may pass.
        let (sender, response) = call(&socket, STREAM).await;
        sender.send(good.clone()).await.unwrap();
        let mut body = response.into_body();
        soon(body.frame()).await.unwrap().unwrap();
        witness.is_served().await;
        assert!(soon(body.frame()).await.unwrap().unwrap().is_data());
        sender.send(good.slice(..10)).await.unwrap();
        let trailers = soon(body.frame()).await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "4");
        witness.is_served().await;
    });
}

/// A client that reads nothing gets the last token of those that came meanwhile.
#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    on_runtime(async {
        let mut witness = Witness::new("", &tokens()).await;
        let mut slow = Vec::new();
        for _ in 0..20 {
            let (sender, response) = call(&witness.bench.socket(), STREAM).await;
            sender.send(framed(&wanted(&[NAME]).encode_to_vec())).await.unwrap();
            slow.push((sender, response));
        }
        let half: Vec<_> = (0..50).map(|_| StdUnixStream::connect(witness.bench.socket()).unwrap()).collect();
        for _ in 0..10 {
            witness.is_served().await;
        }
        drop((slow, half));
        witness.is_served().await;
    });
}

#[test]
fn as_many_streams_are_open_as_connections_are_allowed() {
    on_runtime(async {
        let more = "limits = { connections = 2 }";
        let mut witness = Witness::new(more, &tokens()).await;
        let mut client = witness.bench.client().await;
        let second = Stream::open(&mut client, &[NAME]).await;
        let refused = Stream::try_open(&mut client, wanted(&[NAME])).await.err().unwrap();
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
        drop(second);
        // The agent learns of the end a moment later.
        while Stream::try_open(&mut client, wanted(&[NAME])).await.is_err() {}
        witness.is_served().await;
    });
}

#[test]
fn no_secret_is_in_the_log() {
    let log = Log::of_target("");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    log.of(|| {
        runtime.block_on(async {
            let source = tokens();
            let mut witness = Witness::new("", &source).await;
            let secret = "t1.fake-name.which-is-long-enough-to-be-a-secret";
            let mut other = witness.bench.subscribe(&[secret, NAME]).await;
            other.try_next().await.unwrap();
            other.answer(Some("Bearer t1.fake-reason.which-is-long-enough-to-be-a-secret")).await;
            witness.bench.client().await.fetch_secrets(wanted(&[NAME])).await.unwrap();
            witness.is_served().await;
            source.set(|_| Err(unavailable().at("t1.fake.in-an-error")));
            witness.clock.advance(13 * HOUR);
            let has = |text: &str| log.lines().iter().any(|line| line.contains(text));
            while !has("has to drop it") {
                witness.clock.advance(secs(1));
                tokio::task::yield_now().await;
            }
            assert!(has("pushed to Envoy") && has("refuses a secret") && has("asks for a secret"));
            let lines = log.lines();
            assert!(!lines.iter().any(|line| line.contains("t1.fake")), "{lines:?}");
        });
    });
}
