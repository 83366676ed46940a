//! The layer in front of tonic, over sockets, against a tonic server: calls of each kind, refusals, deadlines, streams
//! that break.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use http::uri::PathAndQuery;
use test_support::token_source::{Source, header};
use test_support::wait::{HOUR, on_runtime};
use tokio::runtime::Runtime;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;
use tower_service::Service;
use yandex_cloud_auth::system::BoxFuture;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::tower::{AuthChannel, AuthInterceptor, AuthLayer};
use yandex_cloud_auth::{Credentials, Error, ErrorKind};

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

/// Sends each message after the previous one has come back.
async fn talk(channel: AuthChannel) -> Vec<String> {
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<&str>();
    let texts =
        stream::unfold(receiver, |mut receiver| async { Some((text(receiver.recv().await?), receiver)) });
    sender.send("one").unwrap();
    let codec = ProstCodec::<Text, Text>::default();
    let response = client.streaming(Request::new(texts), path("/echo/each"), codec).await.unwrap();
    let mut received = response.into_inner();
    let mut whole = vec![received.message().await.unwrap().unwrap().0];
    sender.send("two").unwrap();
    whole.push(received.message().await.unwrap().unwrap().0);
    drop(sender);
    assert!(received.message().await.unwrap().is_none());
    whole
}

#[test]
fn calls_of_each_kind_are_authorized_and_replayed_after_a_refusal() {
    for refusing in [Refusing::Nothing, Refusing::AtOnce] {
        let echo = Echo::new(refusing);
        let server = Running::start(&echo);
        let fresh = || server.channel(fetched().1);
        on_runtime(async {
            assert_eq!(unary(fresh(), Request::new(text("hello"))).await.unwrap(), "hello");
            let words = words(fresh(), "/echo/words").await.unwrap();
            assert_eq!(all(words).await, ["one", "two", "three"]);
            assert_eq!(upload(fresh(), 3, 2).await.unwrap(), "6");
            assert_eq!(talk(fresh()).await, ["one", "two"]);
        });
        let each: &[&str] = match refusing {
            Refusing::Nothing => &["Bearer t1.fake.0"],
            _ => &["Bearer t1.fake.0", "Bearer t1.fake.1"],
        };
        assert_eq!(echo.seen(), each.repeat(4), "{refusing:?}");
    }
}

#[test]
fn an_error_of_the_layer_arrives_as_a_status_and_nothing_is_sent() {
    let echo = Echo::new(Refusing::Nothing);
    let server = Running::start(&echo);
    for (kind, code) in [
        (ErrorKind::Unavailable, Code::Unavailable),
        (ErrorKind::Refused, Code::Unauthenticated),
        (ErrorKind::NotConfigured, Code::Unauthenticated),
    ] {
        let source = Source::new(move |_| {
            Err(Error::new(kind, "no token").with_help("do this").with_retry_after(HOUR))
        });
        let call = async {
            unary(server.channel(source.on_clock(&TestClock::new())), Request::new(text("x")))
                .await
                .unwrap_err()
        };
        let status = on_runtime(call);
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().ends_with("no token (do this)"), "{status}");
    }
    assert_eq!(echo.seen(), [""; 0]);
}

#[test]
fn a_channel_to_another_host_is_an_error() {
    let (source, credentials) = fetched();
    let endpoint = Endpoint::from_static("https://api.cloud.yandex.net.example");
    let error = AuthLayer::new(credentials).channel(&endpoint).unwrap_err();
    assert_eq!((error.kind(), source.started()), (ErrorKind::Blocked, 0));
}

#[test]
fn a_channel_without_a_runtime_is_an_error_and_not_a_panic() {
    let endpoint = Endpoint::from_static("https://llm.api.cloud.yandex.net:443");
    let layer = AuthLayer::new(fetched().1);
    let error = layer.channel(&endpoint).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.help().unwrap().contains("runtime"));
    on_runtime(async { layer.channel(&endpoint).unwrap() });
}

