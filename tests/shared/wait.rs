//! Waiting with a limit, so that a test fails instead of hanging.

use std::future::{Future, IntoFuture};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One hour.
pub const HOUR: Duration = Duration::from_secs(3600);

/// A number of seconds.
#[must_use]
pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How long a test waits in real time. Only a test that fails waits that long, also on a machine that is busy.
const REAL_TIME_LIMIT: Duration = Duration::from_secs(60);

/// Waits for a change that another thread makes. Fails after a minute.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < REAL_TIME_LIMIT, "a minute passed before this happened: {what}");
        std::thread::yield_now();
    }
}

/// The result of a thread. Fails after a minute.
pub fn joined<T>(thread: JoinHandle<T>) -> T {
    until("the thread ends", || thread.is_finished());
    thread.join().unwrap()
}

/// The output of a future. Fails after a minute of real time.
pub async fn soon<T>(work: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(REAL_TIME_LIMIT, work).await.expect("the future completes within a minute")
}

/// Runs a future on a new runtime with two threads. Fails after a minute of real time.
pub fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(REAL_TIME_LIMIT, work).await.expect("the future completes within a minute")
    })
}
