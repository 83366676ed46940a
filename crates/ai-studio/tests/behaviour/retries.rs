//! Retries of a call: which failures, which waits, and what stays the same.

use crate::fixture::{InstantClock, model_list, sdk_mapped, test_system};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use test_support::http_server::{Reply, Server};
use test_support::wait::soon;
use yandex_ai_studio_sdk::auth::system::BoxFuture;
use yandex_ai_studio_sdk::auth::{self, Credentials, System, Token, TokenSource};
use yandex_ai_studio_sdk::{ErrorKind, RetryPolicy};

/// Sends these replies one after another, then lists of models.
fn server(replies: Vec<Reply>) -> Server {
    Server::start(move |_, before| replies.get(before).cloned().unwrap_or_else(model_list))
}

#[tokio::test]
async fn retries_unavailable_and_exhausted_services_with_growing_waits() {
    let server = server(vec![Reply::status(503), Reply::status(429), Reply::status(502), Reply::close()]);
    let clock = InstantClock::default();
    let sdk = sdk_mapped(&server.url()).system(test_system([]).with_clock(clock.clone())).build().unwrap();
    sdk.chat().models().await.unwrap();
    assert_eq!(clock.slept(), [1000, 1500, 2250, 3375]);
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn returns_the_last_failure_after_five_attempts() {
    let server = Server::always(Reply::body(503, r#"{"message":"no backend"}"#));
    let clock = InstantClock::with_random(0.5);
    let sdk = sdk_mapped(&server.url()).system(test_system([]).with_clock(clock.clone())).build().unwrap();
    let error = sdk.chat().models().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unavailable, 5));
    assert!(error.is_transient() && error.to_string().contains("no backend"), "{error}");
    assert!(error.to_string().contains("5 attempts"), "{error}");
    assert_eq!(clock.slept(), [1500, 2000, 2750, 3875]);
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn returns_other_failures_at_once() {
    for status in [400, 401, 403, 404, 408, 409, 500, 501, 504, 302] {
        let server = Server::always(Reply::status(status).with("location", "http://127.0.0.1:1/"));
        let clock = InstantClock::default();
        let sdk =
            sdk_mapped(&server.url()).system(test_system([]).with_clock(clock.clone())).build().unwrap();
        let error = sdk.chat().models().await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!((server.requests().len(), clock.slept().len()), (1, 0), "{status}");
    }
}

#[tokio::test]
async fn waits_as_long_as_retry_after_says() {
    let date = ("date", "Tue, 24 Nov 2026 00:00:00 GMT");
    let later = "Tue, 24 Nov 2026 00:00:09 GMT";
    let replies = vec![
        Reply::status(429).with("retry-after", "7"),
        Reply::status(503).with("retry-after", later).with(date.0, date.1),
        Reply::status(503).with("retry-after", "0"),
    ];
    let server = server(replies);
    let clock = InstantClock::default();
    let sdk = sdk_mapped(&server.url()).system(test_system([]).with_clock(clock.clone())).build().unwrap();
    sdk.chat().models().await.unwrap();
    assert_eq!(clock.slept(), [7000, 9000, 2250]);
}

#[tokio::test]
async fn a_retry_after_beyond_the_deadline_ends_the_call() {
    let server = Server::always(Reply::status(429).with("retry-after", "3600"));
    let clock = InstantClock::default();
    let sdk = sdk_mapped(&server.url()).system(test_system([]).with_clock(clock.clone())).build().unwrap();
    let error = soon(sdk.chat().models()).await.unwrap_err();
    assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Unavailable, 429));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!((server.requests().len(), clock.slept().len()), (1, 0));
}

#[tokio::test]
async fn attempts_and_waits_share_one_deadline() {
    let server = Server::always(Reply::status(503));
    let clock = InstantClock::default();
    let policy = RetryPolicy::new()
        .unlimited_attempts()
        .backoff_multiplier(1.0)
        .initial_backoff(Duration::from_secs(9));
    let sdk = sdk_mapped(&server.url())
        .system(test_system([]).with_clock(clock.clone()))
        .retry_policy(policy)
        .build()
        .unwrap();
    let error = soon(sdk.chat().models()).await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 503);
    assert_eq!(clock.slept(), [9000; 6], "the deadline is one minute");
    assert_eq!(server.requests().len(), 7);
}

