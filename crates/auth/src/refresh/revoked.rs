//! The tokens that this process has had revoked: whoever holds one here sends it no more.
//!
//! What a holder pays for it is one look at a number. Only when the number has changed does it look whether its own
//! token is meant. Of a token nothing is kept but a keyed hash.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::{Error, ErrorKind};

/// More are not remembered: they are over within twelve hours, and a process revokes few.
const MOST: usize = 1024;

/// How many were revoked so far.
static EPOCH: AtomicU64 = AtomicU64::new(0);

static MARKS: LazyLock<Marks> = LazyLock::new(Marks::default);

#[derive(Default)]
struct Marks {
    keys: [RandomState; 2],
    revoked: Mutex<VecDeque<[u64; 2]>>,
}

impl Marks {
    fn of(&self, token: &str) -> [u64; 2] {
        [0, 1].map(|at| self.keys[at].hash_one(token))
    }
}

/// Takes down that a token was revoked.
pub(crate) fn note(token: &str) {
    let mark = MARKS.of(token);
    let mut revoked = MARKS.revoked.lock().unwrap_or_else(PoisonError::into_inner);
    if !revoked.contains(&mark) {
        if revoked.len() >= MOST {
            revoked.pop_front();
        }
        revoked.push_back(mark);
    }
    // Under the lock, and after the mark: whoever sees the new number finds the mark.
    EPOCH.fetch_add(1, Ordering::Release);
}

/// Whether a token was revoked.
pub(crate) fn contains(token: &str) -> bool {
    EPOCH.load(Ordering::Acquire) > 0 && {
        let mark = MARKS.of(token);
        MARKS.revoked.lock().unwrap_or_else(PoisonError::into_inner).contains(&mark)
    }
}

/// The error of whoever has nothing but a revoked token.
pub(crate) fn error() -> Error {
    Error::new(ErrorKind::Refused, "the token was revoked in this process, and the source has no other")
        .with_help("give a new token, or wait until the source has one")
}

/// What one holder knows of its own token.
#[derive(Debug, Default)]
pub(crate) struct Known(AtomicU64);

impl Known {
    /// Whether the token was revoked since it was first held.
    #[inline]
    pub(crate) fn is_revoked(&self, contained: impl FnOnce() -> bool) -> bool {
        let epoch = EPOCH.load(Ordering::Acquire);
        if self.0.load(Ordering::Relaxed) == epoch {
            return false;
        }
        if contained() {
            return true;
        }
        self.0.store(epoch, Ordering::Relaxed);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_sees_its_own_token_and_no_other() {
        let (held, other) = (Known::default(), Known::default());
        let revoked = |known: &Known, token: &str| known.is_revoked(|| contains(token));
        assert!(!revoked(&held, "t1.fake.revoked-here") && !contains("t1.fake.revoked-here"));
        note("t1.fake.revoked-here");
        assert!(contains("t1.fake.revoked-here"));
        for _ in 0..2 {
            assert!(revoked(&held, "t1.fake.revoked-here"));
            assert!(!revoked(&other, "t1.fake.another"));
        }
    }
}
