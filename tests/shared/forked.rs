//! Runs a part of a test in a child that a fork of this process made. A fork copies one thread only, the one that
//! called this, so call it in a process that has no other test ([`in_own_process`](super::own_process)).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use fork::Fork;
use rustix::process::{Pid, Signal, kill_process};

/// Longer than any test needs. Only a test that fails reaches it.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A child of this process. Killed if it does not end, also where the test panics.
pub struct Forked {
    child: i32,
    ended: bool,
}

impl Drop for Forked {
    fn drop(&mut self) {
        if !self.ended {
            let _ = kill_process(Pid::from_raw(self.child).unwrap(), Signal::KILL);
        }
    }
}

/// Runs `test` in a new child, and ends the child then.
#[must_use]
pub fn fork(test: impl FnOnce()) -> Forked {
    match fork::fork().unwrap() {
        Fork::Parent(child) => Forked { child, ended: false },
        Fork::Child => {
            let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
            std::process::exit(i32::from(!passed));
        }
    }
}

impl Forked {
    /// Waits for the end of the child, and panics unless its part of the test has passed.
    #[track_caller]
    pub fn passes(mut self) {
        let start = Instant::now();
        loop {
            if let Some(status) = fork::waitpid_nohang(self.child).unwrap() {
                self.ended = true;
                return assert_eq!(status, 0, "the test failed in the child");
            }
            assert!(start.elapsed() < TIME_LIMIT, "the child hangs");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
