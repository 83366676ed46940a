//! A token as a source hands it over: the secret, and what is known about its life.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::secret::Secret;
use crate::system::Now;
use crate::{Error, ErrorKind};

/// How long a token is used without another look at its source (docs, "IAM token": ask for one hourly).
pub(crate) const MAX_AGE: Duration = Duration::from_secs(3600);

/// An IAM token and what its issuer said about its life.
///
/// ```
/// use std::time::Duration;
/// use yandex_cloud_auth::Token;
/// let token = Token::new("t1.fake.token")?.expiring_in(Duration::from_secs(3600));
/// assert!(!format!("{token:?}").contains("fake"));
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct Token {
    pub(crate) secret: Secret,
    pub(crate) life: Life,
}

/// What an answer says about a token's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Nothing.
    Unknown,
    /// So long from the answer (`expires_in`).
    In(Duration),
    /// Until a moment (`expiresAt`), by a clock that showed `date` when it answered (the header `Date`).
    Until { at: SystemTime, date: Option<SystemTime> },
}

impl Life {
    /// When the token ends, in the words of its issuer; `life` is what they come to from `began` on.
    pub(crate) fn end(self, began: Now, life: Option<Duration>) -> Option<SystemTime> {
        match (self, life) {
            (Self::Until { at, .. }, _) => Some(at),
            (Self::In(_), Some(life)) => SystemTime::UNIX_EPOCH.checked_add(began.wall + life),
            _ => None,
        }
    }
}

impl Token {
    /// A token that says nothing about its life: fresh for `max_age`, used for 12 h from first sight at most.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the value cannot be sent: empty, control characters, outside ASCII, with a scheme.
    pub fn new(value: impl AsRef<str>) -> Result<Self, Error> {
        let secret =
            Secret::parse(value.as_ref()).map_err(|reason| Error::new(ErrorKind::Invalid, reason))?;
        Ok(Self { secret, life: Life::Unknown })
    }

    /// With a life counted from the moment the fetch began. Outside 1 s to 24 h it is a bad answer.
    #[must_use]
    pub fn expiring_in(mut self, life: Duration) -> Self {
        self.life = Life::In(life);
        self
    }

    /// With a moment of expiry by the local wall clock. Outside 1 s to 24 h from now it is a bad answer.
    #[must_use]
    pub fn expiring_at(mut self, at: SystemTime) -> Self {
        self.life = Life::Until { at, date: None };
        self
    }

    /// With a moment of expiry by the clock of a server, which showed `date` when it answered.
    #[must_use]
    pub fn expiring_at_by(mut self, at: SystemTime, date: SystemTime) -> Self {
        self.life = Life::Until { at, date: Some(date) };
        self
    }

    /// The token itself. Whoever sees it can act for its owner until it expires.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        self.secret.expose()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Token").field("life", &self.life).finish_non_exhaustive()
    }
}
