//! Credentials with a source that follows a script, on a clock that the model moves, in an executor of the model.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread;
use yandex_cloud_auth_model::system::Clock;
use yandex_cloud_auth_model::{Credentials, Error, ErrorKind, HeaderOptions, Snapshot, System};

use super::activity::Activity;
use super::source::{Response, Source};
use super::tasks::Tasks;
use super::time::Time;

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) clock: Time,
    pub(crate) source: Source,
    pub(crate) tasks: Tasks,
    pub(crate) activity: Activity,
}

impl World {
    pub(crate) fn new(script: &[Response]) -> Self {
        let activity = Activity::default();
        let tasks = Tasks::new(&activity);
        Self { source: Source::new(script), clock: Time::default(), tasks, activity }
    }

    pub(crate) fn system(&self) -> System {
        System::real().with_clock(self.clock.clone()).with_spawner(self.tasks.clone())
    }

    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::from_source(self.source.clone()).with_system(self.system())
    }

    /// Credentials that have their first token.
    pub(crate) fn ready(&self) -> Credentials {
        let credentials = self.credentials();
        self.get(&credentials, HeaderOptions::new()).unwrap();
        credentials
    }

    /// One call, which fails the model if the token had expired before the call began.
    pub(crate) async fn checked(
        &self,
        credentials: &Credentials,
        options: HeaderOptions,
    ) -> Result<Snapshot, Error> {
        let began = self.clock.now().monotonic;
        credentials.get(options).await.inspect(|snapshot| self.check(snapshot, began))
    }

    pub(crate) fn get(&self, credentials: &Credentials, options: HeaderOptions) -> Result<Snapshot, Error> {
        block_on(self.checked(credentials, options))
    }

    /// As [`get`](Self::get), on a thread without an executor.
    pub(crate) fn get_blocking(&self, credentials: &Credentials) -> Result<Snapshot, Error> {
        let began = self.clock.now().monotonic;
        let snapshot = credentials.blocking().get(HeaderOptions::new());
        snapshot.inspect(|snapshot| self.check(snapshot, began))
    }

    /// The header, if the call need not wait.
    pub(crate) fn get_at_once(&self, credentials: &Credentials) -> Option<Snapshot> {
        let began = self.clock.now().monotonic;
        let call = pin!(credentials.get(HeaderOptions::new()));
        match poll_once(call) {
            Poll::Ready(Ok(snapshot)) => {
                self.check(&snapshot, began);
                Some(snapshot)
            }
            _ => None,
        }
    }

    fn check(&self, snapshot: &Snapshot, began: Duration) {
        let given = self.source.given(text(snapshot));
        assert!(began < given.began + given.life, "law 1: {given:?} was returned, asked at {began:?}");
    }

    /// A call of a thread of its own, with an executor. Counts as active from now on.
    pub(crate) fn caller(&self, credentials: &Credentials, options: HeaderOptions) -> Call {
        let (world, credentials) = (self.clone(), credentials.clone());
        let call = self.activity.of(Box::pin(async move {
            let outcome = world.checked(&credentials, options).await;
            drop(credentials);
            outcome
        }));
        Box::new(move || block_on(call))
    }

    /// A call of a thread of its own, without an executor.
    pub(crate) fn blocking_caller(&self, credentials: &Credentials) -> Call {
        let (world, credentials) = (self.clone(), credentials.clone());
        Box::new(move || world.get_blocking(&credentials))
    }

    /// A call that leaves after some polls, if it has not ended before.
    pub(crate) fn leaving_caller(
        &self,
        credentials: &Credentials,
        options: HeaderOptions,
        polls: usize,
    ) -> Call {
        let credentials = credentials.clone();
        Box::new(move || {
            let mut call = pin!(credentials.get(options));
            for _ in 0..polls {
                if let Poll::Ready(outcome) = poll_once(call.as_mut()) {
                    return outcome;
                }
                thread::yield_now();
            }
            Err(Error::new(ErrorKind::Blocked, "the caller has left"))
        })
    }

    /// Runs `work` while time passes from timer to timer, at any moment: computations may take any time.
    pub(crate) fn while_time_passes<T>(&self, work: impl FnOnce() -> T) -> T {
        self.while_clock_advances(|_| true, work)
    }

    /// Runs `work` while time passes from timer to timer, whenever everybody waits: computations take no time.
    pub(crate) fn while_waits_pass<T>(&self, work: impl FnOnce() -> T) -> T {
        self.while_clock_advances(Activity::is_idle, work)
    }

    fn while_clock_advances<T>(&self, may_pass: fn(&Activity) -> bool, work: impl FnOnce() -> T) -> T {
        let ended = Arc::new(AtomicBool::new(false));
        let (clock, activity, end) = (self.clock.clone(), self.activity.clone(), Arc::clone(&ended));
        let time = thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                if may_pass(&activity) {
                    clock.advance_to_next();
                }
                thread::yield_now();
            }
        });
        let result = work();
        ended.store(true, Ordering::SeqCst);
        time.join().unwrap();
        result
    }

    /// Drops the last credentials, waits for all works, and fails the model if anything is left.
    pub(crate) fn end(&self, credentials: Credentials) {
        drop(credentials);
        self.tasks.join();
        assert_eq!(self.source.under_way(), 0, "law 5: a fetch is left");
        assert_eq!(self.clock.sleepers(), 0, "law 5: a timer is left");
        assert!(self.source.most_under_way() <= 1, "law 3: two fetches together");
    }
}

pub(crate) fn text(snapshot: &Snapshot) -> &str {
    snapshot.expose_secret().expect("a token")
}

pub(crate) fn poll_once<F: Future>(work: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    work.poll(&mut Context::from_waker(Waker::noop()))
}

/// What a thread does: one call.
pub(crate) type Call = Box<dyn FnOnce() -> Result<Snapshot, Error> + Send>;

/// Runs each of `works` on a thread of its own, and returns the results.
pub(crate) fn on_threads<T: Send + 'static>(works: Vec<Box<dyn FnOnce() -> T + Send>>) -> Vec<T> {
    let threads: Vec<_> = works.into_iter().map(thread::spawn).collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}
