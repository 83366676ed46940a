//! The layer: where the header goes, its cost, and what happens when a server refuses the token.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use test_support::token_source::{Source, header};
use test_support::wait::{HOUR, on_runtime, until};
use tower_layer::Layer;
use tower_service::Service;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::tower::{AuthLayer, CloneReplay, TeeBody, TeeReplay};
use yandex_cloud_auth::{ApiKeyAuth, Credentials, ErrorKind, NoAuth};

const URL: &str = "https://llm.api.cloud.yandex.net/x";

type Rule = dyn Fn(&str) -> Response<()> + Send + Sync;

/// A server whose response depends on the `Authorization` header. It records the headers.
#[derive(Clone)]
struct Server {
    seen: Arc<Mutex<Vec<String>>>,
    rule: Arc<Rule>,
}

impl Server {
    fn new(rule: impl Fn(&str) -> Response<()> + Send + Sync + 'static) -> Self {
        Self { seen: Arc::default(), rule: Arc::new(rule) }
    }

    /// Refuses the first token of a source.
    fn refusing_the_first() -> Self {
        Self::new(|header| if header == "Bearer t1.fake.0" { status(401) } else { status(200) })
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl<B> Service<Request<B>> for Server {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let header = request.headers().get("authorization");
        let header = header.map_or("", |header| header.to_str().unwrap()).to_owned();
        let response = (self.rule)(&header);
        self.seen.lock().unwrap().push(header);
        ready(Ok(response))
    }
}

fn status(code: u16) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

fn request(uri: &str) -> Request<&'static str> {
    Request::post(uri).body("body").unwrap()
}

fn fetched() -> (Source, Credentials) {
    let source = Source::living(HOUR);
    let credentials = source.on_clock(&TestClock::new());
    (source, credentials)
}

#[test]
fn the_ready_path_allocates_nothing() {
    #[derive(Clone)]
    struct Nothing;
    impl Service<Request<()>> for Nothing {
        type Response = Response<()>;
        type Error = Infallible;
        type Future = Ready<Result<Response<()>, Infallible>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, request: Request<()>) -> Self::Future {
            assert!(request.headers().contains_key("authorization"));
            ready(Ok(Response::new(())))
        }
    }
    let (_source, credentials) = fetched();
    header(&credentials);
    let mut service = AuthLayer::new(credentials).layer(Nothing);
    let mut requests: Vec<_> = (0..22)
        .map(|_| {
            let mut request = Request::get(URL).body(()).unwrap();
            request.headers_mut().reserve(4);
            request
        })
        .collect();
    let mut call = || {
        let mut context = Context::from_waker(Waker::noop());
        let response = std::pin::pin!(service.call(requests.pop().unwrap()));
        assert!(response.poll(&mut context).is_ready());
    };
    // The second call of a thread makes the copy that the thread keeps. A token that another test replaces meanwhile ends
    // the copy, so one measurement is not enough.
    (0..2).for_each(|_| call());
    let least = (0..20).map(|_| allocation_counter::measure(&mut call).count_total).min();
    assert_eq!(least, Some(0));
}

#[test]
fn another_host_is_an_error_before_anything_is_sent_or_fetched() {
    let (source, credentials) = fetched();
    let server = Server::new(|_| status(200));
    let mut service = AuthLayer::new(credentials).layer(server.clone());
    on_runtime(async {
        for uri in ["https://storage.yandexcloud.net/x", "http://127.0.0.1:1/", "/x"] {
            let error = service.call(request(uri)).await.unwrap_err();
            assert_eq!(error.auth().unwrap().kind(), ErrorKind::Blocked, "{uri}");
            assert!(error.service().is_none());
        }
    });
    assert_eq!((server.seen().len(), source.started()), (0, 0));
}

