//! Blocking work that callers share: a read of a file, a name lookup.
//!
//! Such work cannot be interrupted. A file can be a pipe without a writer, or on a server that is down, and the
//! operating system can look a name up for minutes. So each piece of work has a thread of its own, and a caller that
//! asks for the same work while it runs waits for that thread: work that hangs costs one thread, however often it is
//! asked for.
//!
//! The threads are not those of a tokio runtime: tokio panics where the operating system refuses a thread.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::per_process::{Owned, PerProcess};

/// The name of the threads of the library.
pub(super) const THREAD_NAME: &str = "yandex-cloud-auth";

/// The pieces of work that are under way, by what they are for.
#[doc(hidden)]
pub struct SharedWork<K, T> {
    under_way: PerProcess<UnderWay<K, T>>,
}

type UnderWay<K, T> = Mutex<BTreeMap<K, watch::Receiver<Option<T>>>>;

impl<K, T> SharedWork<K, T>
where
    K: Clone + Ord + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// No work.
    #[must_use]
    pub const fn new() -> Self {
        Self { under_way: PerProcess::new(|| Mutex::new(BTreeMap::new())) }
    }

    /// The result of the work for `key` that is under way, else that of `work`. Needs no runtime.
    ///
    /// # Errors
    /// The operating system's, where it refuses a thread. [`io::ErrorKind::Other`] where the work panicked.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the work.
    pub async fn run(&self, key: K, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let mut result = self.join_or_start(key, work)?;
        let result = match result.wait_for(Option::is_some).await {
            Ok(result) => result.clone(),
            Err(_) => None,
        };
        result.ok_or_else(|| io::Error::other("the thread for it has panicked"))
    }

    fn join_or_start(
        &self,
        key: K,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<watch::Receiver<Option<T>>> {
        let under_way = self.under_way.get();
        // Held while the thread starts, so that two callers do not start two threads.
        let mut entries = lock(&under_way);
        if let Some(result) = entries.get(&key) {
            return Ok(result.clone());
        }
        let (sender, result) = watch::channel(None);
        let (of_thread, key_of_thread) = (Arc::clone(&under_way), key.clone());
        std::thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(move || {
            let outcome = {
                // Removed before the result is out: a caller that asks after the result gets new work.
                let _entry = Entry { under_way: of_thread, key: key_of_thread };
                work()
            };
            sender.send_replace(Some(outcome));
        })?;
        entries.insert(key, result.clone());
        Ok(result)
    }
}

impl<K, T> Default for SharedWork<K, T>
where
    K: Clone + Ord + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<K, T> fmt::Debug for SharedWork<K, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SharedWork")
    }
}

/// Removes a piece of work from those that are under way, also where it panics.
struct Entry<K: Ord, T> {
    under_way: Arc<Owned<UnderWay<K, T>>>,
    key: K,
}

impl<K: Ord, T> Drop for Entry<K, T> {
    fn drop(&mut self) {
        let result = lock(&self.under_way).remove(&self.key);
        drop(result);
    }
}

fn lock<K, T>(under_way: &UnderWay<K, T>) -> MutexGuard<'_, BTreeMap<K, watch::Receiver<Option<T>>>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn callers_share_the_work_that_is_under_way_and_the_next_caller_starts_new_work() {
        let shared: Arc<SharedWork<&str, usize>> = Arc::new(SharedWork::new());
        let starts = Arc::new(AtomicUsize::new(0));
        let (release, held) = mpsc::channel::<()>();
        let mut held = Some(held);
        let mut results: Vec<_> = (0..3)
            .map(|_| {
                let (starts, held) = (Arc::clone(&starts), held.take());
                let work = move || {
                    held.unwrap().recv().unwrap();
                    starts.fetch_add(1, Ordering::SeqCst)
                };
                shared.join_or_start("a file", work).unwrap()
            })
            .collect();
        // Work for another key is not held up.
        assert_eq!(shared.run("another", || 7).await.unwrap(), 7);
        release.send(()).unwrap();
        for result in &mut results {
            assert_eq!(result.wait_for(Option::is_some).await.unwrap().unwrap(), 0);
        }
        assert_eq!(shared.run("a file", || 5).await.unwrap(), 5);
        assert!(lock(&shared.under_way.get()).is_empty());
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_and_the_next_caller_starts_new_work() {
        let shared: SharedWork<(), usize> = SharedWork::new();
        let panics = || panic!("the code of a user panicked (expected in this test)");
        assert_eq!(shared.run((), panics).await.unwrap_err().kind(), io::ErrorKind::Other);
        assert_eq!(shared.run((), || 1).await.unwrap(), 1);
    }
}
