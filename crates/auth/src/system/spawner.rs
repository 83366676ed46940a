//! Where fetches run: one thread of the library, started on first use and ended when idle.
//!
//! A fetch must outlive the caller and the runtime that asked for it first, and must work for callers without a
//! runtime. So it never runs on the caller's runtime, unless the caller sets a [`Spawner`].

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::BoxFuture;

/// Runs futures to completion in the background.
pub trait Spawner: Send + Sync + 'static {
    /// Starts `work` and returns immediately. Dropping unfinished `work` fails the fetch.
    ///
    /// The default transport, clock and processes need `work` to run on a tokio runtime with time and I/O enabled.
    ///
    /// ```
    /// use yandex_cloud_auth::System;
    /// use yandex_cloud_auth::system::{BoxFuture, Spawner};
    ///
    /// struct OnRuntime(tokio::runtime::Handle);
    ///
    /// impl Spawner for OnRuntime {
    ///     fn spawn(&self, work: BoxFuture<'static, ()>) {
    ///         self.0.spawn(work);
    ///     }
    /// }
    ///
    /// let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    /// let system = System::real().with_spawner(OnRuntime(runtime.handle().clone()));
    /// # let _ = system;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn spawn(&self, work: BoxFuture<'static, ()>);
}

/// The library's thread, shared by all credentials of the process.
///
/// It has a private single-threaded runtime, and ends after five idle seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct LibraryThread;

const NAME: &str = "yandex-cloud-auth";

static THREAD: Thread = Thread::new(Duration::from_secs(5));

impl Spawner for LibraryThread {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        THREAD.spawn(work);
    }
}

struct Thread {
    idle: Duration,
    running: Mutex<Option<Running>>,
}

struct Running {
    /// The process that started the thread. After a fork the child has a copy of the sender, but no thread receives.
    process: u32,
    jobs: UnboundedSender<BoxFuture<'static, ()>>,
}

impl Thread {
    const fn new(idle: Duration) -> Self {
        Self { idle, running: Mutex::new(None) }
    }

    fn spawn(&'static self, work: BoxFuture<'static, ()>) {
        let process = std::process::id();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let work = match running.as_ref().filter(|running| running.process == process) {
            Some(running) => match running.jobs.send(work) {
                Ok(()) => return,
                Err(returned) => returned.0,
            },
            None => work,
        };
        let (jobs, inbox) = unbounded_channel();
        // If the thread does not start, the channel is dropped with `work`, which fails the fetch for its waiters.
        let _ = jobs.send(work);
        *running = Some(Running { process, jobs });
        drop(running);
        let started = std::thread::Builder::new().name(NAME.to_owned()).spawn(move || self.run(inbox));
        drop(started);
    }

    fn run(&self, mut inbox: UnboundedReceiver<BoxFuture<'static, ()>>) {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            loop {
                match self.next_event(&mut inbox, &mut tasks).await {
                    Event::Job(job) => drop(tasks.spawn(job)),
                    Event::Finished => {}
                    Event::Idle => {
                        // Sending needs the lock, so no job can arrive between this check and the end of the thread.
                        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
                        match inbox.try_recv() {
                            Ok(job) => drop(tasks.spawn(job)),
                            Err(_) => return *running = None,
                        }
                    }
                    // Another thread has replaced this one. Jobs that started here complete here.
                    Event::Closed => return while tasks.join_next().await.is_some() {},
                }
            }
        });
        // A name lookup that hangs in the operating system must not keep this thread.
        runtime.shutdown_background();
    }

    async fn next_event(
        &self,
        inbox: &mut UnboundedReceiver<BoxFuture<'static, ()>>,
        tasks: &mut JoinSet<()>,
    ) -> Event {
        let mut idle = pin!(tokio::time::sleep(self.idle));
        poll_fn(|context| {
            if let Poll::Ready(job) = inbox.poll_recv(context) {
                return Poll::Ready(job.map_or(Event::Closed, Event::Job));
            }
            match tasks.poll_join_next(context) {
                Poll::Ready(Some(_)) => Poll::Ready(Event::Finished),
                Poll::Ready(None) => idle.as_mut().poll(context).map(|()| Event::Idle),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

enum Event {
    Job(BoxFuture<'static, ()>),
    Finished,
    Idle,
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn thread(idle: Duration) -> &'static Thread {
        Box::leak(Box::new(Thread::new(idle)))
    }

    fn run(thread: &'static Thread) -> std::thread::ThreadId {
        let (done, result) = mpsc::channel();
        thread.spawn(Box::pin(async move { done.send(std::thread::current().id()).unwrap() }));
        result.recv().unwrap()
    }

    #[test]
    fn one_thread_runs_all_jobs_and_survives_a_panic() {
        let thread = thread(Duration::from_secs(60));
        let first = run(thread);
        thread.spawn(Box::pin(async { panic!("a user's source panicked (expected in this test)") }));
        assert_eq!(run(thread), first);
    }

    #[test]
    fn the_thread_ends_when_idle_and_starts_again_for_the_next_job() {
        let thread = thread(Duration::ZERO);
        let first = run(thread);
        while thread.running.lock().unwrap().is_some() {
            std::thread::yield_now();
        }
        assert_ne!(run(thread), first);
    }
}