#[test]
fn a_request_with_its_own_header_passes_unchanged_to_any_host_and_is_not_replayed() {
    let (source, credentials) = fetched();
    let server = Server::new(|_| status(401));
    let mut service = AuthLayer::new(credentials).replay(CloneReplay).layer(server.clone());
    on_runtime(async {
        for uri in [URL, "http://other.example/"] {
            let mut request = request(uri);
            request.headers_mut().insert("authorization", "Basic own".parse().unwrap());
            assert_eq!(service.call(request).await.unwrap().status(), 401);
        }
    });
    assert_eq!(server.seen(), ["Basic own", "Basic own"]);
    assert_eq!(source.started(), 0);
}

#[test]
fn with_the_method_none_requests_go_to_any_host_without_a_header() {
    let credentials =
        Credentials::from(NoAuth::new()).with_system(test_support::system::empty_system(&TestClock::new()));
    let server = Server::new(|_| status(200));
    let mut service = AuthLayer::new(credentials).layer(server.clone());
    on_runtime(async { service.call(request("http://other.example/")).await.unwrap() });
    assert_eq!(server.seen(), [""]);
}

#[test]
fn a_refused_request_is_replayed_once_with_a_newer_token() {
    let grpc = |code: &'static str| {
        move |header: &str| {
            let mut response = status(200);
            if header == "Bearer t1.fake.0" {
                response.headers_mut().insert("grpc-status", code.parse().unwrap());
            }
            response
        }
    };
    for (server, replayed, forbidden) in [
        (Server::refusing_the_first(), true, false),
        (Server::new(grpc("16")), true, false),
        (Server::new(grpc("7")), false, false),
        (Server::new(grpc("7")), true, true),
        (Server::new(|header| status(if header.ends_with('0') { 403 } else { 200 })), false, false),
        (Server::new(|header| status(if header.ends_with('0') { 403 } else { 200 })), true, true),
    ] {
        let (_source, credentials) = fetched();
        let mut layer = AuthLayer::new(credentials).replay(CloneReplay);
        if forbidden {
            layer = layer.refused_on_forbidden();
        }
        on_runtime(async { layer.layer(server.clone()).call(request(URL)).await.unwrap() });
        let all = ["Bearer t1.fake.0", "Bearer t1.fake.1"];
        assert_eq!(server.seen(), &all[..1 + usize::from(replayed)]);
    }
}

#[test]
fn a_second_refusal_is_returned_to_the_caller() {
    let (_source, credentials) = fetched();
    let server = Server::new(|_| status(401));
    let mut service = AuthLayer::new(credentials).replay(CloneReplay).layer(server.clone());
    let response = on_runtime(async { service.call(request(URL)).await.unwrap() });
    assert_eq!(response.status(), 401);
    assert_eq!(server.seen(), ["Bearer t1.fake.0", "Bearer t1.fake.1"]);
}

#[test]
fn the_first_response_is_returned_if_there_is_no_newer_token() {
    let key = Credentials::from(ApiKeyAuth::new("AQVN-fake").unwrap())
        .with_system(test_support::system::empty_system(&TestClock::new()));
    let (source, failing) = fetched();
    header(&failing);
    source.set(|_| Err(test_support::token_source::unavailable().with_retry_after(HOUR)));
    let (_source, off) = fetched();
    for (credentials, limit) in [(key, 1), (failing, 1), (off, 0)] {
        let server = Server::new(|_| status(401));
        let layer = AuthLayer::new(credentials).replay(CloneReplay).replay_limit(limit);
        let response = on_runtime(async { layer.layer(server.clone()).call(request(URL)).await.unwrap() });
        assert_eq!((response.status().as_u16(), server.seen().len()), (401, 1));
    }
}

#[test]
fn a_token_refused_to_64_callers_is_fetched_once_and_each_replays_once() {
    let (source, credentials) = fetched();
    header(&credentials);
    let server = Server::refusing_the_first();
    let service = AuthLayer::new(credentials).replay(CloneReplay).layer(server.clone());
    on_runtime(async {
        let calls: Vec<_> = (0..64)
            .map(|_| {
                let mut service = service.clone();
                tokio::spawn(async move { service.call(request(URL)).await.unwrap().status() })
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.unwrap(), 200);
        }
    });
    let seen = server.seen();
    let first = seen.iter().filter(|header| *header == "Bearer t1.fake.0").count();
    assert_eq!((seen.len() - first, source.started()), (64, 2));
}

