//! A token as a source returns it: the secret, and what is known about its life.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::secret::Secret;
use crate::{Error, recognize};

const SECOND: Duration = Duration::from_secs(1);

/// How long a token is used before the source is asked again (docs, "IAM token": ask for one hourly).
pub(crate) const MAX_AGE: Duration = Duration::from_secs(3600);

/// The longest life of an IAM token (docs, "IAM token"), assumed for a token whose life is unknown.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_secs(12 * 3600);

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

/// What to do about a value that is not a token.
const HELP: &str = "the source of the token must return the bare token, on one line, as it was issued";

impl Token {
    /// A token of unknown life: fresh for `max_age` of its source, and used for 12 h from first sight at most.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the value is not an IAM token: one begins with `t`, a digit and a dot, or has at least 32
    /// characters of `[A-Za-z0-9._=-]` and is nothing else.
    pub fn new(value: impl AsRef<str>) -> Result<Self, Error> {
        let token = recognize::iam_token(value.as_ref()).map_err(|error| {
            let help = error.help().unwrap_or_default().to_owned();
            error.with_help(format!("{help}; {HELP}"))
        })?;
        let secret = token.into_secret();
        Ok(Self { secret, life: Life::Unknown })
    }

    /// With a life counted from the moment the fetch began. A life outside 1 s to 24 h is an error of the fetch.
    #[must_use]
    pub fn expiring_in(mut self, life: Duration) -> Self {
        self.life = Life::In(life);
        self
    }

    /// With a moment of expiry by the local wall clock. A life outside 1 s to 24 h is an error of the fetch.
    #[must_use]
    pub fn expiring_at(mut self, at: SystemTime) -> Self {
        self.life = Life::Until { at, date: None };
        self
    }

    /// With a moment of expiry by the clock of a server, which showed `date` when it responded.
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

/// What a response says about the life of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Nothing.
    Unknown,
    /// That it has no end: an API key.
    Unlimited,
    /// A time from the response on (`expires_in`).
    In(Duration),
    /// Until a moment (`expiresAt`), by a clock that showed `date` when it responded (the header `Date`).
    Until { at: SystemTime, date: Option<SystemTime> },
}

impl Life {
    /// The length of the life of a token whose fetch began at `began`, a time since the Unix epoch by the local clock;
    /// `None` for a token of unknown or unlimited life.
    ///
    /// # Errors
    /// IAM tokens live for 12 h at most, so a life outside 1 s to 24 h cannot be right.
    pub(crate) fn length(self, began: Duration) -> Result<Option<Duration>, BadLife> {
        let length = match self {
            Self::Unknown | Self::Unlimited => return Ok(None),
            Self::In(length) => length,
            Self::Until { at, date } => {
                let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                let by_local_clock = at.saturating_sub(began);
                match date.and_then(|date| date.duration_since(SystemTime::UNIX_EPOCH).ok()) {
                    // `Date` has whole seconds, so the shorter of two lives is closer to the truth where the clocks
                    // agree.
                    Some(date) if date.abs_diff(began) <= 5 * SECOND => {
                        by_local_clock.min(at.saturating_sub(date))
                    }
                    // Where the clocks disagree, the server's counts, less the second that `Date` may have cut off.
                    Some(date) => at.saturating_sub(date + SECOND),
                    None => by_local_clock,
                }
            }
        };
        if (SECOND..=Duration::from_secs(24 * 3600)).contains(&length) {
            Ok(Some(length))
        } else {
            Err(BadLife(length))
        }
    }

    /// When the token ends according to its issuer. `length` is what [`length`](Self::length) returned for `began`.
    pub(crate) fn end(self, began: Duration, length: Option<Duration>) -> Option<SystemTime> {
        match (self, length) {
            (Self::Until { at, .. }, _) => Some(at),
            (Self::In(_), Some(length)) => SystemTime::UNIX_EPOCH.checked_add(began + length),
            _ => None,
        }
    }
}

/// A life outside 1 s to 24 h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadLife(pub(crate) Duration);

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: Duration = Duration::from_secs(1_800_000_000);

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_servers_clock_gives_the_life_where_the_response_has_a_date() {
        let at = |seconds| SystemTime::UNIX_EPOCH + secs(seconds);
        let local = LOCAL.as_secs();
        // what the response says -> the length of the life
        for (life, length) in [
            (Life::Unknown, Ok(None)),
            (Life::Unlimited, Ok(None)),
            (Life::In(secs(300)), Ok(Some(secs(300)))),
            (Life::In(secs(0)), Err(BadLife(secs(0)))),
            (Life::In(secs(86_401)), Err(BadLife(secs(86_401)))),
            (Life::Until { at: at(local + 60), date: None }, Ok(Some(secs(60)))),
            // The local clock is two days slow, then two days fast.
            (Life::Until { at: at(local + 172_860), date: Some(at(local + 172_800)) }, Ok(Some(secs(59)))),
            (Life::Until { at: at(local - 172_740), date: Some(at(local - 172_800)) }, Ok(Some(secs(59)))),
            // `Date` was cut to a whole second: the shorter life counts.
            (Life::Until { at: at(local + 3), date: Some(at(local - 1)) }, Ok(Some(secs(3)))),
            (Life::Until { at: at(local - 1), date: None }, Err(BadLife(secs(0)))),
        ] {
            assert_eq!(life.length(LOCAL), length, "{life:?}");
        }
    }
}
