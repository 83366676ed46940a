//! Word of new generations, for those who keep a header elsewhere.

use std::fmt;
use std::sync::{Arc, Weak};

use super::{Credentials, Inner};
use crate::refresh::cached_header::Snapshot;
use crate::refresh::notifier::Notifier;

/// Tells of new generations. Does not keep the credentials alive.
///
/// ```
/// use yandex_cloud_auth::{Credentials, Error, Token, TokenSource};
/// # use yandex_cloud_auth::system::{BoxFuture, System};
/// # struct Vault;
/// # impl TokenSource for Vault {
/// #     fn fetch<'a>(&'a self, _: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
/// #         Box::pin(async { Token::new("t1.fake.token") })
/// #     }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// let credentials = Credentials::from_source(Vault);
/// let mut news = credentials.subscribe();
/// credentials.header().await?;
/// let snapshot = news.changed().await.unwrap();
/// assert_eq!(snapshot.header().unwrap(), "Bearer t1.fake.token");
/// # Ok(()) }
/// ```
pub struct Subscription {
    credentials: Weak<Inner>,
    changes: Arc<Notifier>,
    listener: u64,
    seen: u64,
}

impl Subscription {
    pub(super) fn new(credentials: Weak<Inner>, changes: &Arc<Notifier>) -> Self {
        let (listener, seen) = changes.subscribe();
        Self { credentials, changes: Arc::clone(changes), listener, seen }
    }

    /// Waits for the next generation; several at once are told as the last of them. `None` once the credentials are
    /// gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call tells it.
    pub async fn changed(&mut self) -> Option<Snapshot> {
        loop {
            self.seen =
                std::future::poll_fn(|context| self.changes.poll(self.listener, self.seen, context.waker()))
                    .await?;
            let inner = self.credentials.upgrade()?;
            // A generation that was dropped at once is no news.
            if let Some(snapshot) = (Credentials { inner }).snapshot() {
                return Some(snapshot);
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.changes.forget(self.listener);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subscription").finish_non_exhaustive()
    }
}