#[test]
fn a_deadline_shorter_than_the_fetch_ends_the_wait_but_not_the_fetch() {
    let limit = std::time::Duration::from_millis(500);
    // The deadline of the layer, of the request, and the shorter of both.
    for (by_layer, by_request) in [(Some(limit), None), (None, Some("500m")), (Some(HOUR), Some("500m"))] {
        let (clock, source) = (TestClock::new(), Source::living(HOUR));
        source.hold();
        let credentials = source.on_clock(&clock);
        let server = Server::new(|_| status(200));
        let mut layer = AuthLayer::new(credentials.clone());
        let mut request = request(URL);
        if let Some(limit) = by_layer {
            layer = layer.deadline(limit);
        }
        if let Some(text) = by_request {
            request.headers_mut().insert("grpc-timeout", text.parse().unwrap());
        }
        let error = on_runtime(async {
            let call = tokio::spawn(layer.layer(server.clone()).call(request));
            // The timer of the fetch, and the timer of the caller.
            tokio::task::block_in_place(|| clock.wait_for_sleepers(2));
            clock.advance(limit);
            call.await.unwrap().unwrap_err()
        });
        assert_eq!(error.auth().unwrap().kind(), ErrorKind::Unavailable, "{error}");
        assert_eq!((server.seen().len(), source.ended()), (0, 0), "the fetch continues");
        source.release();
        assert_eq!((header(&credentials).as_str(), source.started()), ("Bearer t1.fake.0", 1));
    }
}

#[test]
fn the_wait_for_a_header_is_taken_off_the_timeout_by_the_clock_of_the_credentials() {
    let (clock, source) = (TestClock::new(), Source::living(HOUR));
    source.hold();
    let client = tower::service_fn(|request: Request<&'static str>| {
        let timeout = request.headers()["grpc-timeout"].to_str().unwrap().to_owned();
        ready(Ok::<_, Infallible>(Response::new(timeout)))
    });
    let mut service = AuthLayer::new(source.on_clock(&clock)).layer(client);
    let mut request = request(URL);
    request.headers_mut().insert("grpc-timeout", "10S".parse().unwrap());
    let response = on_runtime(async {
        let call = tokio::spawn(service.call(request));
        // The timer of the fetch, and the timer of the caller.
        tokio::task::block_in_place(|| clock.wait_for_sleepers(2));
        clock.advance(std::time::Duration::from_secs(4));
        source.release();
        call.await.unwrap().unwrap()
    });
    assert_eq!(response.body(), "6000000u", "6 s of the 10 s are left");
}

#[test]
fn a_fetch_continues_after_its_call_is_dropped_and_nothing_is_sent() {
    let (source, credentials) = fetched();
    source.hold();
    let server = Server::new(|_| status(200));
    on_runtime(async {
        let call = tokio::spawn(AuthLayer::new(credentials.clone()).layer(server.clone()).call(request(URL)));
        until("the fetch runs", || source.started() == 1);
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    });
    source.release();
    assert_eq!(header(&credentials), "Bearer t1.fake.0");
    assert_eq!((server.seen().len(), source.started()), (0, 1));
}

type AnyBody = UnsyncBoxBody<Bytes, Infallible>;

fn any_body(body: TeeBody<AnyBody>) -> AnyBody {
    body.boxed_unsync()
}

/// A server that reads the whole body, then refuses the first token.
#[derive(Clone, Default)]
struct Reader {
    bodies: Arc<Mutex<Vec<usize>>>,
}

impl Service<Request<AnyBody>> for Reader {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<()>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<AnyBody>) -> Self::Future {
        let bodies = Arc::clone(&self.bodies);
        Box::pin(async move {
            let refused = request.headers()["authorization"] == "Bearer t1.fake.0";
            let body = request.into_body().collect().await.unwrap();
            bodies.lock().unwrap().push(body.to_bytes().len());
            Ok(status(if refused { 401 } else { 200 }))
        })
    }
}

