//! Requests that wait for a header: the fetch, the deadline, and the error.

use std::convert::Infallible;
use std::future::ready;

use super::{Server, URL, fetched, request, status};
use http::{Request, Response};
use test_support::token_source::{Source, header};
use test_support::wait::{HOUR, on_runtime, until};
use tower_layer::Layer;
use tower_service::Service;
use yandex_cloud_auth::ErrorKind;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::tower::AuthLayer;

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
