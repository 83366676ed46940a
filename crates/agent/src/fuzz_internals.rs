//! For the fuzz targets of this project alone, which call the parsers of bytes from outside: no promise of stability, and no
//! part of the interface.

use std::net::SocketAddr;
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, Request, header};
use serde_json::Value;
use yandex_cloud_auth::system::Now;

use crate::kubernetes::parsers;
use crate::oauth::{Form, basic};
pub use crate::sds::parsers::SdsRequest;
use crate::server::HostRule;
use crate::{keys, oauth, sds, server};

/// The readings of a client of OAuth in `Authorization`; `None` for a header that is refused.
#[must_use]
pub fn oauth_client(authorization: &HeaderValue) -> Option<Vec<(String, String)>> {
    let plain = |(id, secret): (oauth::Text, oauth::Text)| (id.to_string(), secret.to_string());
    let read = basic(&with_authorization(authorization)).ok()??;
    Some(read.into_iter().map(plain).collect())
}

/// The grant type, the id and the secret of a form; `None` for a form that is refused.
#[must_use]
pub fn oauth_form(body: &[u8]) -> Option<[Option<String>; 3]> {
    let form = Form::parse(body).ok()?;
    Some(
        [form.grant_type, form.client_id, form.client_secret].map(|field| field.map(|text| text.to_string())),
    )
}

/// The key of a client in `Authorization`.
#[must_use]
pub fn client_key(authorization: &HeaderValue) -> Option<String> {
    keys::sent(&with_authorization(authorization)).map(|key| key.to_string())
}

/// Whether a listener at this address answers a request with this `Host` and target.
#[must_use]
pub fn allows_host(listener: SocketAddr, request: &Request<()>) -> bool {
    HostRule::new(listener).refusal(request).is_none()
}

/// The user whose socket with these ends is in this line of `/proc/net/tcp`.
#[must_use]
pub fn socket_owner(line: &str, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    server::owner_of(line, local, remote)
}

/// The requests of a client of the Secret Discovery Service whose bytes arrive in these parts, and how the call ends: with the code and
/// the reason of a status of gRPC, unless the client ends it.
pub fn sds_requests<'a>(
    parts: impl IntoIterator<Item = &'a [u8]>,
    max_length: usize,
) -> (Vec<SdsRequest>, Result<(), (u16, String)>) {
    sds::parsers::requests(parts, max_length)
}

/// The patch by which an agent with this name takes a Lease; `None` if it does not.
#[must_use]
pub fn lease_patch(lease: &Value, me: &str, now: Now) -> Option<String> {
    parsers::lease_patch(lease, me, now)
}

/// When the token in a Secret ends, and the patch for another token; `None` for what is no Secret.
#[must_use]
pub fn secret_patch(
    body: &[u8],
    key: &str,
    token: &str,
    end: SystemTime,
) -> Option<(Option<SystemTime>, String)> {
    parsers::secret_patch(body, key, token, end)
}

fn with_authorization(value: &HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([(header::AUTHORIZATION, value.clone())])
}
