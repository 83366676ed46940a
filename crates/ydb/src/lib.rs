//! Credentials of [`yandex-cloud-auth`](yandex_cloud_auth) for the [`ydb`] crate.
//!
//! ```no_run
//! use yandex_cloud_auth::Credentials;
//! use yandex_cloud_auth_ydb::YdbCredentials;
//!
//! # async fn example() -> ydb::YdbResult<()> {
//! let client = ydb::ClientBuilder::new_from_connection_string("grpcs://ydb.example:2135/?database=/ru/b1g/etn")?
//!     .with_credentials(YdbCredentials::new(Credentials::automatic()))
//!     .build()
//!     .await?;
//! # let _ = client;
//! # Ok(()) }
//! ```
//!
//! # What blocks, and where
//! ydb's trait is a blocking one, and ydb calls it on a thread that may wait (`spawn_blocking`). There the call waits
//! for the library's one fetch, as `credentials.blocking()` does. ydb's own requests never wait for it but the first:
//! they go with the token that ydb has, while the next is fetched beside them.
//!
//! # What ydb does with a token
//! It keeps it for an hour, then asks for another; how long the token lives it cannot be told. So this asks for one
//! that lives longer than that, which may refresh it early. Where none is to be had, ydb gets the token that is
//! usable, and a warning is logged: its last requests of the hour may then be refused. A token that a server refused
//! is not replaced before the hour is over, for ydb does not tell.

use std::time::Duration;

use yandex_cloud_auth::{Credentials, Error, HeaderOptions};
use ydb::{AccessTokenCredentials, TokenInfo, YdbError, YdbResult};

/// ydb keeps a token for an hour, and takes its time to ask for the next.
const KEPT: Duration = Duration::from_secs(61 * 60);

/// Gives ydb the tokens of [`Credentials`].
///
/// They go with their scheme in front, as those of ydb's own methods do. With the method `none` it is anonymous.
#[derive(Clone, Debug)]
pub struct YdbCredentials {
    credentials: Credentials,
}

impl YdbCredentials {
    /// These credentials, shared with whoever else has a clone of them.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }

    /// The text that goes with a request, waited for on this thread.
    fn ticket(&self) -> Result<String, Error> {
        let blocking = self.credentials.blocking();
        let header = blocking.header_with(HeaderOptions::new().min_ttl(KEPT)).or_else(|error| {
            let header = blocking.header().map_err(|_| error.clone())?;
            tracing::warn!(%error, "ydb keeps a token for an hour, and this one may not live as long");
            Ok(header)
        })?;
        // A header of the library is visible ASCII.
        Ok(header.map(|header| String::from_utf8_lossy(header.as_bytes()).into_owned()).unwrap_or_default())
    }
}

impl From<Credentials> for YdbCredentials {
    fn from(credentials: Credentials) -> Self {
        Self::new(credentials)
    }
}

/// What may pass is `UNAVAILABLE`, which ydb tries again for as long as it takes; all else is `UNAUTHENTICATED`, which
/// it returns, with what to do next in the message.
impl ydb::Credentials for YdbCredentials {
    fn create_token(&self) -> YdbResult<TokenInfo> {
        let ticket = self.ticket().map_err(|error| YdbError::from(tonic::Status::from(error)))?;
        // The only way to a `TokenInfo` from outside of ydb.
        AccessTokenCredentials::from(ticket).create_token()
    }

    fn debug_string(&self) -> String {
        format!("{self:?}")
    }
}
