//! The layer in front of async-openai, over sockets: which header is sent, replays, retries outside of the layer, errors.

use std::time::Duration;

use crate::support::{fetched, loopback_client, refusing_first_token};
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use async_openai::middleware::retry::OpenAIRetryLayer;
use async_openai::types::embeddings::CreateEmbeddingRequestArgs;
use bytes::Bytes;
use reqwest::{Body, Method, Request};
use test_support::http_server::{Reply, Server};
use test_support::token_source::{Source, header};
use test_support::wait::{HOUR, on_runtime};
use tower_layer::Layer;
use tower_service::Service;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::tower::AuthLayer;
use yandex_cloud_auth::{Credentials, Error, ErrorKind, NoAuth};

/// Requests with the key of a configuration and a streamed body.
fn factory(url: &str, timeout: Option<Duration>) -> HttpRequestFactory {
    let url: reqwest::Url = url.parse().unwrap();
    HttpRequestFactory::new(move || {
        let mut request = Request::new(Method::POST, url.clone());
        request.headers_mut().insert("authorization", "Bearer sk-openai".parse().unwrap());
        *request.timeout_mut() = timeout;
        let part = Ok::<_, std::io::Error>(Bytes::from_static(b"streamed"));
        *request.body_mut() = Some(Body::wrap_stream(futures_util::stream::iter([part])));
        async { Ok(request) }
    })
}

fn kind(error: &OpenAIError) -> ErrorKind {
    let OpenAIError::Boxed(error) = error else { panic!("{error}") };
    error.downcast_ref::<Error>().unwrap().kind()
}

#[test]
fn calls_carry_the_header_of_the_credentials_and_never_the_key_of_the_configuration() {
    let (_source, credentials) = fetched();
    let server = Server::start(|request, _| {
        assert_eq!(request.path(), "/v1/embeddings");
        let body = r#"{"object":"list","model":"m","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"usage":{"prompt_tokens":1,"total_tokens":1}}"#;
        Reply::body(200, body).with("content-type", "application/json")
    });
    let config = OpenAIConfig::new().with_api_base(server.at("/v1"));
    for key in ["", "sk-openai"] {
        let service = AuthLayer::new(credentials.clone()).allow_loopback().openai_service(loopback_client());
        let client = async_openai::Client::build(loopback_client(), config.clone().with_api_key(key));
        let client = client.with_http_service(service);
        let request = CreateEmbeddingRequestArgs::default().model("m").input("x").build().unwrap();
        let response = on_runtime(async { client.embeddings().create(request).await.unwrap() });
        assert_eq!(response.data[0].embedding, [0.5]);
    }
    assert_eq!(server.authorizations(), ["Bearer t1.fake.0", "Bearer t1.fake.0"]);
}

#[test]
fn the_method_none_sends_no_header_and_a_skipped_host_gets_the_key_of_the_configuration() {
    let (source, credentials) = fetched();
    let none =
        Credentials::from(NoAuth::new()).with_system(test_support::system::empty_system(&TestClock::new()));
    let server = Server::always(Reply::status(200));
    on_runtime(async {
        for layer in [AuthLayer::new(none), AuthLayer::new(credentials).skip_other_hosts()] {
            layer.openai_service(loopback_client()).call(factory(&server.at("/"), None)).await.unwrap();
        }
    });
    assert_eq!(server.authorizations(), ["", "Bearer sk-openai"]);
    assert_eq!(source.started(), 0);
}

#[test]
fn another_host_is_an_error_before_anything_is_sent_or_fetched() {
    let (source, credentials) = fetched();
    let server = Server::always(Reply::status(200));
    let mut service = AuthLayer::new(credentials).openai_service(loopback_client());
    let error = on_runtime(async { service.call(factory(&server.at("/"), None)).await.unwrap_err() });
    assert_eq!(kind(&error), ErrorKind::Blocked);
    assert_eq!((server.requests().len(), source.started()), (0, 0));
}

#[test]
fn a_refused_request_is_replayed_once_also_with_a_streamed_body() {
    for (server, limit, status, sent) in [
        (refusing_first_token(), 1, 200, 2),
        (Server::always(Reply::status(401)), 1, 401, 2),
        (refusing_first_token(), 0, 401, 1),
    ] {
        let (_source, credentials) = fetched();
        let layer = AuthLayer::new(credentials.clone()).allow_loopback().replay_limit(limit);
        let mut service = layer.openai_service(loopback_client());
        let response = on_runtime(async { service.call(factory(&server.at("/"), None)).await.unwrap() });
        assert_eq!(response.status(), status);
        assert_eq!(server.authorizations(), &["Bearer t1.fake.0", "Bearer t1.fake.1"][..sent]);
        assert!(server.requests().iter().all(|request| request.body == b"streamed"));
        assert_ne!(header(&credentials), "Bearer t1.fake.0", "the refused token was dropped");
    }
}

#[test]
fn each_outer_retry_has_its_own_header_and_errors_of_the_layer_are_not_retried() {
    let (source, credentials) = fetched();
    let own = credentials.clone();
    let server = Server::start(move |request, _| {
        if request.authorization() != "Bearer t1.fake.0" {
            return Reply::status(200);
        }
        // The retry finds a newer token.
        own.invalidate(&own.snapshot().unwrap());
        Reply::status(503).with("retry-after", "0")
    });
    let layer = AuthLayer::new(credentials.clone()).allow_loopback();
    let mut service = OpenAIRetryLayer::default().layer(layer.openai_service(loopback_client()));
    on_runtime(async {
        let response = service.call(factory(&server.at("/"), None)).await.unwrap();
        assert_eq!(response.status(), 200);
        // The server asks for a pause that is longer than the call has, so the call fails at once.
        source.set(|_| Err(test_support::token_source::unavailable().with_retry_after(HOUR)));
        credentials.invalidate(&credentials.snapshot().unwrap());
        let error = service.call(factory(&server.at("/"), None)).await.unwrap_err();
        assert_eq!(kind(&error), ErrorKind::Unavailable);
    });
    assert_eq!(server.authorizations(), ["Bearer t1.fake.0", "Bearer t1.fake.1"]);
    assert_eq!(source.started(), 3);
}

#[test]
fn the_timeout_of_a_request_limits_the_wait_for_a_header() {
    let (clock, source) = (TestClock::new(), Source::living(HOUR));
    source.hold();
    let layer = AuthLayer::new(source.on_clock(&clock));
    let url = "https://ai.api.cloud.yandex.net/v1/models";
    let error = on_runtime(async {
        let factory = factory(url, Some(Duration::from_secs(1)));
        let call = tokio::spawn(layer.openai_service(loopback_client()).call(factory));
        // The timer of the fetch, and the timer of the caller.
        tokio::task::block_in_place(|| clock.wait_for_sleepers(2));
        clock.advance(Duration::from_secs(1));
        call.await.unwrap().unwrap_err()
    });
    assert_eq!(kind(&error), ErrorKind::Unavailable);
    assert_eq!((source.started(), source.ended()), (1, 0), "the fetch continues for other callers");
}
