//! Revoking the token at hand: IAM forgets it, and so does everybody in this process.

use std::time::Duration;

use super::{Credentials, HeaderOptions, dropped};
use crate::cloud::iam::{self, Iam};
use crate::refresh::cached_header::Scheme;
use crate::refresh::revoked;
use crate::secret::Secret;
use crate::task::run_detached::run_detached;
use crate::{Error, ErrorKind};

/// How long a revocation may take. It goes to the IAM of the credentials, as their [`System`](crate::System) says.
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
    /// Within 10 s.
    pub fn new() -> Self {
        Self { timeout: iam::TIMEOUT }
    }

    /// How long discovery and revocation may take together; 10 s. As long again may be waited for a token where none is
    /// at hand.
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

/// What IAM said of a token that it has revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revoked {
    /// Whose token it was: the id of a service account or of a user; `None` where IAM did not say.
    pub subject_id: Option<String>,
}

impl Credentials {
    /// Revokes the token at hand, or the one that is fetched for it: IAM takes it no more (docs, "Revoking an IAM
    /// token"), and no credentials in this process send it any more, whichever they are. Those that can fetch another
    /// one do so at their next call; those that were given this one fail from now on with
    /// [`ErrorKind::Refused`].
    ///
    /// Tokens that were made with this one, by impersonation, are others, and live on.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for methods that have no IAM token (`api-key`, `none`); why there is no token; why IAM
    /// could not be asked, or its "no": then nothing is dropped.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the request back: whether the token was revoked is not known then.
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
        let method = snapshot.method();
        let told = |error: Error| error.of(method);
        let (bearer, token) = match (snapshot.scheme(), snapshot.header(), snapshot.expose_secret()) {
            (Some(Scheme::Bearer), Some(header), Some(token)) => {
                let token = Secret::parse(token);
                (header, token.map_err(|reason| told(Error::new(ErrorKind::Invalid, reason)))?)
            }
            (Some(Scheme::ApiKey), ..) => {
                return Err(told(
                    Error::new(ErrorKind::Invalid, "an API key cannot be revoked as a token is").with_help(
                        "delete it: `yc iam api-key delete ID`, or in the console of its service account",
                    ),
                ));
            }
            _ => return Err(told(Error::new(ErrorKind::Invalid, "there is no token to revoke"))),
        };
        let system = self.inner.system.clone();
        let installation = self.installation().map_err(told)?;
        let iam = Iam::new(&installation, limit, "the token").map_err(told)?;
        let work = async move {
            let limit = iam.timeout();
            let asked = system.within(limit, iam.revoke(&bearer, &token, &system)).await;
            let asked = asked.unwrap_or_else(|| {
                Err(Error::new(ErrorKind::Unavailable, format!("the token was not revoked within {limit:?}"))
                    .with_help("it may have been all the same; try again"))
            });
            if asked.is_ok() {
                revoked::record(token.expose());
            }
            asked
        };
        let subject_id =
            run_detached(&self.inner.system, work).await.unwrap_or_else(|| Err(dropped())).map_err(told)?;
        Ok(Revoked { subject_id })
    }
}
