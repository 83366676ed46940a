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
//! The trait of ydb is blocking, and ydb calls it on a thread that may block (`spawn_blocking`). The call waits there
//! for the shared fetch of the library, as `credentials.blocking()` does. Only the first request of ydb waits for it:
//! later requests use the current token, while ydb gets the next one in the background.
//!
//! # How long ydb uses a token
//! ydb uses a token for an hour, then asks for another. ydb cannot be told the lifetime of a token. So this crate asks
//! for a token that lives longer than an hour, which may refresh the token early. If there is no such token, ydb gets
//! the token that is usable, and a warning is logged: the last requests of the hour may then be refused. ydb does not
//! report a refused token, so a refused token is replaced only when the hour is over.

use std::time::Duration;

use yandex_cloud_auth::{Credentials, Error, HeaderOptions};
use ydb::{AccessTokenCredentials, TokenInfo, YdbError, YdbResult};

/// How long a token must live: the hour for which ydb uses it, and a minute to get the next one.
const MIN_TTL: Duration = Duration::from_secs(61 * 60);

/// Gives ydb the tokens of [`Credentials`].
///
/// The tokens have their scheme in front, like those of ydb's own methods. With the method `none` ydb is anonymous.
#[derive(Clone, Debug)]
pub struct YdbCredentials {
    credentials: Credentials,
}

impl YdbCredentials {
    /// Wraps credentials. All clones of the credentials share their tokens.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }

    /// The text that ydb sends with a request. Blocks this thread until there is one.
    fn ticket(&self) -> Result<String, Error> {
        let blocking = self.credentials.blocking();
        let header = blocking.header_with(HeaderOptions::new().min_ttl(MIN_TTL)).or_else(|error| {
            let header = blocking.header().map_err(|_| error.clone())?;
            tracing::warn!(%error, "ydb uses a token for an hour, but this one may expire earlier");
            Ok(header)
        })?;
        // Headers of the library are visible ASCII, so nothing is lost here.
        Ok(header.map(|header| String::from_utf8_lossy(header.as_bytes()).into_owned()).unwrap_or_default())
    }
}

impl From<Credentials> for YdbCredentials {
    fn from(credentials: Credentials) -> Self {
        Self::new(credentials)
    }
}

/// A transient error is `UNAVAILABLE`, which ydb retries without a limit. Any other error is `UNAUTHENTICATED`, which
/// ydb returns; its message has the help.
impl ydb::Credentials for YdbCredentials {
    fn create_token(&self) -> YdbResult<TokenInfo> {
        let ticket = self.ticket().map_err(|error| YdbError::from(tonic::Status::from(error)))?;
        // Outside of ydb there is no other way to make a `TokenInfo`.
        AccessTokenCredentials::from(ticket).create_token()
    }

    fn debug_string(&self) -> String {
        format!("{self:?}")
    }
}
