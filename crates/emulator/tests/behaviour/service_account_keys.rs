//! Authorized keys of service accounts: key files, keys created elsewhere, and the effect of a deletion.

use crate::common::jwt::{Key, der};
use crate::common::{accepted, bearer};
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::ErrorKind;
use test_support::http_client::post;
use yandex_cloud_emulator::{Builder, Emulator};

/// A key of 1024 bits and a key of another type. The private keys do not exist.
const SHORT: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC8f32Pcx6UrcEWrsAIPx5zmJ4q
yyCsoT86vDltLOjGu13+44phWF+0eKZsgwtcxGkmu6RsYq/NhZPAT1qWZxFBL/cV
3q+kTPrF8u8lY+OiEwx6cHwLBD3oOwsdLGTM4jjcBw6Izy4PB0KLjMin6OddxnTV
FUlVb5+TIwHlbvj+nQIDAQAB
-----END PUBLIC KEY-----
";
const ELLIPTIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEhjsW3oDXze11hyaSFoKTV8azYmdW
H9wbHcEt6pOAdE7+vEsqloltLXiyC/AGvT7Vc4A7ax+1N3uWhQek6WeqKg==
-----END PUBLIC KEY-----
";

async fn exchange(emulator: &Emulator, key: &Key) -> test_support::http_client::Response {
    let jwt = key.jwt(emulator.clock().now());
    post(&format!("{}/iam/v1/tokens", emulator.api_url()), &[], &json!({ "jwt": jwt })).await
}

async fn authorization(emulator: &Emulator, key: &Key) -> String {
    bearer(exchange(emulator, key).await.json()["iamToken"].as_str().unwrap())
}

async fn control(emulator: &Emulator, call: &str, body: &Value) -> test_support::http_client::Response {
    post(&format!("{}/_emulator/service-account-keys/{call}", emulator.api_url()), &[], body).await
}

async fn start(builder: Builder) -> Emulator {
    builder.start().await.unwrap()
}

