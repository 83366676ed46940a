//! Helpers of the emulator's tests. `grpc` is a gRPC client with hand-written messages; `jwt` signs JWTs.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses a part of it")]

pub mod grpc;
pub mod jwt;

use http::StatusCode;
use test_support::http_client::{Response, get};
use yandex_cloud_emulator::Emulator;

pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

pub fn api_key(key: &str) -> String {
    format!("Api-Key {key}")
}

/// The URL of the token in the metadata service.
pub fn token_url(emulator: &Emulator) -> String {
    metadata_url(emulator, "instance/service-accounts/default/token")
}

pub fn metadata_url(emulator: &Emulator, path: &str) -> String {
    format!("http://{}/computeMetadata/v1/{path}", emulator.metadata_addr())
}

pub const FLAVOR: (&str, &str) = ("Metadata-Flavor", "Google");

/// The message of an error in any of the forms of the cloud.
pub fn message(reply: &Response) -> String {
    let body = reply.json();
    let message = ["/error/message", "/message"].into_iter().find_map(|place| body.pointer(place)?.as_str());
    message.unwrap_or_else(|| panic!("no message: {body}")).to_owned()
}

/// The status of `GET /v1/models` with these credentials.
pub async fn accepted(emulator: &Emulator, authorization: &str) -> StatusCode {
    let url = format!("{}/v1/models", emulator.api_url());
    get(&url, &[("authorization", authorization)]).await.status
}
