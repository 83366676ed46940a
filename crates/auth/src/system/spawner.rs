//! Where fetches run: one thread of the library's own, started on the first need and gone when idle.
//!
//! A fetch must outlive the caller and the runtime that asked for it first, and must work for callers that have
//! no runtime at all. So it never runs on theirs, unless they say so with a [`Spawner`] of their own.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::BoxFuture;

/// Runs futures to their end, beside whoever asks.
pub trait Spawner: Send + Sync + 'static {
    /// Starts `work` and returns at once. A `work` that is dropped unfinished counts as a failed fetch.
    ///
    /// The default transport, clock and processes need a tokio runtime with time and I/O enabled around `work`.
    fn spawn(&self, work: BoxFuture<'static, ()>);
}

/// The library's one thread, shared by all credentials of the process.
///
/// It keeps a private single-threaded runtime, and ends after five idle seconds.
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
    /// A fork copies the sender but not the thread behind it.
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
        // Where no thread can be had, `work` is dropped with the channel, and whoever waits for it is told.
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
                        // Nobody can send while the lock is held, so no job is lost between the look and the end.
                        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
                        match inbox.try_recv() {
                            Ok(job) => drop(tasks.spawn(job)),
                            Err(_) => return *running = None,
                        }
                    }
                    // Another thread has taken over; what is under way here still ends here.
                    Event::Closed => return while tasks.join_next().await.is_some() {},
                }
            }
        });
        // A name look-up that hangs in the system must not keep this thread.
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
    fn one_thread_serves_all_and_outlives_a_panic() {
        let thread = thread(Duration::from_secs(60));
        let first = run(thread);
        thread.spawn(Box::pin(async { panic!("a user's source panicked (expected in this test)") }));
        assert_eq!(run(thread), first);
    }

    #[test]
    fn ends_when_idle_and_starts_again_on_the_next_need() {
        let thread = thread(Duration::ZERO);
        let first = run(thread);
        while thread.running.lock().unwrap().is_some() {
            std::thread::yield_now();
        }
        assert_ne!(run(thread), first);
    }
}
