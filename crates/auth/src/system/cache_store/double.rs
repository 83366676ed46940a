//! A store in memory, for tests.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use super::{CacheStore, HeldLock};

/// A store of the shared cache in memory. Clones share it, as processes share a folder.
///
/// ```
/// use yandex_cloud_auth::System;
/// use yandex_cloud_auth::testing::TestCacheStore;
/// let store = TestCacheStore::default();
/// let first_process = System::real().with_shared_cache(store.clone());
/// let second_process = System::real().with_shared_cache(store.clone());
/// assert!(store.names().is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct TestCacheStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<String, Vec<u8>>,
    /// The notes of the locks that are held, and the number of their holders.
    locks: BTreeMap<String, (u64, String)>,
    holders: u64,
    fault: Option<io::ErrorKind>,
    writes_fail: Option<io::ErrorKind>,
}

impl TestCacheStore {
    /// Every use fails from now on; `None` ends the fault.
    pub fn fail(&self, fault: impl Into<Option<io::ErrorKind>>) {
        self.state().fault = fault.into();
    }

    /// Every write fails from now on, as on a full disk; `None` ends the fault.
    pub fn fail_writes(&self, fault: impl Into<Option<io::ErrorKind>>) {
        self.state().writes_fail = fault.into();
    }

    /// The names of the entries.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.state().entries.keys().cloned().collect()
    }

    /// The content of an entry.
    #[must_use]
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.state().entries.get(name).cloned()
    }

    /// Sets the content of an entry.
    pub fn set(&self, name: &str, content: impl Into<Vec<u8>>) {
        self.state().entries.insert(name.to_owned(), content.into());
    }

    /// How many locks are held.
    #[must_use]
    pub fn held_locks(&self) -> usize {
        self.state().locks.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        match state.fault {
            Some(fault) => Err(fault.into()),
            None => Ok(state),
        }
    }

    fn writable(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.usable()?;
        match state.writes_fail {
            Some(fault) => Err(fault.into()),
            None => Ok(state),
        }
    }
}

impl CacheStore for TestCacheStore {
    fn may_block(&self) -> bool {
        false
    }

    fn read(&self, name: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        Ok(self.usable()?.entries.get(name).cloned().map(Zeroizing::new))
    }

    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        self.writable()?.entries.insert(name.to_owned(), content.to_vec());
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.writable()?.entries.remove(name);
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.usable()?.entries.keys().cloned().collect())
    }

    fn try_lock(
        &self,
        name: &str,
        note: &str,
        is_over: &dyn Fn(&str) -> bool,
    ) -> io::Result<Option<HeldLock>> {
        let mut state = self.writable()?;
        if state.locks.get(name).is_some_and(|(_, held)| !is_over(held)) {
            return Ok(None);
        }
        state.holders += 1;
        let holder = state.holders;
        state.locks.insert(name.to_owned(), (holder, note.to_owned()));
        Ok(Some(Box::new(Release { store: self.clone(), name: name.to_owned(), holder })))
    }
}

struct Release {
    store: TestCacheStore,
    name: String,
    holder: u64,
}

impl Drop for Release {
    fn drop(&mut self) {
        let mut state = self.store.state();
        // A lock that was taken over is another holder's now.
        if state.locks.get(&self.name).is_some_and(|(holder, _)| *holder == self.holder) {
            state.locks.remove(&self.name);
        }
    }
}
