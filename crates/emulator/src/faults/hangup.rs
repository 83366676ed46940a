//! The connection of a request, which a fault can close.

use std::sync::Arc;

use tokio::sync::Notify;

/// Closes the connection of a request.
#[derive(Clone, Default)]
pub(crate) struct Hangup(Arc<Notify>);

impl Hangup {
    pub(crate) fn close(&self) {
        // `notify_one` stores a permit, so the connection is closed even if nothing waits yet.
        self.0.notify_one();
    }

    /// Completes when the connection has to be closed.
    pub(crate) async fn closed(&self) {
        self.0.notified().await;
    }
}
