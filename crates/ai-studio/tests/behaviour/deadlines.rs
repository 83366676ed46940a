//! One deadline for a call, on the clock of the system: for the folder, the token, the attempts, the waits, the response.

use crate::fixture::{model_list, sdk_mapped, test_system};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use test_support::http_server::{Reply, Server};
use test_support::wait::soon;
use tokio::sync::{Notify, Semaphore};
use yandex_ai_studio_sdk::auth::system::{BoxFuture, HttpError, HttpOptions, HttpTransport};
use yandex_ai_studio_sdk::auth::testing::TestClock;
use yandex_ai_studio_sdk::auth::{self, Credentials, System, Token, TokenSource};
use yandex_ai_studio_sdk::{AiStudio, Error, ErrorKind};

/// The deadline of the list of models.
const LIMIT: Duration = Duration::from_secs(60);

/// A token source that returns its token when the test says so.
#[derive(Clone)]
struct Slow {
    requests: Arc<AtomicUsize>,
    started: Arc<Notify>,
    release: Arc<Semaphore>,
}

impl Slow {
    fn new() -> Self {
        Self { requests: Arc::default(), started: Arc::default(), release: Arc::new(Semaphore::new(0)) }
    }
}

impl TokenSource for Slow {
    fn fetch<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<Token, auth::Error>> {
        Box::pin(async {
            let number = self.requests.fetch_add(1, Ordering::Relaxed);
            self.started.notify_one();
            let _ = self.release.acquire().await;
            Token::new(format!("t1.fake.{number}"))
        })
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(3600)
    }
}

fn spawn(sdk: &AiStudio) -> tokio::task::JoinHandle<Result<(), Error>> {
    let sdk = sdk.clone();
    tokio::spawn(async move { sdk.chat().models().await.map(drop) })
}

#[tokio::test]
async fn waits_for_a_silent_server_until_the_deadline() {
    let server = Server::always(Reply::silence());
    let clock = TestClock::new();
    let sdk = sdk_mapped(&server.url()).system(test_system([]).with_clock(clock.clone())).build().unwrap();
    let call = spawn(&sdk);
    server.wait_for(1).await;
    clock.advance(LIMIT - Duration::from_millis(1));
    tokio::task::yield_now().await;
    assert!(!call.is_finished());
    clock.advance(Duration::from_millis(1));
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 1));
    assert!(error.is_transient() && error.to_string().contains("no response after 60 s"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn all_attempts_share_the_deadline() {
    let server = Server::start(|_, before| match before {
        0 => Reply::body(503, r#"{"message":"no backend"}"#),
        _ => Reply::silence(),
    });
    let clock = TestClock::new();
    let sdk = sdk_mapped(&server.url()).system(test_system([]).with_clock(clock.clone())).build().unwrap();
    let call = spawn(&sdk);
    server.wait_for(1).await;
    // The deadline, and the wait before the second attempt.
    let waiting = clock.clone();
    tokio::task::spawn_blocking(move || waiting.wait_for_sleepers(2)).await.unwrap();
    clock.advance(Duration::from_secs(1));
    server.wait_for(2).await;
    clock.advance(LIMIT - Duration::from_secs(1));
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 2));
    assert!(error.to_string().contains("no backend"), "the error names the previous failure: {error}");
}

#[tokio::test]
async fn a_slow_token_counts_towards_the_deadline_and_its_fetch_serves_the_next_call() {
    let server = Server::always(model_list());
    let clock = TestClock::new();
    let system = test_system([]).with_clock(clock.clone());
    let source = Slow::new();
    let credentials = Credentials::from_source(source.clone()).with_system(system.clone());
    let sdk = sdk_mapped(&server.url()).system(system).auth(credentials).build().unwrap();
    let call = spawn(&sdk);
    soon(source.started.notified()).await;
    clock.advance(LIMIT);
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("no token after 60 s"), "{error}");
    assert_eq!(server.connections(), 0);

    source.release.add_permits(1);
    soon(spawn(&sdk)).await.unwrap().unwrap();
    assert_eq!(source.requests.load(Ordering::Relaxed), 1, "one fetch for both calls");
    assert_eq!(server.requests()[0].header("authorization"), Some("Bearer t1.fake.0"));
}

#[tokio::test]
async fn a_stream_that_stops_sending_ends_at_the_deadline() {
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n";
    let server = Server::always(Reply::chunks([event]).then_silence());
    let clock = TestClock::new();
    let sdk = sdk_mapped(&server.url()).system(test_system([]).with_clock(clock.clone())).build().unwrap();
    let completions = sdk.chat().completions("yandexgpt").timeout(Duration::from_secs(30));
    let mut stream = completions.run_stream("hello").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().text(), "one");
    clock.advance(Duration::from_secs(30));
    let error = soon(stream.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("30s") && error.client_request_id().is_some(), "{error}");
    assert!(stream.next().await.is_none());
    assert_eq!(server.requests().len(), 1);
}

