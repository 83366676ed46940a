//! The folder, the addresses and the authorities are found once: one search serves all callers.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use tokio::sync::oneshot;
use yandex_ai_studio_sdk::auth::System;
use yandex_ai_studio_sdk::auth::sdk_internals::SharedValue;

fn shared() -> (SharedValue<u32, &'static str>, System) {
    (SharedValue::new(|| "dropped"), System::real())
}

#[tokio::test]
async fn all_waiting_callers_share_a_failure_and_the_next_call_searches_again() {
    let (shared, system) = shared();
    let searches = Arc::new(AtomicUsize::new(0));
    let (release, held) = oneshot::channel::<()>();
    let mut held = Some(held);
    let outcomes = (0..100).map(|_| {
        let (searches, held) = (Arc::clone(&searches), held.take());
        shared.get(&system, move || async move {
            searches.fetch_add(1, Ordering::Relaxed);
            let _ = held.unwrap().await;
            Err("down")
        })
    });
    let mut outcomes = pin!(join_all(outcomes));
    assert!(futures_util::poll!(outcomes.as_mut()).is_pending());
    release.send(()).unwrap();
    assert!(outcomes.await.iter().all(Result::is_err));
    assert_eq!(searches.load(Ordering::Relaxed), 1);

    assert_eq!(shared.get(&system, || async { Ok(7) }).await.unwrap(), 7);
    assert_eq!(shared.get(&system, || async { Ok(8) }).await.unwrap(), 7);
    assert_eq!(shared.peek(), Some(7));
    shared.forget();
    assert_eq!(shared.peek(), None);
    assert_eq!(shared.get(&system, || async { Ok(8) }).await.unwrap(), 8);
}

#[tokio::test]
async fn a_search_continues_when_its_caller_leaves_and_serves_the_next_caller() {
    let (shared, system) = shared();
    let (release, held) = oneshot::channel::<()>();
    {
        let first = shared.get(&system, || async {
            let _ = held.await;
            Ok(1)
        });
        let mut first = pin!(first);
        assert!(futures_util::poll!(first.as_mut()).is_pending());
    }
    let second = shared.get(&system, || async { Ok(2) });
    let mut second = pin!(second);
    assert!(futures_util::poll!(second.as_mut()).is_pending());
    release.send(()).unwrap();
    assert_eq!(second.await.unwrap(), 1);
}

#[tokio::test]
async fn dropping_the_value_drops_its_search() {
    let (shared, system) = shared();
    let (mut dropped, held) = oneshot::channel::<()>();
    {
        let search = shared.get(&system, || async {
            let _ = held.await;
            Ok(1)
        });
        assert!(futures_util::poll!(pin!(search)).is_pending());
    }
    drop(shared);
    dropped.closed().await;
}

#[tokio::test]
async fn a_panic_in_a_search_is_an_error_and_the_next_call_searches_again() {
    let (shared, system) = shared();
    let panics = || async { panic!("a search panicked (expected in this test)") };
    assert_eq!(shared.get(&system, panics).await.unwrap_err(), "dropped");
    assert_eq!(shared.get(&system, || async { Ok(1) }).await.unwrap(), 1);
}
