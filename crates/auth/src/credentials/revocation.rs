//! Revoking the current token: IAM refuses it from then on, and no credentials in this process send it.

use std::time::Duration;

use super::{Credentials, HeaderOptions};
use crate::cloud::iam::{self, Iam};
use crate::error::in_seconds;
use crate::refresh::cached_header::{Scheme, Snapshot};
use crate::refresh::revoked;
use crate::task::run_detached::run_detached;
use crate::{Error, ErrorKind};

/// How long a revocation may take. The request goes to the IAM of the credentials, as their
/// [`System`](crate::System) says.
///
/// ```
/// use std::time::Duration;
/// use yandex_cloud_auth::RevokeOptions;
/// let options = RevokeOptions::new().timeout(Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RevokeOptions {
    timeout: Duration,
}

impl RevokeOptions {
    /// A revocation within 10 s.
    pub fn new() -> Self {
        Self { timeout: iam::TIMEOUT }
    }

    /// How long discovery and revocation may take together; 10 s by default. If no token is cached, the fetch before
    /// them may take the same time again.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }
}

impl Default for RevokeOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// What IAM returned for a revoked token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revoked {
    /// The subject of the token: the id of a service account or of a user; `None` if IAM did not return it.
    pub subject_id: Option<String>,
}

impl Credentials {
    /// Revokes the current token, after a fetch if no token is cached. IAM refuses the token from then on (docs,
    /// "Revoking an IAM token"), and no credentials in this process send it again. Credentials that can fetch another
    /// token do so at their next call; credentials that were given this token fail with [`ErrorKind::Refused`].
    ///
    /// Tokens that were made with this one by impersonation stay valid.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for methods that have no IAM token (`api-key`, `none`); why there is no token; why IAM
    /// could not be reached, or its refusal. In these cases the token stays in use.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the request: the token may be revoked or not.
    ///
    /// ```no_run
    /// use yandex_cloud_auth::{Credentials, IamTokenAuth, RevokeOptions};
    /// # async fn example() -> Result<(), yandex_cloud_auth::Error> {
    /// let leaked = Credentials::from(IamTokenAuth::new("t1.fake.leaked-token")?);
    /// let revoked = leaked.revoke(RevokeOptions::new()).await?;
    /// println!("it was a token of {:?}", revoked.subject_id);
    /// # Ok(()) }
    /// ```
    pub async fn revoke(&self, options: RevokeOptions) -> Result<Revoked, Error> {
        let limit = options.timeout;
        let snapshot = self.get(HeaderOptions::new().deadline(limit)).await?;
        let subject_id = self.revoke_token_of(&snapshot, limit).await;
        Ok(Revoked { subject_id: subject_id.map_err(|error| error.of(snapshot.method()))? })
    }

    async fn revoke_token_of(&self, snapshot: &Snapshot, limit: Duration) -> Result<Option<String>, Error> {
        let (bearer, token) = match (snapshot.scheme(), snapshot.header(), snapshot.token()) {
            (Some(Scheme::Bearer), Some(header), Some(token)) => (header, token),
            (Some(Scheme::ApiKey), ..) => {
                return Err(Error::new(ErrorKind::Invalid, "an API key cannot be revoked like a token")
                    .with_help(
                        "only an IAM token (`t1.…`) can be revoked; a value of any other form counts as an API key. Delete an API \
                         key with `yc iam api-key delete ID`, or in the console of its service account",
                    ));
            }
            _ => return Err(Error::new(ErrorKind::Invalid, "the credentials have no token to revoke")),
        };
        let system = self.inner.system.clone();
        let iam = Iam::new(&self.resolve_installation().await?, limit, "the token")?;
        let work = async move {
            let limit = iam.timeout();
            let outcome = system.within(limit, iam.revoke(&bearer, &token, &system)).await;
            let outcome = outcome.unwrap_or_else(|| {
                Err(Error::new(
                    ErrorKind::Unavailable,
                    format!("the token was not revoked within {}", in_seconds(limit)),
                )
                .with_help("IAM may have revoked the token after this time; try again"))
            });
            if outcome.is_ok() {
                revoked::record(token.expose());
            }
            // With 401 IAM has refused the token itself: another program has revoked it.
            #[cfg(feature = "shared-cache")]
            if outcome.as_ref().map_or_else(|error| error.status() == Some(401), |_| true) {
                super::shared::forget(&token, &system).await;
            }
            outcome
        };
        run_detached(&self.inner.system, work).await?
    }
}
