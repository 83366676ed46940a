//! Work for one caller that runs where fetches run: the caller may have no runtime, or one that ends earlier.

use super::shared_task::SharedTask;
use crate::Error;
use crate::system::{System, dropped_work};

/// Runs `work` on the spawner of `system` and waits for its result.
///
/// # Errors
/// `Unavailable` where the spawner dropped the work before its end.
///
/// # Cancel safety
/// Dropping the future does not stop the work, so `work` has to be bounded in time.
pub(crate) async fn run_detached<T: Clone + Send + 'static>(
    system: &System,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Error> {
    let task = SharedTask::new();
    system.spawner().spawn(task.run(work, |result| result.ok_or_else(dropped_work)));
    task.wait().await
}
