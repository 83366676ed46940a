//! Tokens that a service returns again until they are near their expiry, as the metadata service does.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use super::{Grant, Issued, Subject};
use crate::sync::lock;
use crate::wire::status::Status;

/// When a service issues a new token instead of returning the previous one.
///
/// ```
/// use std::time::Duration;
/// use yandex_cloud_emulator::{Emulator, Renewal};
///
/// let _ = Emulator::builder()
///     .metadata_renewal(Renewal::BelowPercent(10))
///     .exchange_renewal(Renewal::Below(Duration::from_secs(3600)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Renewal {
    /// For every request.
    Always,
    /// When the remaining lifetime is less than this.
    Below(Duration),
    /// When the remaining lifetime is less than this part of the lifetime, in percent.
    BelowPercent(u8),
}

impl Renewal {
    fn is_due(self, token: &Issued, now: SystemTime) -> bool {
        let left = token.expires_at.duration_since(now).unwrap_or_default();
        match self {
            Self::Always => true,
            Self::Below(limit) => left < limit || left.is_zero(),
            Self::BelowPercent(percent) => {
                left.is_zero() || left.as_nanos() * 100 < token.lifetime.as_nanos() * u128::from(percent)
            }
        }
    }
}

/// The last token of a service for each subject and each grant.
pub(crate) struct TokenCache {
    renewal: Renewal,
    current: Mutex<HashMap<(Subject, Grant), Issued>>,
}

impl TokenCache {
    pub(crate) fn new(renewal: Renewal) -> Self {
        Self { renewal, current: Mutex::default() }
    }

    /// The current token. `same_old` returns the previous token even if it has expired. `is_revoked` says whether a
    /// token was revoked.
    pub(crate) fn get(
        &self,
        subject: &Subject,
        grant: &Grant,
        now: SystemTime,
        same_old: bool,
        is_revoked: impl FnOnce(&str) -> bool,
        issue: impl FnOnce() -> Result<Issued, Status>,
    ) -> Result<Issued, Status> {
        // The lock is held while a token is issued, so that concurrent requests get the same token.
        let mut current = lock(&self.current);
        let key = (subject.clone(), grant.clone());
        if let Some(token) = current.get(&key)
            && (same_old || !(self.renewal.is_due(token, now) || is_revoked(&token.token)))
        {
            return Ok(token.clone());
        }
        let issued = issue()?;
        current.insert(key, issued.clone());
        Ok(issued)
    }

    pub(crate) fn forget(&self) {
        lock(&self.current).clear();
    }
}
