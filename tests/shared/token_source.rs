//! A token source that a test controls, and credentials with this source on a test clock.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::Semaphore;
use yandex_cloud_auth::system::{BoxFuture, LibraryThread, Spawner, System};
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Credentials, Error, ErrorKind, HeaderOptions, Token, TokenSource};

use crate::system::empty_system;
use crate::wait::HOUR;

/// Computes each result from the number of fetches before it. A test can hold fetches back. Clones share the state.
#[derive(Clone)]
pub struct Source {
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
    /// A source with this rule.
    pub fn new(rule: impl Fn(usize) -> Result<Token, Error> + Send + Sync + 'static) -> Self {
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

    /// A source of the tokens `t1.fake.0`, `t1.fake.1`, …, each valid for `life`.
    #[must_use]
    pub fn living(life: Duration) -> Self {
        Self::new(move |count| Ok(token(count)?.expiring_in(life)))
    }

    /// A source of the tokens `t1.fake.0`, `t1.fake.1`, …, which have no expiry.
    #[must_use]
    pub fn counting() -> Self {
        Self::new(token)
    }

    /// A source that is down.
    #[must_use]
    pub fn down() -> Self {
        Self::new(|_| Err(unavailable()))
    }

    /// Replaces the rule.
    pub fn set(&self, rule: impl Fn(usize) -> Result<Token, Error> + Send + Sync + 'static) {
        *self.shared.rule.lock().unwrap() = Arc::new(rule);
    }

    /// Sets the maximum age of a token.
    #[must_use]
    pub fn max_age(self, age: Duration) -> Self {
        *self.shared.max_age.lock().unwrap() = age;
        self
    }

    /// Fetches that start after this call wait for [`release`](Self::release).
    pub fn hold(&self) {
        self.shared.held.store(true, Ordering::SeqCst);
    }

    /// Lets every held fetch and every later fetch continue.
    pub fn release(&self) {
        self.shared.held.store(false, Ordering::SeqCst);
        self.shared.gate.add_permits(1000);
    }

    /// The number of fetches that started.
    #[must_use]
    pub fn started(&self) -> usize {
        self.shared.started.load(Ordering::SeqCst)
    }

    /// The number of fetches that completed or were dropped.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.shared.ended.load(Ordering::SeqCst)
    }

    /// Credentials with this source, on an empty system with this clock.
    #[must_use]
    pub fn on_clock(&self, clock: &TestClock) -> Credentials {
        Credentials::from_source(self.clone()).with_system(empty_system(clock))
    }

    /// As [`on_clock`](Self::on_clock). The result of a fetch is stored before the call that started the fetch
    /// returns, so that a test is a sequence.
    #[must_use]
    pub fn in_step(&self, clock: &TestClock) -> Credentials {
        Credentials::from_source(self.clone()).with_system(empty_system(clock).with_spawner(InStep))
    }
}

impl TokenSource for Source {
    fn fetch<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            let _ended = CountOnDrop(Arc::clone(&self.shared));
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

/// Counts a fetch as ended when it completes, and also when its future is dropped.
struct CountOnDrop(Arc<Shared>);

impl Drop for CountOnDrop {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// Runs a task on the caller's thread if the task completes without waiting, else on the library's thread.
pub struct InStep;

impl Spawner for InStep {
    fn spawn(&self, mut work: BoxFuture<'static, ()>) {
        let mut context = Context::from_waker(Waker::noop());
        if work.as_mut().poll(&mut context).is_pending() {
            LibraryThread.spawn(work);
        }
    }
}

/// The token `t1.fake.COUNT`.
///
/// # Errors
/// Never. The result type is the type of a rule.
pub fn token(count: usize) -> Result<Token, Error> {
    Token::new(format!("t1.fake.{count}"))
}

/// The error of a source that is down.
#[must_use]
pub fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "the source is down")
}

/// The current header, as text.
pub fn header(credentials: &Credentials) -> String {
    try_header(credentials).unwrap()
}

/// The error of a caller that has no time for a second attempt. Only on a test clock: time stands still there, so the
/// deadline of the caller never passes.
#[must_use]
pub fn first_failure(credentials: &Credentials) -> Error {
    let one_attempt = HeaderOptions::new().deadline(Duration::from_millis(1));
    credentials.blocking().header_with(one_attempt).unwrap_err()
}

/// The current header, as text. The header has to be marked as sensitive.
///
/// # Errors
/// As [`Credentials::blocking`].
pub fn try_header(credentials: &Credentials) -> Result<String, Error> {
    let header = credentials.blocking().header()?.unwrap();
    assert!(header.is_sensitive());
    Ok(header.to_str().unwrap().to_owned())
}
