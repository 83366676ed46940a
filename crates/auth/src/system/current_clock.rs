//! The clock that a system uses. A call of the real one is inlined, because every request reads the clock.

use std::sync::Arc;

use super::{Clock, Now, System, SystemClock};

#[derive(Clone)]
pub(super) struct CurrentClock {
    clock: Arc<dyn Clock>,
    /// The same clock, where it is that of the operating system.
    real: Option<Arc<SystemClock>>,
}

impl CurrentClock {
    pub(super) fn real() -> Self {
        let real = Arc::new(SystemClock::new());
        Self { clock: Arc::<SystemClock>::clone(&real), real: Some(real) }
    }

    pub(super) fn new(clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), real: None }
    }
}

impl System {
    /// The clock.
    #[must_use]
    #[inline]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock.clock
    }

    /// Reads both clocks.
    #[inline]
    pub(crate) fn now(&self) -> Now {
        match &self.clock.real {
            Some(real) => real.now(),
            None => self.clock.clock.now(),
        }
    }
}
