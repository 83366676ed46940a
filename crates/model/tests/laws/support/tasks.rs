//! The executor of a model: every piece of work is a task of the scheduler.
//!
//! The library's own thread runs its works one after the other, so its schedules are among those of the model.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use shuttle::future::{JoinHandle, block_on, spawn};
use yandex_cloud_auth_model::sync::become_process;
use yandex_cloud_auth_model::system::{BoxFuture, Spawner};

use super::activity::{Active, Activity};

/// Runs the works of one process.
#[derive(Clone)]
pub(crate) struct Tasks {
    process: u32,
    activity: Activity,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// The process is stopped, or its threads did not survive a fork. Its works are never polled or dropped again.
    stopped: AtomicBool,
    polls: AtomicUsize,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

impl Tasks {
    pub(crate) fn of_process(process: u32, activity: &Activity) -> Self {
        Self { process, activity: activity.clone(), state: Arc::default() }
    }

    /// Stops all works before their next poll.
    pub(crate) fn stop(&self) {
        self.state.stopped.store(true, Ordering::SeqCst);
    }

    /// Waits until every work has ended. A work that never ends is a deadlock, which fails the model.
    pub(crate) fn join(&self) {
        loop {
            let handles = std::mem::take(&mut *self.state.handles.lock().unwrap());
            if handles.is_empty() {
                return;
            }
            for handle in handles {
                block_on(handle).unwrap();
            }
        }
    }

    /// How many polls have begun so far.
    pub(crate) fn polls(&self) -> usize {
        self.state.polls.load(Ordering::SeqCst)
    }
}

impl Spawner for Tasks {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        let work = Work { work: self.activity.of(work), process: self.process, state: Arc::clone(&self.state) };
        let handle = spawn(work);
        self.state.handles.lock().unwrap().push(handle);
    }
}

struct Work {
    work: Active<()>,
    process: u32,
    state: Arc<State>,
}

impl Future for Work {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.state.stopped.load(Ordering::SeqCst) {
            // Not dropped: nothing of a process that is stopped runs.
            self.work.abandon();
            return Poll::Ready(());
        }
        become_process(self.process);
        self.state.polls.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.work).poll(context)
    }
}
