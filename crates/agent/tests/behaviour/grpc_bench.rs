//! A client and a service of gRPC that a test plays itself.

use std::io;

use bytes::Bytes;
use futures_util::stream;
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2 as client;
use hyper::server::conn::http2 as server;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use test_support::log::Log;
use tokio::sync::{mpsc, oneshot};

use crate::common::upstream;
use crate::gateway_bench::{Bench, Service, opened};

pub(crate) const METHOD: &str = "/fake.cloud.v1.Service/Method";

/// How many calls the service takes on one connection at a time: as few as HTTP/2 lets a service allow without need.
pub(crate) const CALLS: u32 = 100;

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;
pub(crate) type Sender = mpsc::UnboundedSender<Result<Frame<Bytes>, io::Error>>;

/// A body whose parts the test sends.
pub(crate) fn streamed() -> (Sender, Body) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let parts = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    (sender, BodyExt::boxed_unsync(StreamBody::new(Box::pin(parts))))
}

/// A message with its length.
pub(crate) fn message(text: &str) -> Frame<Bytes> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    Frame::data([&[0], &length[..], text.as_bytes()].concat().into())
}

pub(crate) fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
}

/// The response that has a status alone (trailers-only).
pub(crate) fn trailers_only(status: &str, text: &str) -> Response<Body> {
    let mut response = Response::new(streamed().1);
    *response.headers_mut() =
        headers(&[("content-type", "application/grpc"), ("grpc-status", status), ("grpc-message", text)]);
    response
}

/// A call that has reached the service. Without a reply its stream is reset.
pub(crate) struct Call {
    pub(crate) head: Parts,
    pub(crate) body: Incoming,
    pub(crate) reply: oneshot::Sender<Response<Body>>,
}

impl Call {
    pub(crate) fn authorization(&self) -> &str {
        self.head.headers["authorization"].to_str().unwrap()
    }

    pub(crate) fn reply(self, response: Response<Body>) {
        let _ = self.reply.send(response);
    }

    /// Begins a response, and continues with its body.
    pub(crate) fn begin(self) -> (Sender, Incoming) {
        let (sender, body) = streamed();
        let response = Response::builder().header("content-type", "application/grpc").body(body).unwrap();
        let _ = self.reply.send(response);
        (sender, self.body)
    }
}

/// A service that a test plays itself, over HTTP/2 without TLS.
pub(crate) struct Grpc {
    pub(crate) url: String,
    pub(crate) calls: mpsc::UnboundedReceiver<Call>,
}

impl Grpc {
    pub(crate) async fn new() -> Self {
        let connections = Service::new().await;
        let url = connections.url();
        let (sender, calls) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let stream = connections.accept().await;
                let calls = sender.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let (head, body) = request.into_parts();
                    let (reply, answer) = oneshot::channel();
                    let _ = calls.send(Call { head, body, reply });
                    async { answer.await.map_err(io::Error::other) }
                });
                let connection = server::Builder::new(TokioExecutor::new())
                    .max_concurrent_streams(CALLS)
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Self { url, calls }
    }

    pub(crate) async fn bench(&self, log: &Log) -> Bench {
        self.bench_with(log, "").await
    }

    /// A gateway with more keys of the listener.
    pub(crate) async fn bench_with(&self, log: &Log, more: &str) -> Bench {
        let more = format!("{more}\n{}", upstream(&self.url, "/fake.cloud.v1."));
        Bench::new(log, &self.url, &more).await
    }

    pub(crate) async fn call(&mut self) -> Call {
        self.calls.recv().await.unwrap()
    }

    pub(crate) fn has_no_call(&mut self) -> bool {
        self.calls.try_recv().is_err()
    }
}

/// A client with its own connection to the gateway.
pub(crate) struct Client {
    pub(crate) connection: client::SendRequest<Body>,
    pub(crate) address: String,
    pub(crate) key: String,
}

impl Client {
    pub(crate) async fn new(bench: &Bench) -> Self {
        let stream = TokioIo::new(opened(bench.gateway.address).await);
        let (connection, driver) = client::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(driver);
        Self { connection, address: bench.gateway.address.to_string(), key: bench.gateway.key.clone() }
    }

    pub(crate) fn request(&self, path: &str, body: Body) -> Request<Body> {
        Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {}", self.key))
            .body(body)
            .unwrap()
    }

    /// Begins a call with one message. The rest of its body is sent by the test.
    pub(crate) fn begin(
        &mut self,
    ) -> (Sender, impl Future<Output = hyper::Result<Response<Incoming>>> + use<>) {
        let (sender, body) = streamed();
        sender.send(Ok(message("first"))).unwrap();
        let request = self.request(METHOD, body);
        (sender, self.connection.send_request(request))
    }

    /// A call with one message.
    pub(crate) fn unary(&mut self) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        self.begin().1
    }
}

/// The status and the text of a call that was refused at once.
pub(crate) fn refusal(response: &Response<Incoming>) -> (&str, &str) {
    let header = |name| response.headers().get(name).map_or("", |value| value.to_str().unwrap());
    assert_eq!((response.status().as_u16(), header("content-type")), (200, "application/grpc"));
    (header("grpc-status"), header("grpc-message"))
}

/// The next message of a body.
pub(crate) async fn next(body: &mut Incoming) -> String {
    let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
    String::from_utf8(data[5..].to_vec()).unwrap()
}
