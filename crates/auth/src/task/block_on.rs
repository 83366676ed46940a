//! Waiting for a future on a thread that has no executor.

use std::cell::RefCell;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::sync::{Arc, Thread, Wake, Waker, current_thread, park, park_timeout};

/// Runs `work` to its end on this thread, which is parked between the polls.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(current_thread())));
    let mut context = Context::from_waker(&waker);
    let mut work = pin!(work);
    let call = BlockedCall::begin(waker.clone());
    loop {
        match work.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            // A wake-up before this call makes `park` return at once, so none is lost.
            Poll::Pending => call.take_longest_park().map_or_else(park, park_timeout),
        }
    }
}

/// Asks for another poll after `time`. False if the poll with `context` is not directly that of a [`block_on`] of this
/// thread: then the caller needs a timer.
pub(crate) fn poll_again_after(time: Duration, context: &Context<'_>) -> bool {
    BLOCKED_CALL.with_borrow_mut(|call| match call {
        // Code that is polled by another executor inside a `block_on` has the waker of that executor.
        Some(call) if call.waker.will_wake(context.waker()) => {
            call.longest_park = Some(call.longest_park.map_or(time, |other| other.min(time)));
            true
        }
        _ => false,
    })
}

thread_local! {
    /// The innermost [`block_on`] of this thread.
    static BLOCKED_CALL: RefCell<Option<ParkedWaker>> = const { RefCell::new(None) };
}

struct ParkedWaker {
    waker: Waker,
    longest_park: Option<Duration>,
}

/// Sets [`BLOCKED_CALL`] for as long as it lives. Calls nest, so the previous value comes back.
struct BlockedCall {
    outer: Option<ParkedWaker>,
}

impl BlockedCall {
    fn begin(waker: Waker) -> Self {
        Self { outer: BLOCKED_CALL.replace(Some(ParkedWaker { waker, longest_park: None })) }
    }

    fn take_longest_park(&self) -> Option<Duration> {
        BLOCKED_CALL.with_borrow_mut(|call| call.as_mut()?.longest_park.take())
    }
}

impl Drop for BlockedCall {
    fn drop(&mut self) {
        BLOCKED_CALL.set(self.outer.take());
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[test]
    fn only_work_that_block_on_polls_itself_can_ask_for_another_poll() {
        let polls_again = || poll_fn(|context| Poll::Ready(poll_again_after(Duration::ZERO, context)));
        assert!(block_on(polls_again()));
        // Another executor inside, and a nested call that has ended.
        let nested = async {
            let other_executor = futures_util::FutureExt::now_or_never(polls_again());
            (block_on(polls_again()), other_executor, polls_again().await)
        };
        assert_eq!(block_on(nested), (true, Some(false), true));
        assert_eq!(futures_util::FutureExt::now_or_never(polls_again()), Some(false));
    }
}
