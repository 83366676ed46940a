//! What the models need and the public interface does not have.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::shared_cache::CacheIdentity;
use crate::system::BoxFuture;
use crate::{Error, Method, System, Token, TokenSource, refresh};

/// Records that a token was revoked, as [`Credentials::revoke`](crate::Credentials::revoke) does after the response of IAM.
pub fn record_revocation(token: &str) {
    refresh::revoked::record(token);
}

/// How long a fetch of a [`Shared`] source may take. A process waits for another one for half of this time.
pub const SHARED_TIMEOUT: Duration = Duration::from_secs(2);

/// A source whose tokens processes share.
pub struct Shared<S>(pub S);

impl<S: TokenSource> TokenSource for Shared<S> {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        self.0.fetch(system)
    }

    fn timeout(&self) -> Duration {
        SHARED_TIMEOUT
    }

    fn cache_identity<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Option<CacheIdentity>> {
        let identity = CacheIdentity {
            method: Method::Custom,
            endpoint: "https://iam.example".to_owned(),
            audience: None,
            identity: Some("ajefake".to_owned()),
            credential: Zeroizing::new(b"fake-credential".to_vec()),
        };
        Box::pin(std::future::ready(Some(identity)))
    }
}
