//! A service that speaks both versions of HTTP, over real sockets: its versions, streams, bounds and ends.

mod bodies;
mod bounds;
mod ends;
mod versions;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Empty};
use hyper::body::{Body as HttpBody, Frame, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use test_support::wait::soon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use yandex_cloud_auth::system::BoxFuture;

use super::{Bound, Served, Server};
use crate::config::Limits;
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
