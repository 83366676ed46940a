//! Something that is found out once: one look at a time, whose outcome is shared by all who wait for it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use crate::error::Error;

/// What was found stays; a failure is told to those who waited for it, and the next one looks again.
pub(crate) struct Shared<T> {
    state: Mutex<State<T>>,
    /// How many looks have ended. Whoever waited while one ended need not look again.
    looks: AtomicU64,
}

struct State<T> {
    kept: Option<T>,
    failure: Option<Error>,
}

impl<T: Clone> Shared<T> {
    /// What is kept, else what `look` finds. Dropping it ends the look; the next one who waits begins anew.
    pub(crate) async fn get(&self, look: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let before = self.looks.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        if let Some(kept) = &state.kept {
            return Ok(kept.clone());
        }
        if self.looks.load(Ordering::Acquire) != before
            && let Some(failure) = &state.failure
        {
            return Err(failure.clone());
        }
        let outcome = look.await;
        match &outcome {
            Ok(found) => state.kept = Some(found.clone()),
            Err(error) => state.failure = Some(error.clone()),
        }
        self.looks.fetch_add(1, Ordering::Release);
        outcome
    }

    /// What is kept, without waiting for anybody.
    pub(crate) fn peek(&self) -> Option<T> {
        self.state.try_lock().ok()?.kept.clone()
    }

    /// Forgets what is kept.
    pub(crate) async fn forget(&self) {
        self.state.lock().await.kept = None;
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { kept: None, failure: None }), looks: AtomicU64::new(0) }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Shared")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::ErrorKind;

    #[tokio::test]
    async fn all_who_wait_share_one_failure_and_the_next_one_looks_again() {
        let shared = Shared::<u32>::default();
        let looks = AtomicUsize::new(0);
        let fail = || async {
            looks.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Err(Error::new(ErrorKind::Unavailable, "down"))
        };
        let outcomes = futures_util::future::join_all((0..100).map(|_| shared.get(fail()))).await;
        assert!(outcomes.iter().all(Result::is_err));
        assert_eq!(looks.load(Ordering::Relaxed), 1);
        assert!(shared.get(fail()).await.is_err());
        assert_eq!(looks.load(Ordering::Relaxed), 2);
        assert_eq!(shared.get(async { Ok(7) }).await.unwrap(), 7);
        assert_eq!((shared.get(fail()).await.unwrap(), shared.peek()), (7, Some(7)));
        assert_eq!(looks.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn who_leaves_lets_the_next_one_look() {
        let shared = Shared::<u32>::default();
        {
            let mut left = std::pin::pin!(shared.get(std::future::pending()));
            assert!(futures_util::poll!(left.as_mut()).is_pending());
        }
        assert_eq!(shared.get(async { Ok(1) }).await.unwrap(), 1);
        assert_eq!(shared.peek(), Some(1));
        shared.forget().await;
        assert_eq!(shared.peek(), None);
    }
}
