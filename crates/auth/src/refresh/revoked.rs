//! The tokens that this process has revoked. No credentials of the process send them any more.
//!
//! A check costs the holder of a token one read of a number. Only when the number has changed does the holder look its
//! own token up. Of a token only a keyed hash is kept.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use super::thread_copies;
use crate::sync::{AtomicU64, LazyLock, Mutex, Ordering, lock};
use crate::{Error, ErrorKind};

/// Older tokens are forgotten: they expire within twelve hours, and a process revokes few.
const MAX_REMEMBERED: usize = 1024;

/// How many tokens were revoked so far.
static REVOCATIONS: AtomicU64 = AtomicU64::new(0);

static REVOKED: LazyLock<RevokedTokens> = LazyLock::new(RevokedTokens::default);

#[derive(Default)]
struct RevokedTokens {
    keys: [RandomState; 2],
    hashes: Mutex<VecDeque<[u64; 2]>>,
}

impl RevokedTokens {
    fn hash(&self, token: &str) -> [u64; 2] {
        [0, 1].map(|at| self.keys[at].hash_one(token))
    }
}

/// Records that a token was revoked.
pub(crate) fn record(token: &str) {
    let hash = REVOKED.hash(token);
    let mut hashes = lock(&REVOKED.hashes);
    if !hashes.contains(&hash) {
        if hashes.len() >= MAX_REMEMBERED {
            hashes.pop_front();
        }
        hashes.push_back(hash);
    }
    // Under the lock and after the hash: a holder that sees the new number finds the hash.
    REVOCATIONS.fetch_add(1, Ordering::Release);
    thread_copies::record_change();
}

/// Whether a token was revoked.
pub(crate) fn contains(token: &str) -> bool {
    REVOCATIONS.load(Ordering::Acquire) > 0 && {
        let hash = REVOKED.hash(token);
        lock(&REVOKED.hashes).contains(&hash)
    }
}

/// Holds the lock of the list.
#[cfg(test)]
pub(super) fn lock_list() -> crate::sync::MutexGuard<'static, VecDeque<[u64; 2]>> {
    lock(&REVOKED.hashes)
}

/// The error for credentials whose only token is revoked.
pub(crate) fn error() -> Error {
    Error::new(ErrorKind::Refused, "the token was revoked in this process, and the source has no other")
        .with_help("give a new token, or wait until the source has one")
}

/// What one holder knows about its own token: the number of revocations at its last look.
#[derive(Debug, Default)]
pub(crate) struct RevocationCheck {
    seen: AtomicU64,
}

impl RevocationCheck {
    /// Whether the token was revoked. `is_revoked` looks the token up; called only after a new revocation.
    #[inline]
    pub(crate) fn is_revoked(&self, is_revoked: impl FnOnce() -> bool) -> bool {
        let revocations = REVOCATIONS.load(Ordering::Acquire);
        if self.seen.load(Ordering::Relaxed) == revocations {
            return false;
        }
        if is_revoked() {
            // The number is not stored, so that the next check finds the token revoked again.
            return true;
        }
        self.seen.store(revocations, Ordering::Relaxed);
        false
    }

    #[cfg(test)]
    pub(super) fn see_all(&self) {
        self.seen.store(REVOCATIONS.load(Ordering::Acquire), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_finds_its_own_token_and_no_other() {
        let (held, other) = (RevocationCheck::default(), RevocationCheck::default());
        let revoked = |check: &RevocationCheck, token: &str| check.is_revoked(|| contains(token));
        assert!(!revoked(&held, "t1.fake.revoked-here") && !contains("t1.fake.revoked-here"));
        record("t1.fake.revoked-here");
        assert!(contains("t1.fake.revoked-here"));
        for _ in 0..2 {
            assert!(revoked(&held, "t1.fake.revoked-here"));
            assert!(!revoked(&other, "t1.fake.another"));
        }
    }
}
