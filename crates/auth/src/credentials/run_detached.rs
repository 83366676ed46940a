//! Work for one caller, done where fetches are done: the caller may have no runtime, or none that lasts.

use tokio::sync::oneshot;

use crate::system::System;
use crate::{Error, ErrorKind};

/// Does it there, and waits for it. Who stops waiting does not stop the work: it has to be bounded.
pub(super) async fn run_detached<T: Send + 'static>(
    system: &System,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Error> {
    let (done, outcome) = oneshot::channel();
    system.spawner().spawn(Box::pin(async move {
        // Nobody may be waiting any more.
        let _ = done.send(work.await);
    }));
    outcome.await.map_err(|_| {
        Error::new(ErrorKind::Unavailable, "the work was dropped before its end")
            .with_help("a spawner whose runtime is gone, or no thread to be had")
    })
}