#[test]
fn an_interceptor_sends_the_current_token_and_never_waits() {
    let (_source, credentials) = fetched();
    let echo = Echo::new(Refusing::Nothing);
    let server = Running::start(&echo);
    on_runtime(async {
        let channel = InterceptedService::new(
            server.endpoint().connect_lazy(),
            AuthInterceptor::new(credentials.clone()),
        );
        let mut client = Grpc::new(channel);
        let mut call = async || {
            client.ready().await.unwrap();
            let codec = ProstCodec::<Text, Text>::default();
            client.unary(Request::new(text("x")), path("/echo/unary"), codec).await
        };
        let status = call().await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains("AuthLayer::channel"), "{status}");
        credentials.header().await.unwrap();
        assert_eq!(call().await.unwrap().into_inner().0, "x");
    });
    assert_eq!(echo.seen(), ["Bearer t1.fake.0"]);
}

#[test]
fn a_refused_upload_is_replayed_within_the_limit_and_beyond_it_the_refusal_is_returned() {
    const KIB: usize = 1 << 10;
    for (parts, again) in [(32, true), (128, false)] {
        let (_source, credentials) = fetched();
        let echo = Echo::new(Refusing::After(parts));
        let server = Running::start(&echo);
        let response = on_runtime(async { upload(server.channel(credentials.clone()), parts, KIB).await });
        let sent = parts * KIB;
        if again {
            assert_eq!(response.unwrap(), sent.to_string());
        } else {
            let status = response.unwrap_err();
            assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "the token was revoked"));
        }
        let times = 1 + usize::from(again);
        assert_eq!((echo.seen().len(), echo.read.load(Ordering::SeqCst)), (times, times * sent));
        assert_eq!(header(&credentials), "Bearer t1.fake.1", "the refused token was dropped");
    }
}

#[test]
fn a_long_upload_is_not_recorded() {
    const PARTS: usize = 1024;
    const SIZE: usize = 16 << 10;
    let (_source, credentials) = fetched();
    header(&credentials);
    let echo = Echo { refusing: Refusing::After(PARTS), ..Echo::new(Refusing::Nothing) };
    // Client and server run on this thread, because the measurement covers one thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let kept = allocation_counter::measure(|| {
        runtime.block_on(async {
            let endpoint = Endpoint::from_shared(format!("http://{}", serve(&echo).await)).unwrap();
            let channel = AuthLayer::new(credentials.clone()).allow_loopback().channel(&endpoint).unwrap();
            let status = upload(channel, PARTS, SIZE).await.unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated);
        });
    });
    assert_eq!(echo.read.load(Ordering::SeqCst), PARTS * SIZE);
    assert!(kept.bytes_max < (PARTS * SIZE / 8) as u64, "{kept:?}");
}

#[test]
fn a_deadline_shorter_than_the_fetch_ends_the_wait_but_not_the_fetch() {
    let (clock, source) = (TestClock::new(), Source::living(HOUR));
    source.hold();
    let credentials = source.on_clock(&clock);
    let echo = Echo::new(Refusing::Nothing);
    let server = Running::start(&echo);
    let mut request = Request::new(text("x"));
    request.set_timeout(Duration::from_secs(1));
    let status = on_runtime(async {
        let call = tokio::spawn(unary(server.channel(credentials.clone()), request));
        // The timer of the fetch, and the timer of the caller.
        tokio::task::block_in_place(|| clock.wait_for_sleepers(2));
        clock.advance(Duration::from_secs(1));
        call.await.unwrap().unwrap_err()
    });
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert_eq!((source.started(), source.ended(), echo.seen().len()), (1, 0, 0));
    source.release();
    assert_eq!(header(&credentials), "Bearer t1.fake.0");
}

#[test]
fn a_stream_that_breaks_is_not_replayed() {
    let (source, credentials) = fetched();
    let echo = Echo::new(Refusing::Nothing);
    let server = Running::start(&echo);
    on_runtime(async {
        let mut late = words(server.channel(credentials.clone()), "/echo/late").await.unwrap();
        assert_eq!(late.message().await.unwrap().unwrap().0, "one");
        let status = late.message().await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "the token ran out"));

        let mut open = words(server.channel(credentials.clone()), "/echo/open").await.unwrap();
        assert_eq!(open.message().await.unwrap().unwrap().0, "one");
        tokio::task::spawn_blocking(|| server.cut()).await.unwrap();
        open.message().await.unwrap_err();
    });
    assert_eq!(echo.seen(), ["Bearer t1.fake.0"; 2], "neither call was replayed");
    assert_eq!((source.started(), header(&credentials).as_str()), (1, "Bearer t1.fake.0"));
}
