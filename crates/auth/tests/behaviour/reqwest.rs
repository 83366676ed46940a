//! The layer in front of reqwest, over sockets: requests and responses, replays, deadlines and redirects.

use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::support::{fetched, loopback_client, refusing_first_token};
use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::{Body, Request, Response};
use test_support::http_server::{Reply, Server};
use test_support::token_source::{Source, header};
use test_support::wait::{HOUR, on_runtime, until};
use tower_layer::Layer;
use tower_service::Service;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::tower::{AuthClient, AuthLayer};
use yandex_cloud_auth::{Credentials, ErrorKind, NoAuth};

fn near(credentials: Credentials) -> AuthClient {
    AuthLayer::new(credentials).allow_loopback().client(loopback_client())
}

fn post(url: &str, body: impl Into<Body>) -> Request {
    loopback_client().post(url).body(body).build().unwrap()
}

fn streamed(parts: &[&'static str]) -> Body {
    let parts: Vec<_> = parts.iter().map(|part| Ok::<_, std::io::Error>(Bytes::from(*part))).collect();
    Body::wrap_stream(futures_util::stream::iter(parts))
}

#[test]
fn requests_carry_the_header_and_streams_pass_both_ways() {
    let (_source, credentials) = fetched();
    let server = Server::always(Reply::chunks(["one", "two"]));
    let text = on_runtime(async {
        let response =
            near(credentials).execute(post(&server.at("/x"), streamed(&["a", "bc"]))).await.unwrap();
        assert_eq!(response.url().path(), "/x");
        let chunks: Vec<_> = response.bytes_stream().map(Result::unwrap).collect().await;
        chunks.concat()
    });
    assert_eq!(text, b"onetwo");
    assert_eq!(server.requests()[0].body, b"abc");
    assert_eq!(server.authorizations(), ["Bearer t1.fake.0"]);
}

#[test]
fn another_host_is_an_error_before_anything_is_sent_or_fetched() {
    let (source, credentials) = fetched();
    let server = Server::always(Reply::status(200));
    let client = AuthLayer::new(credentials).client(loopback_client());
    on_runtime(async {
        for url in
            [server.at("/"), format!("http://api.cloud.yandex.net@127.0.0.1:{}/", server.address().port())]
        {
            let request = Request::new(reqwest::Method::GET, url.parse().unwrap());
            let error = client.execute(request).await.unwrap_err();
            assert_eq!(error.auth().unwrap().kind(), ErrorKind::Blocked, "{url}");
        }
        let error = client.execute(post("https://{{host}}/", "")).await.unwrap_err();
        assert_eq!(error.auth().unwrap().kind(), ErrorKind::Invalid, "no URL that can be sent to");
    });
    assert_eq!((server.requests().len(), source.started()), (0, 0));
}

#[test]
fn a_complete_body_is_replayed_up_to_the_limit_and_a_stream_is_not() {
    for (body, again) in [
        (Body::from("x".repeat(1000)), true),
        (Body::from("x".repeat(1001)), false),
        (streamed(&["x"]), false),
    ] {
        let (_source, credentials) = fetched();
        let server = refusing_first_token();
        let client =
            AuthLayer::new(credentials.clone()).allow_loopback().replay_limit(1000).client(loopback_client());
        let response =
            on_runtime(async { client.execute(post(&server.at("/"), body)).await.unwrap().status() });
        assert_eq!(response, if again { 200 } else { 401 });
        let seen = server.requests();
        assert_eq!(seen.len(), 1 + usize::from(again));
        assert!(seen.iter().all(|request| request.body == seen[0].body));
        assert_eq!(header(&credentials), "Bearer t1.fake.1", "the refused token was dropped");
    }
}

#[test]
fn a_redirect_to_another_host_loses_the_header_and_its_401_is_no_refusal_of_the_token() {
    let elsewhere = Server::always(Reply::status(401));
    // Another port counts as another host, and so does another name of the same computer.
    for target in [elsewhere.at("/"), format!("http://localhost:{}/", elsewhere.address().port())] {
        let (source, credentials) = fetched();
        let server = Server::always(Reply::redirect(&target));
        // Only the first host is allowed.
        let client = AuthLayer::new(credentials.clone())
            .allow_host(format!("127.0.0.1:{}", server.address().port()))
            .unwrap()
            .danger_allow_plaintext()
            .client(loopback_client());
        let status = on_runtime(async { client.execute(post(&server.at("/"), "x")).await.unwrap().status() });
        assert_eq!(status, 401);
        assert_eq!(server.authorizations(), ["Bearer t1.fake.0"]);
        assert_eq!(source.started(), 1, "the token is kept");
        assert_eq!(header(&credentials), "Bearer t1.fake.0");
    }
    assert_eq!(elsewhere.authorizations(), ["", ""]);
}

#[test]
fn a_redirect_on_the_same_host_keeps_the_header() {
    let (_source, credentials) = fetched();
    let server =
        Server::start(
            |request, _| if request.path() == "/old" { Reply::redirect("/new") } else { Reply::status(200) },
        );
    let status = on_runtime(async {
        near(credentials).execute(post(&server.at("/old"), "x")).await.unwrap().status()
    });
    assert_eq!(status, 200);
    assert_eq!(server.authorizations(), ["Bearer t1.fake.0", "Bearer t1.fake.0"]);
}

/// A client that responds with the timeout of the request, in nanoseconds.
#[derive(Clone)]
struct TimeoutEcho;

impl Service<Request> for TimeoutEcho {
    type Response = Response;
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let left = request.timeout().map_or(0, Duration::as_nanos);
        ready(Ok(http::Response::new(left.to_string()).into()))
    }
}

