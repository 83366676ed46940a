//! Faults of production, over sockets: refused and revoked tokens, unavailable servers, cut streams, refused uploads.

use crate::fixture::{InstantClock, model_list, sdk_mapped, test_system};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use test_support::http_server::{Reply, Server};
use test_support::token_source::Source;
use yandex_ai_studio_sdk::auth::Credentials;
use yandex_ai_studio_sdk::{AiStudio, ErrorKind};
use yandex_cloud_emulator::{Emulator, Fault, Service};

/// An SDK with these tokens, and a server that refuses the first token.
async fn refusing_the_first() -> (Server, AiStudio, Source) {
    let server = Server::start(|request, _| match request.header("authorization") {
        Some("Bearer t1.fake.0") => Reply::body(401, r#"{"message":"The token has expired"}"#),
        _ => model_list(),
    });
    let (tokens, system) = (Source::counting(), test_system([]).with_clock(InstantClock::default()));
    let credentials = Credentials::from_source(tokens.clone()).with_system(system.clone());
    let sdk = sdk_mapped(&server.url()).system(system).auth(credentials).build().unwrap();
    (server, sdk, tokens)
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_request_is_sent_again() {
    let (server, sdk, tokens) = refusing_the_first().await;
    sdk.chat().models().await.unwrap();
    let seen = server.requests();
    let headers: Vec<_> = seen.iter().map(|request| request.header("authorization").unwrap()).collect();
    assert_eq!(headers, ["Bearer t1.fake.0", "Bearer t1.fake.1"]);
    assert_eq!(seen[0].header("x-client-request-id"), seen[1].header("x-client-request-id"));
    assert_eq!(seen[1].header("x-retry-attempt"), None, "not an attempt of the policy");
    assert_eq!(tokens.started(), 2);
}

#[tokio::test]
async fn a_token_refused_twice_is_an_error_and_is_not_retried() {
    let server = Server::always(Reply::status(401));
    let system = test_system([]).with_clock(InstantClock::default());
    let credentials = Credentials::from_source(Source::counting()).with_system(system.clone());
    let sdk = sdk_mapped(&server.url()).system(system).auth(credentials).build().unwrap();
    let error = sdk.chat().models().await.unwrap_err();
    assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Refused, 401));
    assert_eq!((server.requests().len(), error.attempts()), (2, 1));
}

#[tokio::test]
async fn a_token_revoked_under_64_callers_is_fetched_once_and_each_replays_once() {
    let cloud = Emulator::start().await.unwrap();
    let metadata = cloud.metadata_addr().to_string();
    let sdk = AiStudio::builder()
        .system(test_system([("YC_METADATA_ADDR", metadata.as_str())]))
        .folder_id(cloud.folder_id())
        .endpoint(cloud.api_url())
        .build()
        .unwrap();
    let all = || join_all((0..64).map(|_| async { sdk.chat().completions("yandexgpt").run("hello").await }));
    assert!(all().await.into_iter().all(|response| response.is_ok()));
    let before = cloud.counters().snapshot();
    assert_eq!((before.tokens_issued, before.unauthenticated), (1, 0));

    let header = sdk.credentials().header().await.unwrap().unwrap();
    cloud.revoke_iam_token(header.to_str().unwrap().strip_prefix("Bearer ").unwrap()).unwrap();
    // The server refuses when all calls have sent their requests.
    cloud.faults().add(Fault::latency(Duration::from_millis(100)).on(Service::Ai));
    for response in all().await {
        assert!(response.unwrap().text().contains("hello"));
    }
    let after = cloud.counters().snapshot();
    assert_eq!(after.tokens_issued, 2, "one fetch for all calls");
    assert!(after.unauthenticated > 1, "several calls were refused");
    let requests = after.services[&Service::Ai] - before.services[&Service::Ai];
    assert_eq!(requests, 64 + after.unauthenticated, "one second request for each refused call");
}

#[tokio::test]
async fn a_call_succeeds_at_the_third_attempt() {
    let cloud = Emulator::start().await.unwrap();
    cloud.faults().add(Fault::status(503).on(Service::Ai).times(2));
    let clock = InstantClock::default();
    let sdk = sdk_mapped(&cloud.api_url())
        .system(test_system([]).with_clock(clock.clone()))
        .folder_id(cloud.folder_id())
        .auth(cloud.api_key())
        .build()
        .unwrap();
    assert!(sdk.models().completions("yandexgpt").run("hello").await.unwrap().text().contains("hello"));
    assert_eq!(clock.slept(), [1000, 1500]);
    assert_eq!(cloud.counters().requests(Service::Ai), 3);
}

#[tokio::test]
async fn a_cut_stream_is_an_error_and_is_not_repeated() {
    let partial = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n";
    let grown = r#"{"result":{"alternatives":[{"message":{"role":"assistant","text":"one"},"status":"ALTERNATIVE_STATUS_PARTIAL"}]}}"#;
    let server = Server::start(move |request, _| {
        let body = if request.line().ends_with("/chat/completions") { partial } else { grown };
        Reply::body(200, body).cut()
    });
    let sdk = sdk_mapped(&server.url())
        .system(test_system([]).with_clock(InstantClock::default()))
        .build()
        .unwrap();

    let mut stream = sdk.chat().completions("yandexgpt").run_stream("hello").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().text(), "one");
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(stream.next().await.is_none());
    assert_eq!(server.requests().len(), 1);

    let mut stream = sdk.models().completions("yandexgpt").run_stream("hello").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().text(), "one");
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(stream.next().await.is_none());
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_refused_streaming_upload_is_not_repeated_and_the_next_request_has_a_new_token() {
    const PIECE: Bytes = Bytes::from_static(&[b'x'; 64 << 10]);
    const PIECES: usize = 256;
    let (server, sdk, tokens) = refusing_the_first().await;
    let http = sdk.http().await.unwrap();
    let upload = || {
        let pieces = std::iter::repeat_n(PIECE, PIECES).map(Ok::<_, std::io::Error>);
        http.get_ref()
            .post(format!("{}/upload", server.url()))
            .header("content-length", PIECES * PIECE.len())
            .body(reqwest::Body::wrap_stream(futures_util::stream::iter(pieces)))
    };
    assert_eq!(http.send(upload()).await.unwrap().status(), 401, "a streamed body cannot be sent again");
    assert_eq!(server.requests().len(), 1);
    assert_eq!(http.send(upload()).await.unwrap().status(), 200);
    let seen = server.requests();
    assert!(seen.iter().all(|request| request.body.len() == PIECES * PIECE.len()));
    assert_eq!(seen[1].header("authorization"), Some("Bearer t1.fake.1"));
    assert_eq!(tokens.started(), 2);
}

#[tokio::test]
async fn dropping_a_call_closes_its_connection_and_affects_no_other_call() {
    let server = Server::start(|request, _| match request.line() {
        "GET /v1/models" => model_list(),
        _ => Reply::silence(),
    });
    let sdk = sdk_mapped(&server.url()).build().unwrap();
    let dropped = sdk.clone();
    let call = tokio::spawn(async move { dropped.chat().completions("yandexgpt").run("hello").await });
    server.wait_for(1).await;
    sdk.chat().models().await.unwrap();
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    server.wait_for_closed(1).await;
    sdk.chat().models().await.unwrap();
    assert_eq!((server.requests().len(), server.connections()), (3, 2));
}
