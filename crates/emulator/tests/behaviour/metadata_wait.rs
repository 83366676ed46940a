//! Requests to the metadata service that wait for a change.

use std::time::Duration;

use crate::common::{FLAVOR, metadata_url, token_url};
use http::StatusCode;
use test_support::http_client::{Response, get};
use tokio::time::timeout;
use yandex_cloud_emulator::Emulator;

/// How long a test waits to see that no response comes.
const SOON: Duration = Duration::from_millis(200);
/// How long a test waits for a response that has to come.
const ENOUGH: Duration = Duration::from_secs(20);

const COLOUR: &str = "instance/attributes/colour";

async fn machine() -> Emulator {
    Emulator::builder().metadata_attribute("colour", "red").start().await.unwrap()
}

async fn at(emulator: &Emulator, path: &str) -> Response {
    get(&metadata_url(emulator, path), &[FLAVOR]).await
}

#[tokio::test]
async fn the_tag_changes_with_the_value_alone() {
    let emulator = machine().await;
    let tag = at(&emulator, COLOUR).await.header("etag").to_owned();
    assert_eq!(tag.len(), 16, "{tag}");
    assert_eq!(at(&emulator, COLOUR).await.header("etag"), tag);
    emulator.set_metadata_attribute("colour", Some("green")).unwrap();
    assert_ne!(at(&emulator, COLOUR).await.header("etag"), tag);

    // The remaining lifetime of a token is no change.
    let clock = emulator.clock();
    let first = get(&token_url(&emulator), &[FLAVOR]).await;
    clock.advance(Duration::from_secs(60));
    let second = get(&token_url(&emulator), &[FLAVOR]).await;
    assert_ne!(second.body, first.body);
    assert_eq!(second.header("etag"), first.header("etag"));
}

#[tokio::test]
async fn waits_for_the_next_value() {
    let emulator = machine().await;
    for (path, new) in [(COLOUR, "green"), ("instance/attributes/?recursive=true&", "blue")] {
        let path = format!("{path}{}wait_for_change=true", if path.contains('?') { "" } else { "?" });
        let mut waiting = Box::pin(at(&emulator, &path));
        assert!(timeout(SOON, &mut waiting).await.is_err(), "{path}");
        emulator.set_metadata_attribute("colour", Some(new)).unwrap();
        let reply = timeout(ENOUGH, waiting).await.expect("the value has changed");
        assert_eq!(reply.status, StatusCode::OK);
        assert!(reply.text().contains(new), "{path}: {}", reply.text());
    }
}

#[tokio::test]
async fn an_old_tag_is_answered_at_once_and_the_current_one_waits() {
    let emulator = machine().await;
    let tag = at(&emulator, COLOUR).await.header("etag").to_owned();
    let wait = |tag: &str| format!("{COLOUR}?wait_for_change=true&last_etag={tag}");

    let reply = timeout(ENOUGH, at(&emulator, &wait("0"))).await.expect("another tag");
    assert_eq!((reply.text().as_str(), reply.header("etag")), ("red", tag.as_str()));
    assert!(timeout(SOON, at(&emulator, &wait(&tag))).await.is_err());
    emulator.set_metadata_attribute("colour", Some("green")).unwrap();
    let reply = timeout(ENOUGH, at(&emulator, &wait(&tag))).await.expect("the tag is old");
    assert_eq!(reply.text(), "green");
    // Without wait_for_change the other parameters have no effect.
    let reply = timeout(ENOUGH, at(&emulator, &format!("{COLOUR}?last_etag={}", reply.header("etag")))).await;
    assert_eq!(reply.expect("no wait").text(), "green");
}

#[tokio::test]
async fn returns_the_value_as_it_is_after_the_timeout() {
    let emulator = machine().await;
    for seconds in [0, 1] {
        let path = format!("{COLOUR}?wait_for_change=true&timeout_sec={seconds}");
        let reply = timeout(ENOUGH, at(&emulator, &path)).await.expect("the time is over");
        assert_eq!((reply.status, reply.text().as_str()), (StatusCode::OK, "red"));
    }
}

#[tokio::test]
async fn waits_for_a_new_token() {
    let emulator = machine().await;
    emulator.clock().freeze();
    let url = format!("{}?wait_for_change=true", token_url(&emulator));
    let mut waiting = Box::pin(get(&url, &[FLAVOR]));
    assert!(timeout(SOON, &mut waiting).await.is_err());
    emulator.clock().advance(Duration::from_secs(11 * 3600));
    let reply = timeout(ENOUGH, waiting).await.expect("the token is renewed");
    assert_eq!(reply.json()["expires_in"], 12 * 3600);
}

#[tokio::test]
async fn a_value_that_disappears_ends_the_wait() {
    let emulator = machine().await;
    let path = format!("{COLOUR}?wait_for_change=true");
    let mut waiting = Box::pin(at(&emulator, &path));
    assert!(timeout(SOON, &mut waiting).await.is_err());
    emulator.set_metadata_attribute("colour", None).unwrap();
    let reply = timeout(ENOUGH, waiting).await.expect("the value is gone");
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
}
