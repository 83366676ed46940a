//! Uses of the store on threads of their own: a folder on a server that is down must not block the thread of the library.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use super::super::System;
use super::super::shared_work::THREAD_NAME;
use super::CacheStore;

/// How long one use of the store may take. A call does without the cache then.
const LIMIT: Duration = Duration::from_secs(1);

/// The store of one system. Clones share it.
#[derive(Clone)]
pub(crate) struct StoreWork {
    store: Arc<dyn CacheStore>,
    /// Whether a use of the store hangs. Until that use ends there is no other: each would cost a thread.
    hangs: Arc<AtomicBool>,
}

impl StoreWork {
    pub(crate) fn new(store: impl CacheStore) -> Self {
        Self { store: Arc::new(store), hangs: Arc::default() }
    }

    /// Uses the store.
    ///
    /// # Errors
    /// That of `work`; [`io::ErrorKind::TimedOut`] where the store hangs.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the work. Its result is dropped.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        system: &System,
        work: impl FnOnce(&dyn CacheStore) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        if !self.store.may_block() {
            return work(&*self.store);
        }
        if self.hangs.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let (sender, result) = oneshot::channel();
        let (store, hangs) = (Arc::clone(&self.store), Arc::clone(&self.hangs));
        let ended = Arc::new(AtomicBool::new(false));
        let of_thread = Arc::clone(&ended);
        std::thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(move || {
            let outcome = work(&*store);
            of_thread.store(true, Ordering::SeqCst);
            hangs.store(false, Ordering::SeqCst);
            // Where nobody waits any more, the result is dropped here, and with it a lock.
            drop(sender.send(outcome));
        })?;
        match system.within(LIMIT, result).await {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(io::Error::other("the thread for the cache has panicked")),
            None => {
                self.hangs.store(true, Ordering::SeqCst);
                // The thread may have ended since the timer did.
                if ended.load(Ordering::SeqCst) {
                    self.hangs.store(false, Ordering::SeqCst);
                }
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }
}
