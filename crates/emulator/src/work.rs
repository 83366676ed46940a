//! Work that takes time: it is done at a moment of the virtual clock, or when it has been asked after often enough.

use std::time::{Duration, SystemTime};

use crate::clock::later;

/// When work is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) delay: Duration,
    /// At this look at the latest; `None` leaves it to the clock.
    pub(crate) polls: Option<u32>,
}

#[derive(Clone, Copy)]
pub(crate) struct Work {
    due: SystemTime,
    looks_left: Option<u32>,
    changed: SystemTime,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Done,
    Cancelled,
}

impl Work {
    pub(crate) fn start(pace: Pace, now: SystemTime) -> Self {
        Self { due: later(now, pace.delay), looks_left: pace.polls, changed: now, state: State::Running }
    }

    /// How it stands; what has ended stays so, wherever the clock is moved.
    pub(crate) fn look(&mut self, now: SystemTime) -> State {
        if self.state == State::Running {
            self.looks_left = self.looks_left.map(|left| left.saturating_sub(1));
            if now >= self.due || self.looks_left == Some(0) {
                self.end(State::Done, now);
            }
        }
        self.state
    }

    /// Ends it, if it still runs. This is no look: it does not bring the end nearer.
    pub(crate) fn cancel(&mut self, now: SystemTime) -> State {
        if self.state == State::Running {
            self.end(if now >= self.due { State::Done } else { State::Cancelled }, now);
        }
        self.state
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// When it last changed.
    pub(crate) fn changed(&self) -> SystemTime {
        self.changed
    }

    fn end(&mut self, state: State, now: SystemTime) {
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
    fn is_done_at_its_moment_and_stays_so() {
        let mut work = Work::start(Pace { delay: Duration::from_secs(2), polls: None }, START);
        assert_eq!(work.look(after(1)), State::Running);
        assert_eq!(work.look(after(2)), State::Done);
        assert_eq!(work.look(START), State::Done);
        assert_eq!(work.cancel(START), State::Done);
        assert_eq!(work.changed(), after(2));
    }

    #[test]
    fn is_done_at_the_last_look_though_the_clock_stands_still() {
        let mut work = Work::start(Pace { delay: Duration::from_secs(2), polls: Some(3) }, START);
        let looks: Vec<State> = (0..3).map(|_| work.look(START)).collect();
        assert_eq!(looks, [State::Running, State::Running, State::Done]);
    }

    #[test]
    fn what_was_cancelled_is_never_done() {
        let mut work = Work::start(Pace { delay: Duration::from_secs(2), polls: Some(1) }, START);
        assert_eq!(work.cancel(after(1)), State::Cancelled);
        assert_eq!(work.look(after(9)), State::Cancelled);
    }
}
