//! The socket of a listener: a new one, or one that the service manager has opened.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use yandex_cloud_auth::{Error, ErrorKind};

use super::socket::{Listener, Socket};
#[cfg(unix)]
use super::unix::SocketFile;
use crate::config::Address;
use crate::place::Permissions;
use crate::socket_paths::SocketPath;

/// Sockets that the process has from its service manager (socket activation). A listener at the address of one of them
/// takes this socket, and opens none.
///
/// ```
/// use yandex_cloud_auth_agent::{Address, Sockets};
///
/// let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// let address = socket.local_addr().unwrap();
/// let sockets = Sockets::new([socket]).unwrap();
/// assert_eq!(sockets.addresses(), [Address::Tcp(address)]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sockets(Arc<Vec<(Address, Socket)>>);

impl Sockets {
    /// Sockets that listen already.
    ///
    /// # Errors
    /// `Invalid` if the system does not tell the address of one.
    pub fn new(sockets: impl IntoIterator<Item = std::net::TcpListener>) -> Result<Self, Error> {
        let with_address =
            sockets.into_iter().map(|socket| Ok((Address::Tcp(socket.local_addr()?), Socket::Tcp(socket))));
        let all = with_address.collect::<io::Result<Vec<_>>>().map_err(|error| no_address(&error))?;
        Ok(Self(Arc::new(all)))
    }

    /// These sockets, and Unix sockets that listen already.
    ///
    /// # Errors
    /// `Invalid` if one has no path.
    #[cfg(unix)]
    pub fn with_unix(
        self,
        sockets: impl IntoIterator<Item = std::os::unix::net::UnixListener>,
    ) -> Result<Self, Error> {
        let mut all = Arc::try_unwrap(self.0).unwrap_or_default();
        for socket in sockets {
            let address = socket.local_addr().map_err(|error| no_address(&error))?;
            let path = address.as_pathname().ok_or_else(|| no_address(&"it is no file"))?;
            all.push((Address::Unix(path.to_owned()), Socket::Unix(socket)));
        }
        Ok(Self(Arc::new(all)))
    }

    /// Their addresses.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        self.0.iter().map(|(address, _)| address.clone()).collect()
    }

    /// A copy of the socket at this address. The first one stays open, so that a later listener finds the socket too.
    fn at(&self, wanted: &Address) -> Option<io::Result<Listener>> {
        let (_, socket) = self.0.iter().find(|(address, _)| address == wanted)?;
        Some(socket.try_clone().and_then(Listener::new))
    }
}

fn no_address(reason: &impl std::fmt::Display) -> Error {
    let reason = format!("a socket of the service manager has no address: {reason}");
    Error::new(ErrorKind::Invalid, reason)
}

/// A listener that accepts no connection yet.
pub(crate) struct Bound {
    pub(super) listener: Listener,
    /// The address, with the port that the system chose.
    pub(super) address: Address,
    /// Whether the service manager has the socket, too.
    pub(super) is_inherited: bool,
    /// The file of a Unix socket, unless it is the service manager's.
    #[cfg(unix)]
    pub(super) file: Option<SocketFile>,
}

impl Bound {
    /// Takes the socket at an address from the service manager's, or opens one. `permissions` are those of a Unix socket.
    ///
    /// # Errors
    /// `Invalid` if the address cannot be used, for example because another process listens there.
    pub(crate) async fn new(
        address: &Address,
        permissions: Permissions,
        sockets: &Sockets,
    ) -> Result<Self, Error> {
        match (sockets.at(address), address) {
            (Some(listener), _) => {
                let listener = listener.map_err(|error| cannot_listen(&error, address))?;
                Ok(Self { is_inherited: true, ..Self::of(listener, address.clone()) })
            }
            (None, Address::Tcp(wanted)) => {
                let bound = async || {
                    let listener = TcpListener::bind(wanted).await?;
                    let address = Address::Tcp(listener.local_addr()?);
                    Ok(Self::of(Listener::Tcp(listener), address))
                };
                bound().await.map_err(|error| cannot_listen(&error, address))
            }
            #[cfg(unix)]
            (None, Address::Unix(path)) => {
                Ok(Self::of_file(SocketFile::bind(path, permissions).await?, address.clone()))
            }
            #[cfg(not(unix))]
            (None, Address::Unix(path)) => {
                let _ = permissions;
                Err(no_unix_sockets(path))
            }
        }
    }

    /// Checks whether a Unix socket can be made at the path. Nothing that this makes stays.
    ///
    /// # Errors
    /// As [`new`](Self::new), but for another process at the path.
    pub(crate) fn check_path(path: &Path, permissions: Permissions) -> Result<(), Error> {
        #[cfg(unix)]
        return SocketFile::check(path, permissions);
        #[cfg(not(unix))]
        {
            let _ = permissions;
            Err(no_unix_sockets(path))
        }
    }

    /// What tells whether clients find the socket, of one with a file.
    pub(super) fn watched(&self) -> Option<Arc<SocketPath>> {
        #[cfg(unix)]
        if let Some(file) = &self.file {
            return Some(file.watched());
        }
        match &self.address {
            Address::Unix(path) => Some(SocketPath::inherited(path.clone())),
            Address::Tcp(_) => None,
        }
    }

    /// A Unix socket of the agent's own.
    #[cfg(unix)]
    pub(super) fn of_file(
        (listener, file): (tokio::net::UnixListener, SocketFile),
        address: Address,
    ) -> Self {
        Self { file: Some(file), ..Self::of(Listener::Unix(listener), address) }
    }

    fn of(listener: Listener, address: Address) -> Self {
        Self {
            listener,
            address,
            is_inherited: false,
            #[cfg(unix)]
            file: None,
        }
    }
}

#[cfg(test)]
impl Bound {
    /// A port of loopback that the system chooses.
    pub(super) async fn any() -> Self {
        let address = Address::Tcp(([127, 0, 0, 1], 0).into());
        Self::new(&address, Permissions::default(), &Sockets::default()).await.expect("a free port")
    }
}

#[cfg(not(unix))]
fn no_unix_sockets(path: &Path) -> Error {
    let reason = "this system has no Unix sockets for the agent";
    crate::place::invalid(path, reason.to_owned(), "leave the listener out")
}

fn cannot_listen(error: &io::Error, address: &Address) -> Error {
    let help = match error.kind() {
        io::ErrorKind::PermissionDenied => "give a port above 1023, or a socket of systemd",
        _ => "give an address of this machine that no other process listens on",
    };
    let reason = format!("cannot listen: {error}");
    Error::new(ErrorKind::Invalid, reason).at(address.to_string()).with_help(help)
}
