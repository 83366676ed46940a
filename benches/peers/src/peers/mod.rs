//! Each library with credentials at the fake, behind one function: the header of a request.

mod aws;
mod azure;
mod google;
mod ours;
mod over_grpc;
mod ydb;

use std::time::Duration;

use http::HeaderValue;

pub use aws::Aws;
pub use azure::Azure;
pub use google::{Gcp, Google, Yup};
pub use ours::Ours;
pub use over_grpc::{OursOverGrpc, YandexCloudSdk};
pub use ydb::Ydb;

/// What a caller of a library gets.
pub type Header = Result<HeaderValue, String>;

/// A library with one set of credentials.
#[allow(async_fn_in_trait, reason = "no user outside of this program")]
pub trait Peer: Clone + Send + Sync + 'static {
    /// The name of the row.
    const NAME: &'static str;
    /// The name of the library at the fake.
    const AT_FAKE: &'static str = Self::NAME;
    /// How long a token lives, and how old the token is when it is stale: the library renews the token, which has not
    /// expired.
    const STALE: (u64, Duration);
    /// How long a token lives that the library renews after about 60 seconds.
    const LIFE_FOR_60_S: u64;

    /// New credentials at the fake. Inside a runtime, because some libraries need one.
    fn new(fake: &str) -> Self;

    /// The header, as a program would make it. For a library without such a function: a call with the header.
    fn header(&self) -> impl Future<Output = Header> + Send;
}

fn bearer(token: &str) -> Header {
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(|error| error.to_string())?;
    header.set_sensitive(true);
    Ok(header)
}

/// A key that no cloud knows, made by `run` for this run.
fn private_key() -> String {
    std::fs::read_to_string(std::env::var_os("PEERS_KEY").unwrap()).unwrap()
}
