//! The layer in front of tonic, over sockets, against a tonic server that can refuse.

mod calls;
mod streams;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use http::uri::PathAndQuery;
use test_support::token_source::Source;
use test_support::wait::HOUR;
use tokio::runtime::Runtime;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;
use tower_service::Service;
use yandex_cloud_auth::Credentials;
use yandex_cloud_auth::system::BoxFuture;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::tower::{AuthChannel, AuthLayer};

#[derive(prost::Message)]
struct Text(#[prost(string, tag = 1)] String);

fn text(text: &str) -> Text {
    Text(text.to_owned())
}

type Texts = BoxStream<'static, Result<Text, Status>>;

/// When the server refuses a token.
#[derive(Clone, Copy, Debug)]
enum Refusing {
    Nothing,
    /// The first token of a source, before the body is read.
    AtOnce,
    /// The first token, after this number of messages.
    After(usize),
}

/// A server that echoes messages and records the headers.
#[derive(Clone)]
struct Echo {
    seen: Arc<Mutex<Vec<String>>>,
    read: Arc<AtomicUsize>,
    refusing: Refusing,
}

impl Echo {
    fn new(refusing: Refusing) -> Self {
        Self { seen: Arc::default(), read: Arc::default(), refusing }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Reads a stream to its end or to the refusal, and returns its length.
    async fn all(&self, first: bool, mut texts: Streaming<Text>) -> Result<Text, Status> {
        let mut length = 0;
        for count in 1.. {
            let Some(Text(text)) = texts.message().await? else { break };
            self.read.fetch_add(text.len(), Ordering::SeqCst);
            length += text.len();
            if first && matches!(self.refusing, Refusing::After(limit) if limit == count) {
                return Err(Status::unauthenticated("the token was revoked"));
            }
        }
        Ok(Text(length.to_string()))
    }

    async fn response(self, request: http::Request<Body>) -> http::Response<Body> {
        let header = request.headers().get("authorization").map_or("", |header| header.to_str().unwrap());
        self.seen.lock().unwrap().push(header.to_owned());
        let first = header == "Bearer t1.fake.0";
        if first && matches!(self.refusing, Refusing::AtOnce) {
            return Status::unauthenticated("the token was revoked").into_http();
        }
        let path = request.uri().path().to_owned();
        let mut grpc = tonic::server::Grpc::new(ProstCodec::<Text, Text>::default());
        match path.as_str() {
            "/echo/unary" => {
                let echo =
                    |request: Request<Text>| async { Ok::<_, Status>(Response::new(request.into_inner())) };
                grpc.unary(service_fn(echo), request).await
            }
            "/echo/words" => {
                let words = |request: Request<Text>| async {
                    let words: Vec<_> =
                        request.into_inner().0.split(' ').map(|word| Ok(text(word))).collect();
                    Ok::<_, Status>(Response::new(stream::iter(words).boxed()))
                };
                grpc.server_streaming(service_fn(words), request).await
            }
            "/echo/all" => {
                let all = move |request: Request<Streaming<Text>>| {
                    let echo = self.clone();
                    async move { Ok(Response::new(echo.all(first, request.into_inner()).await?)) }
                };
                grpc.client_streaming(service_fn(all), request).await
            }
            "/echo/each" => {
                let each = |request: Request<Streaming<Text>>| async {
                    Ok::<_, Status>(Response::new(request.into_inner().boxed() as Texts))
                };
                grpc.streaming(service_fn(each), request).await
            }
            // One message, then the refusal in the trailers, after the response has begun.
            "/echo/late" => {
                let late = |_: Request<Text>| async {
                    let end = Err(Status::unauthenticated("the token ran out"));
                    Ok::<_, Status>(Response::new(stream::iter([Ok(text("one")), end]).boxed()))
                };
                grpc.server_streaming(service_fn(late), request).await
            }
            // One message, then silence.
            "/echo/open" => {
                let open = |_: Request<Text>| async {
                    let one = stream::iter([Ok::<_, Status>(text("one"))]);
                    Ok::<_, Status>(Response::new(one.chain(stream::pending()).boxed()))
                };
                grpc.server_streaming(service_fn(open), request).await
            }
            other => panic!("{other}"),
        }
    }
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move { Ok(echo.response(request).await) })
    }
}

/// A server on its own runtime. When the runtime ends, so do the connections.
struct Running {
    address: SocketAddr,
    runtime: Runtime,
}

impl Running {
    fn start(echo: &Echo) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = runtime.block_on(serve(echo));
        Self { address, runtime }
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap()
    }

    fn channel(&self, credentials: Credentials) -> AuthChannel {
        AuthLayer::new(credentials).allow_loopback().channel(&self.endpoint()).unwrap()
    }

    fn cut(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(10));
    }
}

async fn serve(echo: &Echo) -> SocketAddr {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    tokio::spawn(Server::builder().serve_with_incoming(echo.clone(), incoming));
    address
}

fn fetched() -> (Source, Credentials) {
    let source = Source::living(HOUR);
    let credentials = source.on_clock(&TestClock::new());
    (source, credentials)
}

fn path(name: &'static str) -> PathAndQuery {
    PathAndQuery::from_static(name)
}

async fn unary(channel: AuthChannel, request: Request<Text>) -> Result<String, Status> {
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let codec = ProstCodec::<Text, Text>::default();
    client.unary(request, path("/echo/unary"), codec).await.map(|response| response.into_inner().0)
}

async fn words(channel: AuthChannel, method: &'static str) -> Result<Streaming<Text>, Status> {
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let codec = ProstCodec::<Text, Text>::default();
    let response = client.server_streaming(Request::new(text("one two three")), path(method), codec).await?;
    Ok(response.into_inner())
}

async fn upload(channel: AuthChannel, parts: usize, size: usize) -> Result<String, Status> {
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let codec = ProstCodec::<Text, Text>::default();
    let texts = stream::iter((0..parts).map(move |_| Text("x".repeat(size))));
    client
        .client_streaming(Request::new(texts), path("/echo/all"), codec)
        .await
        .map(|text| text.into_inner().0)
}

async fn all(mut texts: Streaming<Text>) -> Vec<String> {
    let mut whole = Vec::new();
    while let Some(Text(text)) = texts.message().await.unwrap() {
        whole.push(text);
    }
    whole
}
