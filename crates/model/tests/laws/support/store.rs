//! The store that the processes of a model share. Each use is a scheduling point, and takes effect at once.
//!
//! The kernel releases the locks of a process that ends, and keeps those of a process that is stopped.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use shuttle::sync::atomic::{AtomicBool, Ordering};
use yandex_cloud_auth_model::sync::process_id;
use yandex_cloud_auth_model::system::{CacheStore, HeldLock};
use zeroize::Zeroizing;

#[derive(Clone, Default)]
pub(crate) struct Store(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    entries: BTreeMap<String, Vec<u8>>,
    locks: BTreeMap<String, Holder>,
    holders: u64,
}

struct Holder {
    number: u64,
    process: u32,
    note: String,
}

impl Store {
    fn with<T>(&self, use_it: impl FnOnce(&mut State) -> T) -> T {
        AtomicBool::new(false).load(Ordering::SeqCst);
        use_it(&mut self.0.lock().unwrap())
    }

    /// What the kernel does when a process ends.
    pub(crate) fn release_locks_of(&self, process: u32) {
        self.with(|state| state.locks.retain(|_, holder| holder.process != process));
    }

    pub(crate) fn held_locks(&self) -> usize {
        self.with(|state| state.locks.len())
    }
}

impl CacheStore for Store {
    fn may_block(&self) -> bool {
        false
    }

    fn read(&self, name: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        Ok(self.with(|state| state.entries.get(name).cloned().map(Zeroizing::new)))
    }

    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        self.with(|state| drop(state.entries.insert(name.to_owned(), content.to_vec())));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.with(|state| drop(state.entries.remove(name)));
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.with(|state| state.entries.keys().cloned().collect()))
    }

    fn try_lock(
        &self,
        name: &str,
        note: &str,
        is_over: &dyn Fn(&str) -> bool,
    ) -> io::Result<Option<HeldLock>> {
        Ok(self.with(|state| {
            if state.locks.get(name).is_some_and(|holder| !is_over(&holder.note)) {
                return None;
            }
            state.holders += 1;
            let holder = Holder { number: state.holders, process: process_id(), note: note.to_owned() };
            let release = Release { store: self.clone(), name: name.to_owned(), number: holder.number };
            state.locks.insert(name.to_owned(), holder);
            Some(Box::new(release) as HeldLock)
        }))
    }
}

struct Release {
    store: Store,
    name: String,
    number: u64,
}

impl Drop for Release {
    fn drop(&mut self) {
        self.store.with(|state| {
            // A lock that was taken over is another holder's.
            if state.locks.get(&self.name).is_some_and(|holder| holder.number == self.number) {
                state.locks.remove(&self.name);
            }
        });
    }
}
