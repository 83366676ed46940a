//! Credentials for code without an executor.

use http::HeaderValue;

#[cfg(feature = "object-storage")]
use super::EphemeralAccessKeyOptions;
use super::{Credentials, HeaderOptions, RevokeOptions, Revoked};
#[cfg(feature = "object-storage")]
use crate::cloud::iam::ephemeral_key::EphemeralAccessKey;
use crate::methods::Identity;
use crate::refresh::cached_header::Snapshot;
use crate::report::Report;
use crate::secret::Secret;
use crate::task::block_on::block_on;
use crate::task::cancel::is_inside_work;
use crate::{Error, ErrorKind};

/// [`Credentials`] for code without an executor. Each call blocks its thread; the library's one thread fetches.
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
    /// As [`Credentials::header`], and [`ErrorKind::Invalid`] inside a token source, where the call would wait for
    /// itself.
    pub fn header(&self) -> Result<Option<HeaderValue>, Error> {
        let cached = self.credentials.cached_header();
        cached.unwrap_or_else(|| self.header_with(HeaderOptions::new()))
    }

    /// As [`Credentials::header_with`].
    ///
    /// # Errors
    /// As [`header`](Self::header).
    pub fn header_with(&self, options: HeaderOptions) -> Result<Option<HeaderValue>, Error> {
        self.get(options).map(|snapshot| snapshot.header())
    }

    /// As [`Credentials::token`].
    ///
    /// # Errors
    /// As [`header`](Self::header).
    pub fn token(&self) -> Result<Option<Secret>, Error> {
        self.token_with(HeaderOptions::new())
    }

    /// As [`Credentials::token_with`].
    ///
    /// # Errors
    /// As [`header`](Self::header).
    pub fn token_with(&self, options: HeaderOptions) -> Result<Option<Secret>, Error> {
        self.get(options).map(|snapshot| snapshot.token())
    }

    /// As [`Credentials::get`].
    ///
    /// # Errors
    /// As [`header`](Self::header).
    pub fn get(&self, options: HeaderOptions) -> Result<Snapshot, Error> {
        wait_for(self.credentials.get(options))
    }

    /// As `Credentials::needs_shared_renewal`.
    #[cfg(feature = "shared-cache")]
    #[doc(hidden)]
    #[must_use]
    pub fn needs_shared_renewal(&self, snapshot: &Snapshot) -> bool {
        block_on(self.credentials.needs_shared_renewal(snapshot))
    }

    /// As [`Credentials::select`].
    ///
    /// # Errors
    /// As [`Credentials::select`].
    pub fn select(&self) -> Result<Report, Error> {
        wait_for(self.credentials.select())
    }

    /// As [`Credentials::identity`].
    ///
    /// # Errors
    /// As [`header`](Self::header).
    pub fn identity(&self, options: HeaderOptions) -> Result<Identity, Error> {
        wait_for(self.credentials.identity(options))
    }

    /// As [`Credentials::ephemeral_access_key`].
    ///
    /// # Errors
    /// As [`Credentials::ephemeral_access_key`].
    #[cfg(feature = "object-storage")]
    pub fn ephemeral_access_key(
        &self,
        options: EphemeralAccessKeyOptions,
    ) -> Result<EphemeralAccessKey, Error> {
        wait_for(self.credentials.ephemeral_access_key(options))
    }

    /// As [`Credentials::revoke`].
    ///
    /// # Errors
    /// As [`Credentials::revoke`].
    pub fn revoke(&self, options: RevokeOptions) -> Result<Revoked, Error> {
        wait_for(self.credentials.revoke(options))
    }
}

/// Blocks this thread until the call ends, unless this thread is the one that would have to end the wait.
fn wait_for<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    if is_inside_work() {
        return Err(Error::new(
            ErrorKind::Invalid,
            "`blocking()` inside a token source would wait for itself",
        )
        .with_help("await the other credentials instead"));
    }
    block_on(call)
}
