//! The bodies of the models. Each is one execution.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use loom::future::block_on;
use loom::thread;

use crate::revoked::{RevocationCheck, contains, record};
use crate::sync::begin_execution;
use crate::task::cancel::Cancel;
use crate::task::shared_task::SharedTask;

/// Waiters get the outcome of work that ends meanwhile: no wake-up is lost.
pub fn the_end_of_a_work_wakes_its_waiters() {
    begin_execution();
    let task = SharedTask::new();
    let work = task.run(async {}, |result| u32::from(result.is_some()));
    let wait = task.wait();
    let runs = thread::spawn(move || block_on(work));
    assert_eq!(block_on(wait), 1);
    runs.join().unwrap();
}

/// Work that is cancelled beside its poll is dropped once, by one of the two threads.
pub fn a_cancelled_work_is_dropped() {
    /// Waits until it is dropped.
    struct Waits(Arc<AtomicUsize>);

    impl Future for Waits {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }

    impl Drop for Waits {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    begin_execution();
    let drops = Arc::new(AtomicUsize::new(0));
    let cancel = Cancel::default();
    let work = cancel.guard(Box::pin(Waits(Arc::clone(&drops))));
    let runs = thread::spawn(move || block_on(work));
    cancel.cancel();
    runs.join().unwrap();
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

/// A thread that learns of the revocation finds the token revoked, and each check after it does too.
pub fn a_revocation_is_seen_with_its_token() {
    begin_execution();
    // The statics are made before there are two threads.
    record("t1.fake.of-another");
    let check = Arc::new(RevocationCheck::default());
    let (told, tells) = (Arc::new(loom::sync::atomic::AtomicBool::new(false)), Arc::clone(&check));
    let is_told = Arc::clone(&told);
    let revokes = thread::spawn(move || {
        record("t1.fake.1");
        told.store(true, loom::sync::atomic::Ordering::Release);
    });
    let was_told = is_told.load(loom::sync::atomic::Ordering::Acquire);
    let is_revoked = tells.is_revoked(|| contains("t1.fake.1"));
    assert!(is_revoked || !was_told, "a revoked token was sent");
    revokes.join().unwrap();
    assert!(check.is_revoked(|| contains("t1.fake.1")));
}