#[tokio::test]
async fn a_refused_connection_is_unavailable() {
    let clock = InstantClock::default();
    let sdk =
        sdk_mapped("http://127.0.0.1:1").system(test_system([]).with_clock(clock.clone())).build().unwrap();
    let error = sdk.chat().models().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), error.status()), (ErrorKind::Unavailable, 5, None));
    assert!(error.to_string().contains("cannot connect: connection refused"), "{error}");
    assert_eq!(clock.slept().len(), 4);
}

#[tokio::test]
async fn retries_a_cut_response() {
    let server = server(vec![Reply::body(200, r#"{"object":"#).cut()]);
    let sdk = sdk_mapped(&server.url())
        .system(test_system([]).with_clock(InstantClock::default()))
        .build()
        .unwrap();
    sdk.chat().models().await.unwrap();
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn all_attempts_of_a_call_have_the_same_ids() {
    let response =
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
    let server = Server::start(move |_, before| match before {
        0 | 1 => Reply::status(503),
        _ => Reply::body(200, response),
    });
    let sdk = sdk_mapped(&server.url())
        .system(test_system([]).with_clock(InstantClock::default()))
        .build()
        .unwrap();
    for _ in 0..2 {
        sdk.chat().completions("yandexgpt").run("hello").await.unwrap();
    }
    let seen = server.requests();
    let all = |name: &str| seen.iter().map(|seen| seen.header(name).map(str::to_owned)).collect::<Vec<_>>();
    for name in ["x-client-request-id", "idempotency-key"] {
        let ids = all(name);
        assert_eq!(ids[0].as_deref().unwrap().len(), 36, "{name}: a UUID");
        assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3], "{name}: {ids:?}");
    }
    let attempts: Vec<_> = all("x-retry-attempt");
    assert_eq!(attempts, [None, Some("1".to_owned()), Some("2".to_owned()), None]);
    assert!(seen.iter().all(|request| request.body == seen[0].body));
}

/// A token source that fails once.
struct Recovering(AtomicUsize);

impl TokenSource for Recovering {
    fn fetch<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<Token, auth::Error>> {
        Box::pin(async {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => Err(auth::Error::new(auth::ErrorKind::Unavailable, "down")),
                _ => Token::new("t1.fake.token"),
            }
        })
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(60)
    }
}

#[tokio::test]
async fn retries_a_transient_failure_of_the_token_source() {
    let server = Server::always(model_list());
    let clock = InstantClock::default();
    let system = test_system([]).with_clock(clock.clone());
    let credentials = Credentials::from_source(Recovering(AtomicUsize::new(0))).with_system(system.clone());
    let sdk = sdk_mapped(&server.url()).system(system).auth(credentials).build().unwrap();
    sdk.chat().models().await.unwrap();
    // The credentials have tried again by themselves, after their own first pause.
    assert_eq!(clock.slept(), [10]);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn the_policy_none_makes_one_attempt() {
    let server = Server::always(Reply::status(503));
    let sdk = sdk_mapped(&server.url()).retry_policy(RetryPolicy::none()).build().unwrap();
    assert_eq!(sdk.chat().models().await.unwrap_err().attempts(), 1);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_stream_is_retried_before_its_head_and_never_after() {
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n";
    let server = Server::start(move |_, before| match before {
        0 => Reply::status(503),
        1 => Reply::body(200, event).cut(),
        _ => panic!("a third attempt"),
    });
    let sdk = sdk_mapped(&server.url())
        .system(test_system([]).with_clock(InstantClock::default()))
        .build()
        .unwrap();
    let mut stream = sdk.chat().completions("yandexgpt").run_stream("hello").await.unwrap();
    stream.next().await.unwrap().unwrap();
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.client_request_id().is_some() && error.endpoint().is_some(), "{error}");
    assert!(stream.next().await.is_none());
    assert_eq!(server.requests().len(), 2);
}
