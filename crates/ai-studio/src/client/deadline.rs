//! The deadline of a call, on the clock of the system. It covers the folder, the token, all attempts, the waits between
//! them, and the response to its last byte.

use std::fmt;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use yandex_cloud_auth::System;
use yandex_cloud_auth::system::BoxFuture;

/// A deadline that has begun.
pub(crate) struct Deadline {
    timer: BoxFuture<'static, ()>,
    end: End,
}

/// When a deadline ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// On the monotonic clock.
    at: Duration,
    /// The duration of the whole deadline.
    pub(crate) limit: Duration,
}

impl End {
    pub(crate) fn left(self, system: &System) -> Duration {
        self.at.saturating_sub(system.clock().now().monotonic)
    }
}

impl Deadline {
    pub(crate) fn after(limit: Duration, system: &System) -> Self {
        let at = system.clock().now().monotonic.saturating_add(limit);
        Self { timer: system.clock().sleep(limit), end: End { at, limit } }
    }

    pub(crate) fn end(&self) -> End {
        self.end
    }

    /// Whether the deadline has passed; wakes the caller when it passes.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.timer.as_mut().poll(context)
    }

    /// The output of `work`, or `None` where the deadline passes first.
    pub(crate) async fn bound<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        std::future::poll_fn(|context| {
            if let Poll::Ready(output) = work.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            self.poll(context).map(|()| None)
        })
        .await
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.end.fmt(formatter)
    }
}
