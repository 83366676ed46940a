//! The default transport over real loopback sockets: connecting, answers, TLS, proxies.
//!
//! Nothing leaves the machine: a name that is looked up is `localhost`, or one that no resolver will take.

#![cfg(feature = "transport")]
#![allow(clippy::unwrap_used, reason = "so a test fails")]

mod answers;
mod connecting;
mod proxies;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use yandex_cloud_auth::system::{HttpError, HttpFault, HttpOptions, HttpTransport, HyperTransport};
use yandex_cloud_auth::testing::TestEnvironment;

/// More than any test needs; reached only by one that fails.
const PATIENCE: Duration = Duration::from_secs(20);

type Answer = http::Response<Vec<u8>>;

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
) -> Result<Answer, HttpError> {
    tokio::time::timeout(PATIENCE, transport.send(request, options)).await.expect("the exchange hangs")
}

/// The step at which a GET in an empty environment fails.
async fn fault(url: &str, options: HttpOptions) -> HttpFault {
    send(&transport(&[]), get(url), options).await.unwrap_err().fault()
}
