//! One deadline for a call: over the token, the attempts, the waits and the answer, by the clock of the system.
#![allow(clippy::unwrap_used, reason = "so a test fails")]

mod fixture;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fixture::server::{Reply, Server};
use fixture::{machine, sdk_mapped};
use tokio::sync::{Notify, Semaphore};
use yandex_ai_studio_sdk::auth::system::BoxFuture;
use yandex_ai_studio_sdk::auth::testing::TestClock;
use yandex_ai_studio_sdk::auth::{self, Credentials, System, Token, TokenSource};
use yandex_ai_studio_sdk::{AiStudio, Error, ErrorKind};

/// What the list of models takes at the most.
const LIMIT: Duration = Duration::from_secs(60);

/// A source whose token comes when the test says so.
#[derive(Clone)]
struct Slow {
    asked: Arc<AtomicUsize>,
    begun: Arc<Notify>,
    let_go: Arc<Semaphore>,
}

impl Slow {
    fn new() -> Self {
        Self { asked: Arc::default(), begun: Arc::default(), let_go: Arc::new(Semaphore::new(0)) }
    }
}

impl TokenSource for Slow {
    fn fetch<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<Token, auth::Error>> {
        Box::pin(async {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            self.begun.notify_one();
            let _ = self.let_go.acquire().await;
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
async fn a_silent_server_is_waited_for_until_the_deadline_and_no_longer() {
    let server = Server::always(Reply::Silence).await;
    let clock = TestClock::new();
    let sdk = sdk_mapped(&server.url()).system(machine([]).with_clock(clock.clone())).build().unwrap();
    let call = spawn(&sdk);
    server.wait_for(1).await;
    clock.advance(LIMIT - Duration::from_millis(1));
    tokio::task::yield_now().await;
    assert!(!call.is_finished());
    clock.advance(Duration::from_millis(1));
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 1));
    assert!(error.is_transient() && error.to_string().contains("no answer after 60s"), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_later_attempt_has_what_the_earlier_ones_have_left() {
    let server = Server::start(|_, before| match before {
        0 => Reply::body(503, r#"{"message":"no backend"}"#),
        _ => Reply::Silence,
    })
    .await;
    let clock = TestClock::new();
    let sdk = sdk_mapped(&server.url()).system(machine([]).with_clock(clock.clone())).build().unwrap();
    let call = spawn(&sdk);
    server.wait_for(1).await;
    // The deadline, and the wait before the second attempt.
    let waiting = clock.clone();
    tokio::task::spawn_blocking(move || waiting.wait_for_sleepers(2)).await.unwrap();
    clock.advance(Duration::from_secs(1));
    server.wait_for(2).await;
    clock.advance(LIMIT - Duration::from_secs(1));
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 2));
    assert!(error.to_string().contains("no backend"), "it tells what was before: {error}");
}

#[tokio::test]
async fn a_slow_token_counts_into_the_deadline_and_its_fetch_goes_on_for_the_next_call() {
    let server = Server::always(Reply::models()).await;
    let clock = TestClock::new();
    let system = machine([]).with_clock(clock.clone());
    let source = Slow::new();
    let credentials = Credentials::from_source(source.clone()).on(system.clone());
    let sdk = sdk_mapped(&server.url()).system(system).auth(credentials).build().unwrap();
    let call = spawn(&sdk);
    source.begun.notified().await;
    clock.advance(LIMIT);
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("no token after 60s"), "{error}");
    assert_eq!(server.connections(), 0);

    source.let_go.add_permits(1);
    spawn(&sdk).await.unwrap().unwrap();
    assert_eq!(source.asked.load(Ordering::Relaxed), 1, "one fetch for both");
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer t1.fake.0"));
}

#[tokio::test]
async fn a_stream_that_falls_silent_ends_at_the_deadline() {
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n";
    let server = Server::always(Reply::StreamThenSilence(event.to_owned())).await;
    let clock = TestClock::new();
    let sdk = sdk_mapped(&server.url()).system(machine([]).with_clock(clock.clone())).build().unwrap();
    let completions = sdk.chat().completions("yandexgpt").timeout(Duration::from_secs(30));
    let mut stream = completions.run_stream("hello").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().text(), "one");
    clock.advance(Duration::from_secs(30));
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("30s") && error.client_request_id().is_some(), "{error}");
    assert!(stream.next().await.is_none());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn slow_discovery_counts_into_the_deadline_too() {
    let server = Server::always(Reply::Silence).await;
    let clock = TestClock::new();
    let sdk = fixture::sdk_at(&server.url()).system(machine([]).with_clock(clock.clone())).build().unwrap();
    let call = sdk.chat().completions("yandexgpt").timeout(Duration::from_secs(5));
    let call = tokio::spawn(async move { call.run("hello").await });
    server.wait_for(1).await;
    clock.advance(Duration::from_secs(5));
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 0));
    assert_eq!(server.seen()[0].line(), "GET /endpoints");
    assert_eq!(server.seen()[0].header("authorization"), None, "discovery has no header");
}
