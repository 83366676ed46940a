//! A job that completes at a time of the virtual clock, or after a number of polls.

use std::time::{Duration, SystemTime};

use crate::clock::later;

/// When a job completes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobTiming {
    pub(crate) delay: Duration,
    /// The poll at which the job completes at the latest. `None`: only the clock decides.
    pub(crate) polls: Option<u32>,
}

#[derive(Clone, Copy)]
pub(crate) struct Job {
    due: SystemTime,
    polls_left: Option<u32>,
    changed: SystemTime,
    state: JobState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobState {
    Running,
    Done,
    Cancelled,
}

impl Job {
    pub(crate) fn start(job_timing: JobTiming, now: SystemTime) -> Self {
        Self {
            due: later(now, job_timing.delay),
            polls_left: job_timing.polls,
            changed: now,
            state: JobState::Running,
        }
    }

    /// The state after one more poll. A job that has ended keeps its state, even if the clock is set back.
    pub(crate) fn poll(&mut self, now: SystemTime) -> JobState {
        if self.state == JobState::Running {
            self.polls_left = self.polls_left.map(|left| left.saturating_sub(1));
            if now >= self.due || self.polls_left == Some(0) {
                self.end(JobState::Done, now);
            }
        }
        self.state
    }

    /// Cancels the job if it is running. A cancellation does not count as a poll.
    pub(crate) fn cancel(&mut self, now: SystemTime) -> JobState {
        if self.state == JobState::Running {
            self.end(if now >= self.due { JobState::Done } else { JobState::Cancelled }, now);
        }
        self.state
    }

    pub(crate) fn state(&self) -> JobState {
        self.state
    }

    /// The time of the last state change.
    pub(crate) fn changed(&self) -> SystemTime {
        self.changed
    }

    fn end(&mut self, state: JobState, now: SystemTime) {
        self.state = state;
        self.changed = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const START: SystemTime = UNIX_EPOCH;

    fn after(seconds: u64) -> SystemTime {
        START + Duration::from_secs(seconds)
    }

    #[test]
    fn completes_at_its_time_and_keeps_its_state() {
        let mut job = Job::start(JobTiming { delay: Duration::from_secs(2), polls: None }, START);
        assert_eq!(job.poll(after(1)), JobState::Running);
        assert_eq!(job.poll(after(2)), JobState::Done);
        assert_eq!(job.poll(START), JobState::Done);
        assert_eq!(job.cancel(START), JobState::Done);
        assert_eq!(job.changed(), after(2));
    }

    #[test]
    fn completes_at_the_last_poll_while_the_clock_is_frozen() {
        let mut job = Job::start(JobTiming { delay: Duration::from_secs(2), polls: Some(3) }, START);
        let states: Vec<JobState> = (0..3).map(|_| job.poll(START)).collect();
        assert_eq!(states, [JobState::Running, JobState::Running, JobState::Done]);
    }

    #[test]
    fn a_cancelled_job_never_completes() {
        let mut job = Job::start(JobTiming { delay: Duration::from_secs(2), polls: Some(1) }, START);
        assert_eq!(job.cancel(after(1)), JobState::Cancelled);
        assert_eq!(job.poll(after(9)), JobState::Cancelled);
    }
}
