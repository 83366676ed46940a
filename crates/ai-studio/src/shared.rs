//! Something that is found out once: one look at a time, whose outcome is shared by all who wait for it.
//!
//! A look runs where the machine runs fetches, and not in the call that needed it first: so it outlives that call's
//! deadline and runtime, and whoever leaves hurts nobody.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::sync::watch;
use yandex_cloud_auth::System;

use crate::error::{Error, ErrorKind};

/// What was found stays; a failure is told to those who waited for it, and the next one looks again.
pub(crate) struct Shared<T> {
    look: Mutex<Option<Look<T>>>,
}

/// A look: `None` until it has ended.
type Look<T> = watch::Receiver<Option<Result<T, Error>>>;

impl<T: Clone + Send + Sync + 'static> Shared<T> {
    /// What is kept, else what `look` finds. It goes on where nobody waits for it any more, as long as there is this.
    pub(crate) async fn get<F>(&self, system: &System, look: impl FnOnce() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let mut under_way = match self.begun(system, look) {
            Ok(kept) => return Ok(kept),
            Err(look) => look,
        };
        let ended = under_way.wait_for(Option::is_some).await;
        let outcome = ended.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(Error::new(ErrorKind::Unavailable, "the search was given up halfway")))
    }

    /// What is kept, else the look that is under way, or begins.
    fn begun<F>(&self, system: &System, look: impl FnOnce() -> F) -> Result<T, Look<T>>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let mut place = self.place();
        if let Some(look) = &*place {
            match &*look.borrow() {
                Some(Ok(kept)) => return Ok(kept.clone()),
                None if look.has_changed().is_ok() => return Err(look.clone()),
                Some(Err(_)) | None => {}
            }
        }
        let (told, begun) = watch::channel(None);
        *place = Some(begun.clone());
        drop(place);
        system.spawner().spawn(Box::pin(tell(told, look())));
        Err(begun)
    }

    /// Looks anew where `old` says that what is kept has become old, and gives what is to be kept until the look has
    /// ended; after a failure that stays.
    pub(crate) fn renew<F>(
        &self,
        system: &System,
        old: impl FnOnce(&T) -> Option<T>,
        look: impl FnOnce(T) -> F,
    ) where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let mut place = self.place();
        let kept = place.as_ref().and_then(|look| old(look.borrow().as_ref()?.as_ref().ok()?));
        let Some(kept) = kept else { return };
        let (told, begun) = watch::channel(Some(Ok(kept.clone())));
        *place = Some(begun);
        drop(place);
        let look = look(kept.clone());
        let renewed = async move { Ok(look.await.unwrap_or(kept)) };
        system.spawner().spawn(Box::pin(tell(told, renewed)));
    }

    /// What is kept, without waiting for anybody.
    pub(crate) fn peek(&self) -> Option<T> {
        self.place().as_ref()?.borrow().as_ref()?.as_ref().ok().cloned()
    }

    /// Keeps what needed no look.
    pub(crate) fn keep(&self, found: T) {
        *self.place() = Some(watch::channel(Some(Ok(found))).1);
    }

    /// Forgets what is kept; a look that is under way goes on.
    pub(crate) fn forget(&self) {
        let mut place = self.place();
        if place.as_ref().is_some_and(|look| look.borrow().is_some()) {
            *place = None;
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<Look<T>>> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works, and tells the outcome; gives up where there is nobody left who could ask for it.
async fn tell<T>(
    told: watch::Sender<Option<Result<T, Error>>>,
    work: impl Future<Output = Result<T, Error>>,
) {
    let outcome = {
        let (mut work, mut forsaken) = (pin!(work), pin!(told.closed()));
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => forsaken.as_mut().poll(context).map(|()| None),
        })
        .await
    };
    if outcome.is_some() {
        told.send_replace(outcome);
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { look: Mutex::new(None) }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Shared")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn all_who_wait_share_one_failure_and_the_next_one_looks_again() {
        let (shared, system) = (Shared::<u32>::default(), System::real());
        let looks = Arc::new(AtomicUsize::new(0));
        let (let_go, held) = oneshot::channel::<()>();
        let mut held = Some(held);
        let outcomes = (0..100).map(|_| {
            let (looks, held) = (Arc::clone(&looks), held.take());
            shared.get(&system, move || async move {
                looks.fetch_add(1, Ordering::Relaxed);
                let _ = held.unwrap().await;
                Err(Error::new(ErrorKind::Unavailable, "down"))
            })
        });
        let mut outcomes = pin!(join_all(outcomes));
        assert!(futures_util::poll!(outcomes.as_mut()).is_pending());
        let_go.send(()).unwrap();
        assert!(outcomes.await.iter().all(Result::is_err));
        assert_eq!(looks.load(Ordering::Relaxed), 1);

        assert_eq!(shared.get(&system, || async { Ok(7) }).await.unwrap(), 7);
        assert_eq!(shared.get(&system, || async { Ok(8) }).await.unwrap(), 7);
        assert_eq!(shared.peek(), Some(7));
        shared.forget();
        assert_eq!(shared.peek(), None);
        assert_eq!(shared.get(&system, || async { Ok(8) }).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn who_leaves_ends_no_look_and_the_next_one_waits_for_the_same() {
        let (shared, system) = (Shared::<u32>::default(), System::real());
        let (let_go, held) = oneshot::channel::<()>();
        {
            let first = shared.get(&system, || async {
                let _ = held.await;
                Ok(1)
            });
            let mut first = pin!(first);
            assert!(futures_util::poll!(first.as_mut()).is_pending());
        }
        let second = shared.get(&system, || async { Ok(2) });
        let mut second = pin!(second);
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        let_go.send(()).unwrap();
        assert_eq!(second.await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_look_that_nobody_can_ask_for_any_more_is_dropped() {
        let (shared, system) = (Shared::<u32>::default(), System::real());
        let (mut dropped, held) = oneshot::channel::<()>();
        {
            let look = shared.get(&system, || async {
                let _ = held.await;
                Ok(1)
            });
            assert!(futures_util::poll!(pin!(look)).is_pending());
        }
        drop(shared);
        dropped.closed().await;
    }

    #[tokio::test]
    async fn a_look_that_panics_is_an_error_and_the_next_one_looks_again() {
        let (shared, system) = (Shared::<u32>::default(), System::real());
        let panics = || async { panic!("a file of the user's panicked (expected in this test)") };
        assert_eq!(shared.get(&system, panics).await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(shared.get(&system, || async { Ok(1) }).await.unwrap(), 1);
    }
}
