//! A token that is handed out again and again while it has life left, as the metadata service does.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use super::{Grant, Issued, Subject};
use crate::sync::lock;
use crate::wire::status::Status;

/// When a service makes a new token instead of handing out the one it has.
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
    /// Every time: no two answers carry the same token.
    Always,
    /// When less than this much of its life is left.
    Below(Duration),
    /// When less than this part of its lifetime is left, in percent.
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

/// Tokens in the hand of one service: the last that it gave to each subject for each kind of proof.
pub(crate) struct TokenCache {
    renewal: Renewal,
    current: Mutex<HashMap<(Subject, Grant), Issued>>,
}

impl TokenCache {
    pub(crate) fn new(renewal: Renewal) -> Self {
        Self { renewal, current: Mutex::default() }
    }

    /// The token of the hour. `same_old` keeps the present one whatever its age; `is_dead` tells of a
    /// token that has to go before its time.
    pub(crate) fn get(
        &self,
        subject: &Subject,
        grant: &Grant,
        now: SystemTime,
        same_old: bool,
        is_dead: impl FnOnce(&str) -> bool,
        issue: impl FnOnce() -> Result<Issued, Status>,
    ) -> Result<Issued, Status> {
        let mut current = lock(&self.current);
        let whose = (subject.clone(), grant.clone());
        if let Some(token) = current.get(&whose)
            && (same_old || !(self.renewal.is_due(token, now) || is_dead(&token.token)))
        {
            return Ok(token.clone());
        }
        let issued = issue()?;
        current.insert(whose, issued.clone());
        Ok(issued)
    }

    pub(crate) fn forget(&self) {
        lock(&self.current).clear();
    }
}
