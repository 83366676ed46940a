//! Credentials for code without an executor.

use http::HeaderValue;

use super::{Credentials, HeaderOptions, RevokeOptions, Revoked};
use crate::methods::Identity;
use crate::refresh::cached_header::Snapshot;
use crate::refresh::flight::{block_on, is_in_flight};
use crate::selection::Report;
use crate::{Error, ErrorKind};

/// [`Credentials`] for code without an executor. The one fetch thread of the library serves it; none is started per
/// call.
///
/// ```
/// use yandex_cloud_auth::{Credentials, IamTokenAuth};
/// let credentials = Credentials::from(IamTokenAuth::new("t1.fake.token")?);
/// assert_eq!(credentials.blocking().header()?.unwrap(), "Bearer t1.fake.token");
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Blocking {
    pub(super) credentials: Credentials,
}

impl Blocking {
    /// As [`Credentials::header`].
    ///
    /// # Errors
    /// As [`Credentials::header`]; also inside a token source, where it would wait for itself.
    pub fn header(&self) -> Result<Option<HeaderValue>, Error> {
        let get_cached = self.credentials.cached_header();
        get_cached.unwrap_or_else(|| self.header_with(HeaderOptions::new()))
    }

    /// As [`Credentials::header_with`].
    ///
    /// # Errors
    /// As [`header`](Self::header).
    pub fn header_with(&self, options: HeaderOptions) -> Result<Option<HeaderValue>, Error> {
        self.get(options).map(|snapshot| snapshot.header())
    }

    /// As [`Credentials::get`].
    ///
    /// # Errors
    /// As [`header`](Self::header).
    pub fn get(&self, options: HeaderOptions) -> Result<Snapshot, Error> {
        may_block()?;
        block_on(self.credentials.get(options))
    }

    /// As [`Credentials::select`].
    ///
    /// # Errors
    /// As [`Credentials::select`].
    pub fn select(&self) -> Result<Report, Error> {
        may_block()?;
        block_on(self.credentials.select())
    }

    /// As [`Credentials::identity`].
    ///
    /// # Errors
    /// As [`header`](Self::header).
    pub fn identity(&self, options: HeaderOptions) -> Result<Identity, Error> {
        may_block()?;
        block_on(self.credentials.identity(options))
    }

    /// As [`Credentials::revoke`].
    ///
    /// # Errors
    /// As [`Credentials::revoke`].
    pub fn revoke(&self, options: RevokeOptions) -> Result<Revoked, Error> {
        may_block()?;
        block_on(self.credentials.revoke(options))
    }
}

fn may_block() -> Result<(), Error> {
    if is_in_flight() {
        return Err(Error::new(
            ErrorKind::Invalid,
            "`blocking()` inside a token source would wait for itself",
        )
        .with_help("await the other credentials instead"));
    }
    Ok(())
}