/// A metadata service that returns the folder when the test says so.
#[derive(Clone)]
struct Metadata {
    requests: Arc<AtomicUsize>,
    release: Arc<Semaphore>,
}

impl HttpTransport for Metadata {
    fn send(
        &self,
        _: http::Request<Vec<u8>>,
        _: HttpOptions,
    ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, HttpError>> {
        Box::pin(async {
            self.requests.fetch_add(1, Ordering::Relaxed);
            let _ = self.release.acquire().await;
            Ok(http::Response::new(b"b1gmetadata".to_vec()))
        })
    }
}

#[tokio::test]
async fn the_folder_search_counts_towards_each_deadline_and_continues_for_other_calls() {
    let response = r#"{"choices":[{"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
    let server = Server::always(Reply::body(200, response));
    let metadata = Metadata { requests: Arc::default(), release: Arc::new(Semaphore::new(0)) };
    let clock = TestClock::new();
    let system = test_system([]).with_clock(clock.clone()).with_http(metadata.clone());
    let sdk = sdk_mapped(&server.url()).system(system).folder_id("").build().unwrap();
    let second = Duration::from_secs(1);

    let chat = sdk.chat().completions("yandexgpt").timeout(second);
    let native = sdk.models().completions("yandexgpt").timeout(second);
    let embeddings = (
        sdk.chat().text_embeddings("doc").timeout(second),
        sdk.models().text_embeddings("doc").timeout(second),
    );
    let hasty = futures_util::future::join_all([
        Box::pin(async { chat.run("hello").await.map(drop) }) as BoxFuture<'_, Result<(), Error>>,
        Box::pin(async { chat.run_stream("hello").await.map(drop) }),
        Box::pin(async { chat.uri().await.map(drop) }),
        Box::pin(async { native.run("hello").await.map(drop) }),
        Box::pin(async { native.run_stream("hello").await.map(drop) }),
        Box::pin(async { native.run_deferred("hello").await.map(drop) }),
        Box::pin(async { native.tokenize("hello").await.map(drop) }),
        Box::pin(async { embeddings.0.run("hello").await.map(drop) }),
        Box::pin(async { embeddings.1.run("hello").await.map(drop) }),
    ]);
    let patient = sdk.clone();
    let patient = tokio::spawn(async move { patient.chat().completions("yandexgpt").run("hello").await });
    let waiting = clock.clone();
    // The nine deadlines, the tenth, and the timeout of the metadata service.
    let armed = tokio::task::spawn_blocking(move || {
        waiting.wait_for_sleepers(11);
        waiting.advance(second);
    });
    let outcomes = soon(hasty).await;
    armed.await.unwrap();
    assert_eq!(outcomes.len(), 9);
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 0), "{error}");
        assert!(error.to_string().contains("no folder after 1 s") && error.help().is_some(), "{error}");
    }
    assert_eq!((server.connections(), patient.is_finished()), (0, false));

    metadata.release.add_permits(1);
    assert_eq!(soon(patient).await.unwrap().unwrap().text(), "hi");
    assert!(server.requests()[0].text().contains("gpt://b1gmetadata/yandexgpt/latest"));
    assert_eq!(metadata.requests.load(Ordering::Relaxed), 1, "one search for all calls");
}

#[tokio::test]
async fn the_call_has_the_rest_of_the_deadline_after_the_folder_search() {
    let server = Server::always(Reply::silence());
    let metadata = Metadata { requests: Arc::default(), release: Arc::new(Semaphore::new(0)) };
    let clock = TestClock::new();
    let system = test_system([]).with_clock(clock.clone()).with_http(metadata.clone());
    let sdk = sdk_mapped(&server.url()).system(system).folder_id("").build().unwrap();
    let call = sdk.chat().completions("yandexgpt").timeout(Duration::from_secs(5));
    let call = tokio::spawn(async move { call.run("hello").await });
    let waiting = clock.clone();
    tokio::task::spawn_blocking(move || waiting.wait_for_sleepers(2)).await.unwrap();
    clock.advance(Duration::from_secs(4));
    metadata.release.add_permits(1);
    server.wait_for(1).await;
    clock.advance(Duration::from_secs(1));
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 1));
    assert!(error.to_string().contains("no response after 5 s"), "{error}");
}

#[tokio::test]
async fn slow_discovery_counts_towards_the_deadline() {
    let server = Server::always(Reply::silence());
    let clock = TestClock::new();
    let sdk = crate::fixture::sdk_at(&server.url())
        .system(test_system([]).with_clock(clock.clone()))
        .build()
        .unwrap();
    let call = sdk.chat().completions("yandexgpt").timeout(Duration::from_secs(5));
    let call = tokio::spawn(async move { call.run("hello").await });
    server.wait_for(1).await;
    clock.advance(Duration::from_secs(5));
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 0));
    assert_eq!(server.requests()[0].line(), "GET /endpoints");
    assert_eq!(server.requests()[0].header("authorization"), None, "discovery has no header");
}
