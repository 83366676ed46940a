//! The executor of a model: every piece of work is a task of the scheduler.
//!
//! The library's own thread runs its works one after the other, so its schedules are among those of the model.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use shuttle::future::{JoinHandle, block_on, spawn};
use shuttle::thread;
use yandex_cloud_auth_model::sync::{become_process, process_id};
use yandex_cloud_auth_model::system::{BoxFuture, Spawner};

use super::activity::{Active, Activity};

/// Runs the works of all processes. A work belongs to the process of the task that gave it.
#[derive(Clone)]
pub(crate) struct Tasks {
    activity: Activity,
    processes: Arc<Mutex<BTreeMap<u32, Arc<Process>>>>,
}

#[derive(Default)]
struct Process {
    /// The works are never polled or dropped again.
    is_stopped: AtomicBool,
    under_way: AtomicUsize,
    polls: AtomicUsize,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

impl Tasks {
    pub(crate) fn new(activity: &Activity) -> Self {
        Self { activity: activity.clone(), processes: Arc::default() }
    }

    fn process(&self, number: u32) -> Arc<Process> {
        Arc::clone(self.processes.lock().unwrap().entry(number).or_default())
    }

    /// Stops all works of a process, between two polls.
    pub(crate) fn stop(&self, process: u32) {
        let process = self.process(process);
        while process.under_way.load(Ordering::SeqCst) > 0 {
            thread::yield_now();
        }
        process.is_stopped.store(true, Ordering::SeqCst);
        // Nobody waits for the works, so they may be left at the end of the model.
        drop(std::mem::take(&mut *process.handles.lock().unwrap()));
    }

    /// Waits until every work of this process has ended. A work that never ends is a deadlock, which fails the model.
    pub(crate) fn join(&self) {
        let process = self.process(process_id());
        loop {
            let handles = std::mem::take(&mut *process.handles.lock().unwrap());
            if handles.is_empty() {
                return;
            }
            for handle in handles {
                block_on(handle).unwrap();
            }
        }
    }

    /// How many polls have begun in this process so far.
    pub(crate) fn polls(&self) -> usize {
        self.process(process_id()).polls.load(Ordering::SeqCst)
    }
}

impl Spawner for Tasks {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        let number = process_id();
        let process = self.process(number);
        let handle = spawn(Work { work: self.activity.of(work), number, process: Arc::clone(&process) });
        process.handles.lock().unwrap().push(handle);
    }
}

struct Work {
    work: Active<()>,
    number: u32,
    process: Arc<Process>,
}

impl Future for Work {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.process.is_stopped.load(Ordering::SeqCst) {
            self.work.abandon();
            return Poll::Ready(());
        }
        become_process(self.number);
        self.process.polls.fetch_add(1, Ordering::SeqCst);
        self.process.under_way.fetch_add(1, Ordering::SeqCst);
        let poll = Pin::new(&mut self.work).poll(context);
        self.process.under_way.fetch_sub(1, Ordering::SeqCst);
        poll
    }
}
