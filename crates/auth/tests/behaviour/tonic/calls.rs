//! Calls of each kind, channels, an interceptor, and deadlines.

use std::time::Duration;

use super::{Echo, Refusing, Running, Text, all, fetched, path, text, unary, upload, words};
use futures_util::stream;
use test_support::token_source::{Source, header};
use test_support::wait::{HOUR, on_runtime};
use tonic::client::Grpc;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::tower::{AuthChannel, AuthInterceptor, AuthLayer};
use yandex_cloud_auth::{Error, ErrorKind};

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
