//! Every schedule with few preemptions, one after the other.
//!
//! A preemption is a switch away from a task that could go on. Most errors need one or two of them, and the number of
//! schedules with so few grows slowly with the length of the run (Musuvathi and Qadeer, "Iterative context bounding for
//! systematic testing of multithreaded programs", 2007). Where a task blocks or ends, every other task is tried.

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

/// A depth-first search over the schedules with at most `preemptions` preemptions.
pub(crate) struct BoundedScheduler {
    preemptions: usize,
    /// The choices of the current schedule: the tasks that may run, and the one that does.
    path: Vec<(Vec<TaskId>, usize)>,
    step: usize,
    used: usize,
    left: usize,
    started: bool,
    complete: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl BoundedScheduler {
    /// At most `schedules` schedules. `complete` tells whether there were no more.
    pub(crate) fn new(
        preemptions: usize,
        schedules: usize,
        complete: std::sync::Arc<std::sync::atomic::AtomicBool>,
    ) -> Self {
        Self { preemptions, path: Vec::new(), step: 0, used: 0, left: schedules, started: false, complete }
    }
}

impl Scheduler for BoundedScheduler {
    fn new_execution(&mut self) -> Option<Schedule> {
        if self.started {
            while self.path.last().is_some_and(|(tasks, chosen)| chosen + 1 == tasks.len()) {
                self.path.pop();
            }
            match self.path.last_mut() {
                Some((_, chosen)) => *chosen += 1,
                None => {
                    self.complete.store(true, std::sync::atomic::Ordering::SeqCst);
                    return None;
                }
            }
        }
        self.left = self.left.checked_sub(1)?;
        (self.started, self.step, self.used) = (true, 0, 0);
        Some(Schedule::new(0))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let going_on = current.filter(|current| runnable.iter().any(|task| task.id() == *current));
        if self.step == self.path.len() {
            let others = runnable.iter().map(|task| task.id()).filter(|task| Some(*task) != current);
            let tasks = match going_on {
                // A task that waits for another one in a loop. Turns of its own alone lead nowhere.
                Some(current) if is_yielding => {
                    let others: Vec<_> = others.collect();
                    if others.is_empty() { vec![current] } else { others }
                }
                Some(current) if self.used == self.preemptions => vec![current],
                Some(current) => [current].into_iter().chain(others).collect(),
                None => others.collect(),
            };
            self.path.push((tasks, 0));
        }
        let (tasks, chosen) = &self.path[self.step];
        let chosen = tasks[*chosen];
        if !is_yielding && going_on.is_some_and(|current| current != chosen) {
            self.used += 1;
        }
        self.step += 1;
        Some(chosen)
    }

    fn next_u64(&mut self) -> u64 {
        0
    }
}
