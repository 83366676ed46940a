//! A token source that a test holds in its hand, and credentials around it on a clock that it moves.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "helpers: each test file uses a part, and a failure is a panic"
)]

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use yandex_cloud_auth::system::{BoxFuture, Clock, LibraryThread, Spawner, System};
use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestFiles, TestHttp, TestProcesses, TestRun};
use yandex_cloud_auth::{Credentials, Error, ErrorKind, Token, TokenSource};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A machine with nothing on it: no variable, no network, no program.
pub(crate) fn bare(clock: &TestClock) -> System {
    System::real()
        .with_clock(clock.clone())
        .with_environment(TestEnvironment::empty())
        .with_http(TestHttp::nobody())
        .with_files(TestFiles::default())
        .with_processes(TestProcesses::new(|_| TestRun::Fail(std::io::ErrorKind::NotFound)))
}

/// Answers by a function of how many fetches came before; can be held back. Clones share it.
#[derive(Clone)]
pub(crate) struct Source {
    shared: Arc<Shared>,
}

type Rule = dyn Fn(usize) -> Result<Token, Error> + Send + Sync;

struct Shared {
    rule: Mutex<Arc<Rule>>,
    held: AtomicBool,
    gate: Semaphore,
    started: AtomicUsize,
    ended: AtomicUsize,
    max_age: Mutex<Duration>,
}

impl Source {
    pub(crate) fn new(rule: impl Fn(usize) -> Result<Token, Error> + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::new(Shared {
                rule: Mutex::new(Arc::new(rule)),
                held: AtomicBool::new(false),
                gate: Semaphore::new(0),
                started: AtomicUsize::new(0),
                ended: AtomicUsize::new(0),
                max_age: Mutex::new(HOUR),
            }),
        }
    }

    /// Tokens `t1.fake.0`, `t1.fake.1`, … that live for `life`.
    pub(crate) fn living(life: Duration) -> Self {
        Self::new(move |count| Ok(token(count)?.expiring_in(life)))
    }

    /// A source that is down.
    pub(crate) fn down() -> Self {
        Self::new(|_| Err(unavailable()))
    }

    pub(crate) fn set(&self, rule: impl Fn(usize) -> Result<Token, Error> + Send + Sync + 'static) {
        *self.shared.rule.lock().unwrap() = Arc::new(rule);
    }

    pub(crate) fn max_age(self, age: Duration) -> Self {
        *self.shared.max_age.lock().unwrap() = age;
        self
    }

    /// Fetches that start from now on wait for [`release`](Self::release).
    pub(crate) fn hold(&self) {
        self.shared.held.store(true, Ordering::SeqCst);
    }

    /// Lets every held fetch go, and later ones pass.
    pub(crate) fn release(&self) {
        self.shared.held.store(false, Ordering::SeqCst);
        self.shared.gate.add_permits(1000);
    }

    pub(crate) fn started(&self) -> usize {
        self.shared.started.load(Ordering::SeqCst)
    }

    /// Fetches that are over: ended or dropped.
    pub(crate) fn ended(&self) -> usize {
        self.shared.ended.load(Ordering::SeqCst)
    }

    pub(crate) fn on_clock(&self, clock: &TestClock) -> Credentials {
        Credentials::from_source(self.clone()).with_system(bare(clock))
    }

    /// Fetches are taken in before the call that began them returns, so that a test is a sequence.
    pub(crate) fn in_step(&self, clock: &TestClock) -> Credentials {
        Credentials::from_source(self.clone()).with_system(bare(clock).with_spawner(InStep))
    }
}

/// Runs what can run at once on the caller's thread, and leaves the rest to the library's.
pub(crate) struct InStep;

impl Spawner for InStep {
    fn spawn(&self, mut work: BoxFuture<'static, ()>) {
        let mut context = Context::from_waker(Waker::noop());
        if work.as_mut().poll(&mut context).is_pending() {
            LibraryThread.spawn(work);
        }
    }
}

struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl TokenSource for Source {
    fn fetch<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            let _ended = Ended(Arc::clone(&self.shared));
            let count = self.shared.started.fetch_add(1, Ordering::SeqCst);
            if self.shared.held.load(Ordering::SeqCst) {
                self.shared.gate.acquire().await.unwrap().forget();
            }
            let rule = Arc::clone(&*self.shared.rule.lock().unwrap());
            rule(count)
        })
    }

    fn max_age(&self) -> Duration {
        *self.shared.max_age.lock().unwrap()
    }
}

pub(crate) fn token(count: usize) -> Result<Token, Error> {
    Token::new(format!("t1.fake.{count}"))
}

pub(crate) fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "the source is down")
}

/// The header now, as text.
pub(crate) fn header(credentials: &Credentials) -> Result<String, Error> {
    Ok(credentials.blocking().header()?.unwrap().to_str().unwrap().to_owned())
}

/// Waits for something that another thread is about to do; fails after ten seconds.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < secs(10), "waited in vain until {what}");
        std::thread::yield_now();
    }
}

/// Runs it to its end; fails after a minute of real time, where it would never come to one.
pub(crate) fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(secs(60), work).await.expect("it comes to an end") })
}

/// What a thread came to; fails after ten seconds, where it would never end.
pub(crate) fn joined<T>(thread: JoinHandle<T>) -> T {
    until("the thread ends", || thread.is_finished());
    thread.join().unwrap()
}

/// The wall clock's reading.
pub(crate) fn wall(clock: &TestClock) -> Duration {
    clock.now().wall
}
