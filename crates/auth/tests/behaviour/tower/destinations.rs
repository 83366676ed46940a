//! Which requests get a header, and what the header costs.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::task::{Context, Poll, Waker};

use super::{Server, URL, fetched, request, status};
use http::{Request, Response};
use test_support::token_source::header;
use test_support::wait::on_runtime;
use tower_layer::Layer;
use tower_service::Service;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::tower::{AuthLayer, CloneReplay};
use yandex_cloud_auth::{Credentials, ErrorKind, NoAuth};

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
