//! Work for one caller that runs where fetches run: the caller may have no runtime, or one that ends earlier.

use super::shared_task::SharedTask;
use crate::system::System;

/// Runs `work` on the spawner of `system` and waits for its result; `None` where the spawner dropped it before its end.
///
/// # Cancel safety
/// Dropping the future does not stop the work, so `work` has to be bounded in time.
pub(crate) async fn run_detached<T: Clone + Send + 'static>(
    system: &System,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let task = SharedTask::new();
    system.spawner().spawn(task.run(work, |result| result));
    task.wait().await
}
