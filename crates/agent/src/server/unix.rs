//! The file of a Unix socket. Nobody can connect before its permissions are right, and it is gone with the listener.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Gid, Mode};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use yandex_cloud_auth::Error;

use crate::place::{self, FileId, Permissions, beside, file_id};
use crate::socket_paths::SocketPath;

/// The connections that wait until they are accepted.
const QUEUE: u32 = 1024;

/// The file of a socket of this agent.
pub(super) struct SocketFile {
    path: PathBuf,
    permissions: Permissions,
    /// The file: another one at the path is not the agent's.
    file: FileId,
    /// Keeps other agents from the path.
    lock: File,
}

impl SocketFile {
    /// Makes a socket at the path, in the place of one that a dead process left behind.
    ///
    /// # Errors
    /// `Invalid` if another process listens there, if there is something else than a socket, or if none can be made.
    pub(super) async fn bind(path: &Path, permissions: Permissions) -> Result<(UnixListener, Self), Error> {
        Self::bind_with(path, permissions, place::lock).await
    }

    /// Makes a socket anew if clients do not find this one any more. `None` if it can stay.
    ///
    /// # Errors
    /// As [`bind`](Self::bind), and for other permissions than those of the file that is there.
    pub(super) async fn find_or_rebind(
        &self,
        permissions: Permissions,
    ) -> Result<Option<(UnixListener, Self)>, Error> {
        if self.is_there() {
            if self.permissions == permissions {
                return Ok(None);
            }
            let reason = "the mode and the group of a socket stay as they are while it is open";
            let help = "restart the agent, or give another path";
            return Err(place::invalid(&self.path, reason.to_owned(), help));
        }
        let lock = |path: &Path| match self.lock.metadata() {
            // The agent has the lock, unless its file was removed, too.
            Ok(held) if file_id(&place::lock_path(path)) == Some(FileId::of(&held)) => self.lock.try_clone(),
            _ => place::lock(path),
        };
        let made = Self::bind_with(&self.path, permissions, lock).await?;
        tracing::warn!(path = %self.path.display(), "somebody has removed the socket: it is made again");
        Ok(Some(made))
    }

    async fn bind_with(
        path: &Path,
        permissions: Permissions,
        lock: impl FnOnce(&Path) -> io::Result<File>,
    ) -> Result<(UnixListener, Self), Error> {
        let another = || {
            let help = "end it, or give another path";
            place::invalid(path, "another process listens here".to_owned(), help)
        };
        if has_socket(path)? {
            match UnixStream::connect(path).await.map_err(|reason| reason.kind()) {
                // Nobody has it open.
                Err(io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => {}
                _ => return Err(another()),
            }
        }
        let lock = match lock(path) {
            Err(held) if held.kind() == io::ErrorKind::WouldBlock => return Err(another()),
            lock => lock,
        };
        let made = lock.and_then(|lock| {
            let (listener, file) = listen(path, permissions)?;
            Ok((listener, Self { path: path.to_owned(), permissions, file, lock }))
        });
        made.map_err(|reason| cannot_listen(path, &reason))
    }

    /// Checks whether a socket can be made at the path. A socket that is there already may be that of a running agent or of the
    /// service manager, so there is nothing to make then. Nothing that this makes stays.
    ///
    /// # Errors
    /// As [`bind`](Self::bind), but for another process.
    pub(super) fn check(path: &Path, permissions: Permissions) -> Result<(), Error> {
        if has_socket(path)? {
            return Ok(());
        }
        let trial = place::trial(path);
        let made = place::can_be_locked(path).and_then(|()| bound(&trial, permissions));
        let _ = made.is_ok().then(|| fs::remove_file(&trial));
        made.map(drop).map_err(|reason| cannot_listen(path, &reason))
    }

    /// What tells whether clients find the socket.
    pub(super) fn watched(&self) -> Arc<SocketPath> {
        SocketPath::own(self.path.clone(), self.file)
    }

    /// Whether clients still find the socket: nobody has removed the file, or put another in its place.
    fn is_there(&self) -> bool {
        file_id(&self.path) == Some(self.file)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether there is a socket at a path. Another file there is an error, and so is a folder that is missing.
fn has_socket(path: &Path) -> Result<bool, Error> {
    place::check_folder(path)?;
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            let help = "give the path of a new socket, or of one of an earlier agent; symbolic links are not followed";
            Err(place::invalid(path, "it is not a socket".to_owned(), help))
        }
        Ok(_) => Ok(true),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(reason) => {
            Err(place::invalid(path, reason.to_string(), "give a path that the agent can write to"))
        }
    }
}

fn cannot_listen(path: &Path, reason: &io::Error) -> Error {
    let help = match reason.kind() {
        io::ErrorKind::InvalidInput => "give a shorter path: a socket's has at most some 100 bytes",
        _ => "give a path in a folder that the agent can write to, and a group that it belongs to",
    };
    place::invalid(path, format!("cannot listen here: {reason}"), help)
}

/// A listener at the path, and its file.
fn listen(path: &Path, permissions: Permissions) -> io::Result<(UnixListener, FileId)> {
    let temporary = beside(path, ".new");
    // The lock says that no other agent is here: a file is one that an agent left behind when it was killed.
    let _ = fs::remove_file(&temporary);
    let (socket, file) = bound(&temporary, permissions)?;
    // Until here every connect is refused.
    let made = socket.listen(QUEUE).and_then(|listener| {
        fs::rename(&temporary, path)?;
        Ok((listener, file))
    });
    if made.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    made
}

/// A socket that does not listen, with a new file that has its permissions.
fn bound(path: &Path, permissions: Permissions) -> io::Result<(UnixSocket, FileId)> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    match permit(path, permissions) {
        Ok(file) => Ok((socket, file)),
        Err(reason) => {
            let _ = fs::remove_file(path);
            Err(reason)
        }
    }
}

/// Sets who may connect. Follows no link: another process may have put one in the place of the socket.
fn permit(path: &Path, permissions: Permissions) -> io::Result<FileId> {
    let mode = Mode::from_raw_mode(permissions.mode);
    let group = permissions.group.map(Gid::from_raw);
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;

        use rustix::fs::OFlags;
        // Linux changes the mode of a file without following a link by its descriptor alone.
        let file = rustix::fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let found = File::from(file);
        let metadata = found.metadata()?;
        is_socket(&metadata)?;
        if group.is_some() {
            rustix::fs::chownat(&found, "", None, group, AtFlags::EMPTY_PATH)?;
        }
        rustix::fs::chmod(format!("/proc/self/fd/{}", found.as_raw_fd()), mode)?;
        Ok(FileId::of(&metadata))
    }
    #[cfg(not(target_os = "linux"))]
    {
        use rustix::fs::CWD;

        if group.is_some() {
            rustix::fs::chownat(CWD, path, None, group, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        rustix::fs::chmodat(CWD, path, mode, AtFlags::SYMLINK_NOFOLLOW)?;
        let metadata = fs::symlink_metadata(path)?;
        is_socket(&metadata)?;
        Ok(FileId::of(&metadata))
    }
}

fn is_socket(metadata: &fs::Metadata) -> io::Result<()> {
    let is_socket = metadata.file_type().is_socket();
    is_socket.then_some(()).ok_or_else(|| io::Error::other("another process has replaced the socket"))
}
