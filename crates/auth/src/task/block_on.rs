//! Waiting for a future on a thread that has no executor.

use std::pin::pin;
use std::task::{Context, Poll};

use crate::sync::{Arc, Thread, Wake, Waker, current_thread, park};

/// Runs `work` to its end on this thread, which is parked between the polls.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(current_thread())));
    let mut context = Context::from_waker(&waker);
    let mut work = pin!(work);
    loop {
        match work.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            // A wake-up before this call makes `park` return at once, so none is lost.
            Poll::Pending => park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
