//! The lock between processes: one holder at a time, also where a holder ends or stops in the middle.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::thread;
use yandex_cloud_auth_model::lock_files::{HeldLock, end_process, try_lock};
use yandex_cloud_auth_model::sync::become_process;

use crate::support::explore::{at_random, exhaustively};

/// The note of a holder whose time is over.
const OVER: &str = "over";

/// How many processes hold the lock, of those that run and whose time is not over.
#[derive(Clone, Default)]
struct Holders(Arc<AtomicUsize>);

impl Holders {
    /// Tries to take the lock in this process, and holds it for a turn.
    fn try_once(&self) -> bool {
        let Some(held) = take("note") else { return false };
        assert_eq!(self.0.fetch_add(1, Ordering::SeqCst), 0, "two processes hold the lock");
        thread::yield_now();
        self.0.fetch_sub(1, Ordering::SeqCst);
        drop(held);
        true
    }

    /// A process that tries some times.
    fn process(&self, number: u32, times: usize) -> thread::JoinHandle<usize> {
        let holders = self.clone();
        thread::spawn(move || {
            become_process(number);
            (0..times).filter(|_| holders.try_once()).count()
        })
    }
}

fn take(note: &str) -> Option<HeldLock> {
    // An error means that the cache cannot be used. No use of the disk fails in a model.
    try_lock(Path::new("0.lock"), note, &|note| note == OVER).expect("the lock can be used")
}

fn one_holder(processes: u32) {
    let holders = Holders::default();
    let processes: Vec<_> = (1..=processes).map(|number| holders.process(number, 2)).collect();
    let taken: usize = processes.into_iter().map(|process| process.join().unwrap()).sum();
    assert!(taken > 0, "nobody got the lock");
    assert!(take("").is_some(), "the lock is never free again");
}

#[test]
fn a_lock_has_one_holder() {
    at_random("a lock has one holder", || one_holder(3));
    exhaustively("two processes and a lock", 3, || one_holder(2));
}

/// A process is killed while it holds the lock. Its note stays in the file, and at some time says that its time is over.
fn a_holder_ends(processes: u32) {
    become_process(9);
    std::mem::forget(take(OVER));
    let end = thread::spawn(|| end_process(9));
    let holders = Holders::default();
    let processes: Vec<_> = (1..=processes).map(|number| holders.process(number, 2)).collect();
    for process in processes {
        process.join().unwrap();
    }
    end.join().unwrap();
    assert!(take("").is_some(), "the lock is never free again");
}

#[test]
fn a_holder_that_ends_leaves_one_lock() {
    at_random("a holder that ends leaves one lock", || a_holder_ends(3));
    exhaustively("a holder that ends, and two processes", 2, || a_holder_ends(2));
}

/// A process is stopped while it holds the lock, its time passes, and it goes on later.
fn a_holder_stops(processes: u32) {
    become_process(9);
    let stopped = take(OVER);
    let holders = Holders::default();
    let processes: Vec<_> = (1..=processes).map(|number| holders.process(number, 2)).collect();
    thread::yield_now();
    drop(stopped);
    let taken: usize = processes.into_iter().map(|process| process.join().unwrap()).sum();
    assert!(taken > 0, "nobody got the lock");
    assert!(take("").is_some(), "the lock is never free again");
}

#[test]
fn one_process_takes_over_the_lock_of_a_holder_that_is_stopped() {
    at_random("one process takes over the lock", || a_holder_stops(3));
    exhaustively("a holder that stops, and two processes", 2, || a_holder_stops(2));
}
