//! A client for the tests: plain HTTP/1.1, bytes as they come, and gRPC by hand-written messages.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses a part of it")]

pub mod grpc;
pub mod jwt;

use http::StatusCode;
use test_support::http_client::get;
use yandex_cloud_emulator::Emulator;

pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

pub fn api_key(key: &str) -> String {
    format!("Api-Key {key}")
}

/// The way to metadata's token.
pub fn token_url(emulator: &Emulator) -> String {
    metadata_url(emulator, "instance/service-accounts/default/token")
}

pub fn metadata_url(emulator: &Emulator, path: &str) -> String {
    format!("http://{}/computeMetadata/v1/{path}", emulator.metadata_addr())
}

pub const FLAVOR: (&str, &str) = ("Metadata-Flavor", "Google");

/// Whether `GET /v1/models`, which needs credentials, accepts these.
pub async fn accepted(emulator: &Emulator, authorization: &str) -> StatusCode {
    let url = format!("{}/v1/models", emulator.api_url());
    get(&url, &[("authorization", authorization)]).await.status
}
