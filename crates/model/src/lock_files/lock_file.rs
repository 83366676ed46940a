//! Takes the place of the library's `lock_file.rs`: files with names, notes and kernel locks.
//!
//! A file lives as long as it has a name or is open. A lock belongs to an open file, and the kernel releases it when the
//! process of that open file ends.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::sync::{AtomicBool, LazyLock, Ordering, process_id};

static DISK: LazyLock<Mutex<Disk>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Disk {
    names: BTreeMap<PathBuf, u64>,
    files: BTreeMap<u64, File>,
    last: u64,
}

#[derive(Default)]
struct File {
    note: String,
    /// The open file that has the lock, and its process.
    holder: Option<(u64, u32)>,
}

/// An open file.
pub(super) struct LockFile {
    file: u64,
    number: u64,
}

fn with<T>(use_it: impl FnOnce(&mut Disk) -> T) -> T {
    AtomicBool::new(false).load(Ordering::SeqCst);
    use_it(&mut DISK.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What the kernel does when a process ends.
pub fn end_process(process: u32) {
    with(|disk| {
        for file in disk.files.values_mut() {
            if file.holder.is_some_and(|holder| holder.1 == process) {
                file.holder = None;
            }
        }
    });
}

impl Disk {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn file(&mut self, open: &LockFile) -> &mut File {
        self.files.entry(open.file).or_default()
    }

    fn open(&mut self, path: &Path) -> LockFile {
        let number = self.number();
        let file = *self.names.entry(path.to_owned()).or_insert(number);
        LockFile { file, number }
    }
}

impl LockFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(with(|disk| disk.open(path)))
    }

    pub(super) fn create(path: &Path) -> io::Result<Self> {
        with(|disk| {
            if disk.names.contains_key(path) {
                Err(io::ErrorKind::AlreadyExists.into())
            } else {
                Ok(disk.open(path))
            }
        })
    }

    pub(super) fn try_lock(&self) -> io::Result<bool> {
        Ok(with(|disk| {
            let holder = &mut disk.file(self).holder;
            holder.get_or_insert((self.number, process_id())).0 == self.number
        }))
    }

    pub(super) fn unlock(&self) {
        with(|disk| {
            let holder = &mut disk.file(self).holder;
            if holder.is_some_and(|holder| holder.0 == self.number) {
                *holder = None;
            }
        });
    }

    pub(super) fn note(&self) -> io::Result<String> {
        Ok(with(|disk| disk.file(self).note.clone()))
    }

    pub(super) fn set_note(&self, note: &str) -> io::Result<()> {
        with(|disk| disk.file(self).note.clear());
        with(|disk| note.clone_into(&mut disk.file(self).note));
        Ok(())
    }

    pub(super) fn is_at(&self, path: &Path) -> io::Result<bool> {
        Ok(with(|disk| disk.names.get(path) == Some(&self.file)))
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        self.unlock();
    }
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    with(|disk| disk.names.remove(path)).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
}
