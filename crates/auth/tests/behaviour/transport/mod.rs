//! The default transport over real loopback sockets: connecting, responses, TLS, proxies.
//!
//! Nothing leaves the computer: the only names that are resolved are `localhost` and names that no resolver accepts.

#![cfg(feature = "transport")]
#![allow(clippy::unwrap_used, reason = "so a test fails")]

mod connecting;
mod proxies;
mod responses;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use yandex_cloud_auth::system::{HttpError, HttpFault, HttpOptions, HttpTransport, HyperTransport};
use yandex_cloud_auth::testing::TestEnvironment;

/// Longer than any test needs. Only a test that fails reaches it.
const TIME_LIMIT: Duration = Duration::from_secs(20);

type Response = http::Response<Vec<u8>>;

fn transport(variables: &[(&str, &str)]) -> HyperTransport {
    HyperTransport::new(Arc::new(TestEnvironment::new(variables.iter().copied())))
}

fn get(url: &str) -> http::Request<Vec<u8>> {
    http::Request::get(url).body(Vec::new()).unwrap()
}

async fn send(
    transport: &dyn HttpTransport,
    request: http::Request<Vec<u8>>,
    options: HttpOptions,
) -> Result<Response, HttpError> {
    tokio::time::timeout(TIME_LIMIT, transport.send(request, options)).await.expect("the exchange hangs")
}

/// The step at which a GET fails in an empty environment.
async fn fault(url: &str, options: HttpOptions) -> HttpFault {
    send(&transport(&[]), get(url), options).await.unwrap_err().fault()
}