#[tokio::test]
async fn the_file_has_the_format_of_yc() {
    let start = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
    let emulator =
        Emulator::builder().service_account_id("ajetest").clock_start(start).start().await.unwrap();
    emulator.clock().freeze();
    emulator.clock().set(start);
    let text = emulator.service_account_key().unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();

    let id = file["id"].as_str().unwrap();
    assert!(id.starts_with("ajefakekey") && id.len() == 20, "{id}");
    let names = ["id", "service_account_id", "created_at", "key_algorithm", "public_key", "private_key"];
    let places = names.map(|name| text.find(&format!("\n  \"{name}\": \"")).unwrap());
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(file.as_object().unwrap().len(), names.len());
    assert_eq!(file["service_account_id"], "ajetest");
    assert_eq!(file["created_at"], "2027-01-15T08:00:00Z");
    assert_eq!(file["key_algorithm"], "RSA_2048");
    let private = file["private_key"].as_str().unwrap();
    let line = format!("PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <{id}>\n");
    assert!(private.starts_with(&format!("{line}-----BEGIN PRIVATE KEY-----\n")));
    assert!(private.ends_with("\n-----END PRIVATE KEY-----\n"));
    assert!(file["public_key"].as_str().unwrap().starts_with("-----BEGIN PUBLIC KEY-----\n"));
    let pair = ring::rsa::KeyPair::from_pkcs8(&der(private)).unwrap();
    assert_eq!(pair.public().modulus_len(), 256);
    assert_eq!(exchange(&emulator, &Key::read(&text)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn creates_the_first_key_once_and_other_keys_each_time() {
    let emulator = start(Emulator::builder()).await;
    let first = emulator.service_account_key().unwrap();
    let other = emulator.create_service_account_key().unwrap();
    assert_eq!(emulator.service_account_key().unwrap(), first);
    assert_ne!(Key::read(&other).id, Key::read(&first).id);
    let mut files = vec![first, other];
    files.extend((2..9).map(|_| emulator.create_service_account_key().unwrap()));
    let keys: Vec<Key> = files.iter().map(|file| Key::read(file)).collect();
    for key in &keys {
        assert_eq!(exchange(&emulator, key).await.status, StatusCode::OK);
    }
    // The first eight RSA keys differ, and then they repeat. The ids always differ.
    let distinct = |of: fn(&Key) -> &str| keys.iter().map(of).collect::<HashSet<_>>().len();
    assert_eq!((distinct(|key| &key.public_pem), distinct(|key| &key.id)), (8, 9));
    let elsewhere = start(Emulator::builder()).await;
    assert_ne!(Key::of(&elsewhere).id, Key::of(&emulator).id);
    assert_eq!(exchange(&elsewhere, &Key::of(&emulator)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn concurrent_callers_get_the_same_key() {
    let emulator = start(Emulator::builder()).await;
    let files: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| emulator.service_account_key().unwrap())).collect();
        threads.into_iter().map(|file| file.join().unwrap()).collect()
    });
    assert!(files.iter().all(|file| *file == files[0]));
}

#[tokio::test]
async fn deleting_a_key_revokes_only_its_tokens() {
    let emulator = start(Emulator::builder()).await;
    let key = Key::of(&emulator);
    let other = Key::read(&emulator.create_service_account_key().unwrap());
    let of_key = authorization(&emulator, &key).await;
    let of_other = authorization(&emulator, &other).await;
    let given = bearer(&emulator.iam_token().unwrap());

    assert!(emulator.delete_service_account_key(&key.id));
    assert!(!emulator.delete_service_account_key(&key.id));
    assert!(!emulator.delete_service_account_key("ajeunknown"));

    assert_eq!(accepted(&emulator, &of_key).await, StatusCode::UNAUTHORIZED);
    assert_eq!(
        exchange(&emulator, &key).await.message(),
        "no key has the 'kid' of the JWT, or the key was deleted"
    );
    for good in [&of_other, &given] {
        assert_eq!(accepted(&emulator, good).await, StatusCode::OK);
    }
    let state =
        test_support::http_client::get(&format!("{}/_emulator/state", emulator.api_url()), &[]).await.json();
    assert_eq!(state["iamTokens"], json!({ "valid": 2, "expired": 0, "revoked": 1 }));

    emulator.reset();
    assert_eq!(exchange(&emulator, &key).await.status, StatusCode::OK);
    assert_eq!(accepted(&emulator, &of_key).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn trusts_a_key_that_was_created_elsewhere() {
    let (elsewhere, emulator) = (start(Emulator::builder()).await, start(Emulator::builder()).await);
    let mut key = Key::of(&elsewhere);
    emulator.add_service_account_key(&key.public_pem, "ajemadeelsewhere", "ajesomebody").unwrap();

    assert_eq!(exchange(&emulator, &key).await.status, StatusCode::UNAUTHORIZED);
    key.id = "ajemadeelsewhere".to_owned();
    key.service_account_id = "ajesomebody".to_owned();
    assert_eq!(exchange(&emulator, &key).await.status, StatusCode::OK);
}

#[tokio::test]
async fn refuses_invalid_keys() {
    let emulator = start(Emulator::builder()).await;
    let file: Value = serde_json::from_str(&emulator.service_account_key().unwrap()).unwrap();
    let good = file["public_key"].as_str().unwrap();
    let private = file["private_key"].as_str().unwrap();
    let taken = file["id"].as_str().unwrap();
    let long = "x".repeat(51);
    let not_one = "the public key is not the PEM of an RSA key";
    let ids = "an id is empty or longer than 50";

    for (pem, id, account, text) in [
        ("", "aje", "aje", not_one),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "aje", "aje", not_one),
        (private, "aje", "aje", not_one),
        (ELLIPTIC, "aje", "aje", not_one),
        (SHORT, "aje", "aje", "the public key has neither 2048 nor 4096 bits"),
        (good, "", "aje", ids),
        (good, "aje", "", ids),
        (good, &long, "aje", ids),
        (good, "aje", &long, ids),
        (good, taken, "aje", "a key with this id already exists"),
    ] {
        let error = emulator.add_service_account_key(pem, id, account).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(text), "{error}");
        let body = json!({ "keyId": id, "serviceAccountId": account, "publicKey": pem });
        assert_eq!(control(&emulator, "add", &body).await.message(), text);
    }
}

#[tokio::test]
async fn the_control_api_does_the_same() {
    let (elsewhere, emulator) = (start(Emulator::builder()).await, start(Emulator::builder()).await);

    let reply = control(&emulator, "issue", &json!({})).await;
    assert_eq!(reply.status, StatusCode::OK);
    let issued = Key::read(&reply.json()["serviceAccountKey"].to_string());
    assert_eq!(issued.service_account_id, emulator.service_account_id());
    let mut added = Key::of(&elsewhere);
    added.id = "ajeadded".to_owned();
    let body = json!({
        "keyId": added.id,
        "serviceAccountId": added.service_account_id,
        "publicKey": added.public_pem,
    });
    assert_eq!(control(&emulator, "add", &body).await.status, StatusCode::OK);

    for key in [issued, added] {
        let token = authorization(&emulator, &key).await;
        assert_eq!(accepted(&emulator, &token).await, StatusCode::OK);
        let id = json!({ "keyId": key.id });
        assert_eq!(control(&emulator, "delete", &id).await.status, StatusCode::OK);
        assert_eq!(accepted(&emulator, &token).await, StatusCode::UNAUTHORIZED);
        assert_eq!(control(&emulator, "delete", &id).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(control(&emulator, "delete", &json!({})).await.status, StatusCode::BAD_REQUEST);
}
