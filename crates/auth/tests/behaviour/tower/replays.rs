//! What happens when a server refuses the token.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::{Server, URL, fetched, request, status};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use test_support::token_source::header;
use test_support::wait::{HOUR, on_runtime};
use tower_layer::Layer;
use tower_service::Service;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::tower::{AuthLayer, CloneReplay, TeeBody, TeeReplay};
use yandex_cloud_auth::{ApiKeyAuth, Credentials};

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
