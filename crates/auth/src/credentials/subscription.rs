//! Notice of new tokens, for programs that keep a header elsewhere.

use std::fmt;
use std::future::poll_fn;

use super::{Credentials, Inner};
use crate::refresh::cached_header::Snapshot;
use crate::sync::{Arc, Weak};
use crate::task::notifier::Notifier;

/// Tells of each new token. Does not keep the credentials alive.
///
/// ```
/// use yandex_cloud_auth::{Credentials, Error, Token};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// let credentials = Credentials::from_fn(|| async { Token::new("t1.fake.token") });
/// let mut subscription = credentials.subscribe();
/// credentials.header().await?;
/// let snapshot = subscription.changed().await.unwrap();
/// assert_eq!(snapshot.header().unwrap(), "Bearer t1.fake.token");
/// # Ok(()) }
/// ```
pub struct Subscription {
    credentials: Weak<Inner>,
    notifier: Arc<Notifier>,
    subscriber: u64,
    seen: u64,
}

impl Subscription {
    pub(super) fn new(credentials: Weak<Inner>, notifier: &Arc<Notifier>) -> Self {
        let (subscriber, seen) = notifier.subscribe();
        Self { credentials, notifier: Arc::clone(notifier), subscriber, seen }
    }

    /// Waits for the next token, and returns its snapshot. Of several new tokens only the last one is returned. `None`
    /// once the credentials are dropped.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call returns the token.
    pub async fn changed(&mut self) -> Option<Snapshot> {
        loop {
            self.seen =
                poll_fn(|context| self.notifier.poll(self.subscriber, self.seen, context.waker())).await?;
            let inner = self.credentials.upgrade()?;
            // A token that was dropped at once is not reported.
            if let Some(snapshot) = (Credentials { inner }).snapshot() {
                return Some(snapshot);
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.notifier.unsubscribe(self.subscriber);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subscription").finish_non_exhaustive()
    }
}
