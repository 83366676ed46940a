//! The files of Unix sockets: whether clients still find the sockets of this agent.
//!
//! Nobody tells a process that the file of its socket is gone, so the answer takes a look at the file. A look can hang, as on
//! a server that is down. So each file has a thread for its look, which all who ask share, and nobody waits long for the
//! thread.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::timeout;
use yandex_cloud_auth::sdk_internals::SharedWork;

use crate::place::{FileId, file_id};

/// How long an answer waits for a look: less than the second after which the kubelet gives a probe up.
const WAIT: Duration = Duration::from_millis(800);

/// The file of the socket of a listener. The listener holds it as long as it serves.
pub(crate) struct SocketPath {
    path: PathBuf,
    /// The file of the socket; `None` if there was none when the listener began.
    file: Option<FileId>,
    /// What makes the socket again.
    remedy: &'static str,
    /// Whether the log has told that clients do not find the socket.
    is_told: AtomicBool,
}

impl SocketPath {
    /// The file of a socket that the agent has made.
    pub(crate) fn own(path: PathBuf, file: FileId) -> Arc<Self> {
        Self::new(path, Some(file), "SIGHUP makes it again")
    }

    /// The file that is at the path of a socket of the service manager.
    pub(crate) fn inherited(path: PathBuf) -> Arc<Self> {
        let file = file_id(&path);
        Self::new(path, file, "restart the unit of the socket, and the agent")
    }

    fn new(path: PathBuf, file: Option<FileId>, remedy: &'static str) -> Arc<Self> {
        Arc::new(Self { path, file, remedy, is_told: AtomicBool::new(false) })
    }

    /// What is wrong with the socket after a look. The log tells it once, and once more after a look at which all was good.
    fn judge(&self, seen: Seen) -> Option<String> {
        let (reason, result, remedy) = match seen {
            Seen::File(found) if found.is_some() && found == self.file => {
                self.is_told.store(false, Ordering::Relaxed);
                return None;
            }
            Seen::File(_) => {
                ("somebody has removed or replaced the socket", "clients do not find it", self.remedy)
            }
            Seen::Nothing => (
                "a look at the socket hangs",
                "clients may hang there too",
                "check the file system of the path",
            ),
        };
        if !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(path = %self.path.display(), remedy, "{reason}: {result}");
        }
        Some(format!("unix:{}: {reason}", self.path.display()))
    }
}

/// The outcome of a look.
#[derive(Clone, Copy)]
enum Seen {
    /// The file that is there.
    File(Option<FileId>),
    /// There was no answer in time, or no thread for the look.
    Nothing,
}

/// The sockets of an agent that have a file.
#[derive(Clone, Default)]
pub(crate) struct SocketPaths(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// A listener that has ended is none of them: it has removed its file itself.
    paths: Mutex<Vec<Weak<SocketPath>>>,
    /// By the path and the file that the look expects: a new socket does not get a look at an old one.
    looks: SharedWork<(PathBuf, Option<FileId>), Option<FileId>>,
}

impl SocketPaths {
    /// These are the sockets from now on.
    pub(crate) fn set<'a>(&self, paths: impl IntoIterator<Item = &'a Arc<SocketPath>>) {
        let paths = paths.into_iter().map(Arc::downgrade).collect();
        *self.0.paths.lock().unwrap_or_else(PoisonError::into_inner) = paths;
    }

    /// A line for each socket that clients do not find now.
    pub(crate) async fn lost(&self) -> Vec<String> {
        self.lost_by(file_id).await
    }

    async fn lost_by(&self, look: impl Fn(&Path) -> Option<FileId> + Clone + Send + 'static) -> Vec<String> {
        let paths = self.0.paths.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let looks = paths.into_iter().filter_map(|socket| {
            let (path, file) = socket.upgrade().map(|socket| (socket.path.clone(), socket.file))?;
            let (shared, look) = (Arc::clone(&self.0), look.clone());
            // A task for each: one that hangs does not take the time of the others.
            let looked = tokio::spawn(timeout(WAIT, async move {
                shared.looks.run((path.clone(), file), move || look(&path)).await
            }));
            Some((socket, looked))
        });
        let mut lost = Vec::new();
        for (socket, looked) in looks.collect::<Vec<_>>() {
            let seen = match looked.await {
                Ok(Ok(Ok(found))) => Seen::File(found),
                _ => Seen::Nothing,
            };
            // The listener may have ended meanwhile.
            lost.extend(socket.upgrade().and_then(|socket| socket.judge(seen)));
        }
        lost
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// The clock of the runtime jumps to the next timer while everybody waits.
    #[tokio::test(start_paused = true)]
    async fn a_look_that_hangs_costs_one_thread_and_delays_no_other() {
        let file = FileId::of_numbers(1, 2);
        let [good, hanging] = ["/good", "/hanging"].map(|path| SocketPath::own(path.into(), file));
        let paths = SocketPaths::default();
        paths.set([&hanging, &good]);
        let ((begins, begun), (release, held)) = (mpsc::channel(), mpsc::channel::<()>());
        let held = Arc::new(Mutex::new(held));
        let look = move |path: &Path| {
            if path == Path::new("/hanging") {
                begins.send(()).ok();
                held.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
            }
            Some(file)
        };
        let hangs = "unix:/hanging: a look at the socket hangs".to_owned();
        for _ in 0..3 {
            // The clock may jump before the thread of the other look has ended.
            assert!(paths.lost_by(look.clone()).await.contains(&hangs));
        }
        begun.recv().expect("a look");
        assert!(begun.try_recv().is_err(), "one thread for all three");
        drop(release);
        tokio::time::resume();
        assert_eq!(paths.lost_by(look).await, [""; 0]);
        drop((good, hanging));
        assert_eq!(paths.lost_by(|_| None).await, [""; 0], "a listener that has ended has removed its file");
    }
}