#[test]
fn a_streamed_body_is_replayed_up_to_the_limit_and_only_without_trailers() {
    for (size, trailers, again) in
        [(1000, false, true), (1001, false, false), (100_000, false, false), (10, true, false)]
    {
        let (_source, credentials) = fetched();
        let reader = Reader::default();
        let layer =
            AuthLayer::new(credentials).replay(TeeReplay::<AnyBody>::new(any_body)).replay_limit(1000);
        let body = Full::new(Bytes::from(vec![b'x'; size]));
        let body = match trailers {
            true => body.with_trailers(async { Some(Ok(http::HeaderMap::new())) }).boxed_unsync(),
            false => body.boxed_unsync(),
        };
        let request = Request::post(URL).body(body).unwrap();
        let response = on_runtime(async { layer.layer(reader.clone()).call(request).await.unwrap() });
        let sent = reader.bodies.lock().unwrap().clone();
        assert_eq!(response.status(), if again { 200 } else { 401 }, "{size} {trailers}");
        assert_eq!(sent, vec![size; 1 + usize::from(again)]);
    }
}

#[test]
fn empty_frames_of_a_streamed_body_are_not_recorded() {
    struct Empty(usize);
    impl http_body::Body for Empty {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
            self.0 = self.0.saturating_sub(1);
            Poll::Ready((self.0 > 0).then(|| Ok(http_body::Frame::data(Bytes::new()))))
        }
    }
    /// Reads and discards the body, as a connection does.
    #[derive(Clone)]
    struct Connection;
    impl Service<Request<AnyBody>> for Connection {
        type Response = Response<()>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Response<()>, Infallible>> + Send>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, request: Request<AnyBody>) -> Self::Future {
            Box::pin(async move {
                let mut body = request.into_body();
                while body.frame().await.is_some() {}
                Ok(status(200))
            })
        }
    }
    let (_source, credentials) = fetched();
    header(&credentials);
    let layer = AuthLayer::new(credentials).replay(TeeReplay::<AnyBody>::new(any_body));
    let request = Request::post(URL).body(Empty(100_000).boxed_unsync()).unwrap();
    let kept = allocation_counter::measure(|| {
        let mut service = layer.layer(Connection);
        let response = futures_util::FutureExt::now_or_never(service.call(request));
        assert!(response.is_some());
    });
    assert!(kept.bytes_max < 10_000, "{kept:?}");
}

#[test]
fn concurrent_first_calls_share_one_fetch() {
    let (source, credentials) = fetched();
    source.hold();
    let server = Server::new(|_| status(200));
    let service = AuthLayer::new(credentials.clone()).layer(server.clone());
    on_runtime(async {
        let calls: Vec<_> = (0..16)
            .map(|_| {
                let mut service = service.clone();
                tokio::spawn(async move { service.call(request(URL)).await.unwrap().status() })
            })
            .collect();
        until("all wait", || credentials.counters().waited == 16);
        source.release();
        for call in calls {
            assert_eq!(call.await.unwrap(), 200);
        }
    });
    assert_eq!((source.started(), server.seen().len()), (1, 16));
}

#[test]
fn an_error_of_the_layer_is_a_tonic_status() {
    for (kind, code) in [
        (ErrorKind::Unavailable, tonic::Code::Unavailable),
        (ErrorKind::Refused, tonic::Code::Unauthenticated),
        (ErrorKind::Expired, tonic::Code::Unauthenticated),
        (ErrorKind::Invalid, tonic::Code::Unauthenticated),
        (ErrorKind::NotConfigured, tonic::Code::Unauthenticated),
    ] {
        let source = Source::new(move |_| {
            Err(yandex_cloud_auth::Error::new(kind, "no token").with_help("do this").with_retry_after(HOUR))
        });
        let mut service =
            AuthLayer::new(source.on_clock(&TestClock::new())).layer(Server::new(|_| status(200)));
        let error = on_runtime(async { service.call(request(URL)).await.unwrap_err() });
        let status = tonic::Status::from_error(Box::new(error));
        assert_eq!(status.code(), code, "{kind:?}");
        assert!(status.message().contains("no token (do this)"), "{}", status.message());
    }
}
