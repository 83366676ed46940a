//! An HTTP/1.1 client for tests: a new connection for each call, and the response without changes.

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

/// The error of a call that got no complete response.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A complete response.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {:?}", self.body))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    /// The value of a header, empty if the header is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The `code` of a `google.rpc.Status`.
    #[must_use]
    pub fn code(&self) -> i64 {
        self.json()["code"].as_i64().unwrap()
    }

    /// The `message` of a `google.rpc.Status`.
    #[must_use]
    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}

/// Sends a request on a new connection.
///
/// # Errors
/// No complete response was received.
pub async fn try_call(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Response, BoxError> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
    let response = client.request(request.body(Full::new(body.into()))?).await?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Response { status: parts.status, headers: parts.headers, body })
}

/// Sends a request on a new connection, and expects a complete response.
pub async fn call(method: &str, url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response {
    try_call(method, url, headers, body).await.unwrap()
}

/// Sends a GET request.
pub async fn get(url: &str, headers: &[(&str, &str)]) -> Response {
    call("GET", url, headers, Bytes::new()).await
}

/// Sends a POST request with a JSON body. The caller sets the content type in the headers.
pub async fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> Response {
    call("POST", url, headers, body.to_string()).await
}

/// Sends bytes, and returns everything that the server sends until it closes the connection.
pub async fn raw(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request).await.unwrap();
    let mut response = Vec::new();
    // A server that closes the connection with unread bytes resets it. What arrived before the reset is returned.
    let _ = connection.read_to_end(&mut response).await;
    response
}