#[test]
fn the_timeout_of_a_request_limits_the_wait_for_a_header_and_is_shortened_by_it() {
    let (clock, source) = (TestClock::new(), Source::living(HOUR));
    source.hold();
    let credentials = source.on_clock(&clock);
    let server = Server::always(Reply::status(200));
    on_runtime(async {
        let mut request = post(&server.at("/"), "x");
        *request.timeout_mut() = Some(Duration::from_millis(20));
        let client = near(credentials.clone());
        let call = tokio::spawn(async move { client.execute(request).await });
        // The timer of the fetch, and the timer of the caller.
        tokio::task::block_in_place(|| clock.wait_for_sleepers(2));
        clock.advance(Duration::from_millis(20));
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.auth().unwrap().kind(), ErrorKind::Unavailable);
        assert_eq!(
            (server.requests().len(), source.ended()),
            (0, 0),
            "the fetch continues for other callers"
        );

        let mut request = post("https://ai.api.cloud.yandex.net/", "x");
        *request.timeout_mut() = Some(HOUR);
        let mut service = AuthLayer::new(credentials.clone()).layer(TimeoutEcho);
        let call = tokio::spawn(async move { service.call(request).await });
        until("the call waits", || credentials.counters().waited == 2);
        clock.advance(Duration::from_secs(2));
        source.release();
        let left: u128 = call.await.unwrap().unwrap().text().await.unwrap().parse().unwrap();
        assert_eq!(left, (HOUR - Duration::from_secs(2)).as_nanos());
    });
    assert_eq!(source.started(), 1);
}

#[test]
fn the_callers_header_passes_and_the_method_none_sends_no_header() {
    let (source, credentials) = fetched();
    let server = Server::always(Reply::status(401));
    let none =
        Credentials::from(NoAuth::new()).with_system(test_support::system::empty_system(&TestClock::new()));
    on_runtime(async {
        let own = loopback_client().get(server.at("/")).header("authorization", "Basic own");
        AuthLayer::new(credentials).client(loopback_client()).send(own).await.unwrap();
        AuthLayer::new(none)
            .client(loopback_client())
            .send(loopback_client().get(server.at("/")))
            .await
            .unwrap();
    });
    assert_eq!(server.authorizations(), ["Basic own", ""]);
    assert_eq!(source.started(), 0);
}

#[test]
fn authorize_adds_the_header_to_an_allowed_request_and_leaves_another_unchanged() {
    let (source, credentials) = fetched();
    let layer = AuthLayer::new(credentials);
    on_runtime(async {
        let mut request = post("https://other.example/", "x");
        assert_eq!(layer.authorize(&mut request).await.unwrap_err().kind(), ErrorKind::Blocked);
        assert_eq!((request.headers().contains_key("authorization"), source.started()), (false, 0));

        let mut request = post("https://llm.api.cloud.yandex.net/", "x");
        layer.authorize(&mut request).await.unwrap();
        assert_eq!(request.headers()["authorization"], "Bearer t1.fake.0");
        assert!(request.headers()["authorization"].is_sensitive());
    });
}

#[test]
fn a_builder_without_a_request_is_an_error_of_reqwest() {
    let (source, credentials) = fetched();
    let error =
        on_runtime(async { near(credentials).send(loopback_client().get("not a url")).await.unwrap_err() });
    assert!(error.service().unwrap().is_builder());
    assert_eq!(source.started(), 0);
}
