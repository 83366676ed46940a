//! The files of the library's `task/` that are modelled.

use crate::sync::Waker;

#[path = "../../../auth/src/task/cancel.rs"]
pub(crate) mod cancel;
#[path = "../../../auth/src/task/shared_task.rs"]
pub(crate) mod shared_task;

fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}
