//! Where fetches run: one thread of the library, started on first use and ended when idle.
//!
//! A fetch must outlive the caller and the runtime that asked for it first, and must work for callers without a
//! runtime. So it never runs on the caller's runtime, unless the caller sets a [`Spawner`].

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::BoxFuture;
use super::per_process::PerProcess;
use super::refusal;
use super::shared_work::THREAD_NAME;

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

    /// Starts the timer of a deadline. The default is [`spawn`](Self::spawn). A spawner whose works wait for each other
    /// runs timers elsewhere, so that a work that blocks delays no deadline.
    fn spawn_timer(&self, timer: BoxFuture<'static, ()>) {
        self.spawn(timer);
    }
}

/// The library's thread, shared by all credentials of the process.
///
/// It has a private single-threaded runtime, and ends after five idle seconds. A child that a fork made starts a thread
/// of its own. Where the operating system refuses the thread or its runtime, the fetch fails with the system's reason.
#[derive(Clone, Copy, Debug, Default)]
pub struct LibraryThread;

const IDLE: Duration = Duration::from_secs(5);

static THREAD: Thread = Thread::new(IDLE, new_runtime);

/// Runs the deadlines of callers. Code of the program runs on [`THREAD`], in token sources and log subscribers, and a
/// caller's deadline must hold where that code blocks.
static TIMERS: Thread =
    Thread::new(IDLE, || tokio::runtime::Builder::new_current_thread().enable_time().build());

impl Spawner for LibraryThread {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        if let Err((work, reason)) = THREAD.spawn(work) {
            refusal::refuse(work, &reason);
        }
    }

    fn spawn_timer(&self, timer: BoxFuture<'static, ()>) {
        // Where there is no second thread, the first one has to do.
        if let Err((timer, _)) = TIMERS.spawn(timer) {
            self.spawn(timer);
        }
    }
}

type Job = BoxFuture<'static, ()>;

struct Thread {
    idle: Duration,
    runtime: fn() -> io::Result<Runtime>,
    /// The way to the thread, if one runs.
    running: PerProcess<Running>,
}

type Running = Mutex<Option<UnboundedSender<Job>>>;

impl Thread {
    const fn new(idle: Duration, runtime: fn() -> io::Result<Runtime>) -> Self {
        Self { idle, runtime, running: PerProcess::new(|| Mutex::new(None)) }
    }

    /// Gives the work back, with the reason, where the operating system has no thread.
    fn spawn(&self, work: Job) -> Result<(), (Job, String)> {
        let owned = self.running.get();
        let mut running = lock(&owned);
        let work = match running.as_ref() {
            Some(jobs) => match jobs.send(work) {
                Ok(()) => return Ok(()),
                Err(returned) => returned.0,
            },
            None => work,
        };
        let (jobs, inbox) = unbounded_channel();
        let (idle, runtime, of_thread) = (self.idle, self.runtime, Arc::clone(&owned));
        let started = std::thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .spawn(move || serve(&of_thread, idle, runtime, inbox));
        match started {
            Ok(_) => {
                // The thread does not end without the lock, so the job reaches it.
                let _ = jobs.send(work);
                *running = Some(jobs);
                Ok(())
            }
            Err(error) => Err((work, format!("no thread could be started: {error}"))),
        }
    }
}

/// Runs the jobs of `inbox` until none has come for the time `idle`.
fn serve(
    running: &Running,
    idle: Duration,
    runtime: fn() -> io::Result<Runtime>,
    mut inbox: UnboundedReceiver<Job>,
) {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Sending needs the lock, so no job can arrive after this.
            *lock(running) = None;
            while let Ok(job) = inbox.try_recv() {
                refusal::refuse(job, &format!("no runtime could be started: {error}"));
            }
            return;
        }
    };
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        loop {
            match next_event(idle, &mut inbox, &mut tasks).await {
                Event::Job(job) => drop(tasks.spawn(job)),
                Event::Finished => {}
                Event::Idle => {
                    // Sending needs the lock, so no job can arrive between this check and the end of the thread.
                    let mut running = lock(running);
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
    // Blocking work of a token source that hangs must not keep this thread.
    runtime.shutdown_background();
}

/// A runtime on the current thread.
///
/// # Errors
/// The operating system's, where it has no file descriptors left.
pub fn new_runtime() -> io::Result<Runtime> {
    // tokio panics where it finds no descriptor for its signals. So the descriptors that a runtime takes are tried here
    // first: two of the selector, one of its waker, and three of the signals.
    #[cfg(unix)]
    {
        let (one, other) = std::os::unix::net::UnixStream::pair()?;
        // Copies of one socket cost a fraction of new sockets.
        let copies = [(); 4].map(|()| one.try_clone());
        let copies = copies.into_iter().collect::<io::Result<Vec<_>>>()?;
        drop((one, other, copies));
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn lock(running: &Running) -> MutexGuard<'_, Option<UnboundedSender<Job>>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn next_event(idle: Duration, inbox: &mut UnboundedReceiver<Job>, tasks: &mut JoinSet<()>) -> Event {
    let mut idle = pin!(tokio::time::sleep(idle));
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

enum Event {
    Job(Job),
    Finished,
    Idle,
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn thread(idle: Duration) -> &'static Thread {
        Box::leak(Box::new(Thread::new(idle, new_runtime)))
    }

    fn spawn(thread: &'static Thread, work: impl Future<Output = ()> + Send + 'static) {
        assert!(thread.spawn(Box::pin(work)).is_ok());
    }

    fn run(thread: &'static Thread) -> std::thread::ThreadId {
        let (done, result) = mpsc::channel();
        spawn(thread, async move { done.send(std::thread::current().id()).unwrap() });
        result.recv().unwrap()
    }

    #[test]
    fn one_thread_runs_all_jobs_and_survives_a_panic() {
        let thread = thread(Duration::from_secs(60));
        let first = run(thread);
        spawn(thread, async { panic!("a user's source panicked (expected in this test)") });
        assert_eq!(run(thread), first);
    }

    #[test]
    fn the_thread_ends_when_idle_and_starts_again_for_the_next_job() {
        let thread = thread(Duration::ZERO);
        let first = run(thread);
        while lock(&thread.running.get()).is_some() {
            std::thread::yield_now();
        }
        assert_ne!(run(thread), first);
    }
    #[test]
    fn blocking_work_that_hangs_does_not_keep_the_thread() {
        let thread = thread(Duration::ZERO);
        let (release, held) = mpsc::channel::<()>();
        let (ended, end) = mpsc::channel::<()>();
        spawn(thread, async move {
            drop(tokio::task::spawn_blocking(move || held.recv()));
            // Dropped when the thread ends.
            thread_local!(static END: std::cell::Cell<Option<mpsc::Sender<()>>> = const { std::cell::Cell::new(None) });
            END.set(Some(ended));
        });
        assert_eq!(end.recv_timeout(Duration::from_secs(20)), Err(mpsc::RecvTimeoutError::Disconnected));
        drop(release);
    }
}
