//! The metadata service of a virtual machine.

use std::time::Duration;

use crate::common::{FLAVOR, accepted, bearer, metadata_url, token_url};
use http::StatusCode;
use test_support::http_client::{call, get};
use yandex_cloud_emulator::{Emulator, Renewal, Service};

async fn token(emulator: &Emulator) -> (String, u64) {
    let reply = get(&token_url(emulator), &[FLAVOR]).await;
    assert_eq!(reply.status, StatusCode::OK);
    let response = reply.json();
    assert_eq!(response["token_type"], "Bearer");
    (response["access_token"].as_str().unwrap().to_owned(), response["expires_in"].as_u64().unwrap())
}

#[tokio::test]
async fn returns_the_same_token_until_a_tenth_of_its_lifetime_is_left() {
    let emulator = Emulator::builder().token_lifetime(Duration::from_secs(1000)).start().await.unwrap();
    let clock = emulator.clock();
    clock.freeze();

    let (first, left) = token(&emulator).await;
    assert_eq!(left, 1000);
    assert_eq!(accepted(&emulator, &bearer(&first)).await, StatusCode::OK);
    clock.advance(Duration::from_secs(900));
    assert_eq!(token(&emulator).await, (first.clone(), 100));
    clock.advance(Duration::from_secs(1));
    let (second, left) = token(&emulator).await;
    assert_ne!(second, first);
    assert_eq!(left, 1000);
    assert_eq!(accepted(&emulator, &bearer(&first)).await, StatusCode::OK, "the old one lives on");
    assert_eq!(emulator.counters().tokens_issued(), 2);
    assert_eq!(emulator.counters().requests(Service::Metadata), 3);
}

#[tokio::test]
async fn renews_by_the_configured_policy() {
    let emulator = Emulator::builder().metadata_renewal(Renewal::Always).start().await.unwrap();
    assert_ne!(token(&emulator).await.0, token(&emulator).await.0);

    let below = Renewal::Below(Duration::from_secs(600));
    let emulator = Emulator::builder().metadata_renewal(below).start().await.unwrap();
    let first = token(&emulator).await.0;
    emulator.clock().advance(Duration::from_secs(11 * 3600));
    assert_eq!(token(&emulator).await.0, first);
    emulator.clock().advance(Duration::from_secs(3001));
    assert_ne!(token(&emulator).await.0, first);
}

#[tokio::test]
async fn replaces_a_revoked_token() {
    let emulator = Emulator::start().await.unwrap();
    let first = token(&emulator).await.0;
    emulator.revoke_iam_token(&first).unwrap();
    let second = token(&emulator).await.0;
    assert_ne!(second, first);
    assert_eq!(accepted(&emulator, &bearer(&second)).await, StatusCode::OK);
}

#[tokio::test]
async fn returns_the_folder_the_cloud_and_the_service_account() {
    let emulator = Emulator::builder()
        .folder_id("b1gfolder")
        .cloud_id("b1gcloud")
        .service_account_id("ajeaccount")
        .start()
        .await
        .unwrap();
    for (path, text) in [
        ("instance/vendor/folder-id", "b1gfolder"),
        ("yandex/folder-id", "b1gfolder"),
        ("instance/vendor/cloud-id", "b1gcloud"),
        ("instance/service-accounts/", "default/\najeaccount/\n"),
    ] {
        let reply = get(&metadata_url(&emulator, path), &[FLAVOR]).await;
        assert_eq!((reply.status, reply.text().as_str()), (StatusCode::OK, text), "{path}");
        assert_eq!(reply.header("metadata-flavor"), "Google");
    }
}

#[tokio::test]
async fn refuses_a_request_without_the_flavor() {
    let emulator = Emulator::start().await.unwrap();
    let url = token_url(&emulator);
    assert_eq!(get(&url, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(get(&url, &[("Metadata-Flavor", "google")]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(emulator.counters().tokens_issued(), 0);
}

#[tokio::test]
async fn has_no_token_without_a_service_account() {
    let emulator = Emulator::builder().attach_service_account(false).start().await.unwrap();
    assert_eq!(get(&token_url(&emulator), &[FLAVOR]).await.status, StatusCode::NOT_FOUND);
    let accounts = get(&metadata_url(&emulator, "instance/service-accounts/"), &[FLAVOR]).await;
    assert_eq!((accounts.status, accounts.text().as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn refuses_other_paths_and_methods() {
    let emulator = Emulator::start().await.unwrap();
    assert_eq!(get(&metadata_url(&emulator, "nothing"), &[FLAVOR]).await.status, StatusCode::NOT_FOUND);
    for method in ["POST", "PUT", "DELETE"] {
        let reply = call(method, &token_url(&emulator), &[FLAVOR], "").await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    assert_eq!(emulator.counters().tokens_issued(), 0);
    let api = format!("http://{}/v1/models", emulator.metadata_addr());
    assert_eq!(get(&api, &[FLAVOR]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_token_is_json_whatever_the_query_says() {
    let emulator = Emulator::start().await.unwrap();
    for query in
        ["alt=json", "alt=text", "recursive=true", "scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fx"]
    {
        let reply = get(&format!("{}?{query}", token_url(&emulator)), &[FLAVOR]).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (StatusCode::OK, "application/json"),
            "{query}"
        );
        assert!(reply.json()["access_token"].is_string(), "{query}");
    }
}
