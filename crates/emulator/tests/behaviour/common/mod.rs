//! A client for the tests: plain HTTP/1.1, bytes as they come, and gRPC by hand-written messages.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses a part of it")]

pub mod grpc;
pub mod jwt;

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use yandex_cloud_emulator::Emulator;

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {:?}", self.body))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The `code` of a google.rpc.Status.
    pub fn code(&self) -> i64 {
        self.json()["code"].as_i64().unwrap()
    }

    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}

/// One call on a connection of its own.
pub async fn try_call(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Reply, BoxError> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
    let response = client.request(request.body(Full::new(body.into()))?).await?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Reply { status: parts.status, headers: parts.headers, body })
}

pub async fn call(method: &str, url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
    try_call(method, url, headers, body).await.unwrap()
}

pub async fn get(url: &str, headers: &[(&str, &str)]) -> Reply {
    call("GET", url, headers, Bytes::new()).await
}

pub async fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
    call("POST", url, headers, body.to_string()).await
}

/// Sends bytes, returns all that comes back until the connection closes.
pub async fn raw(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end as well.
    let _ = connection.read_to_end(&mut answer).await;
    answer
}

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
