//! The socket of a listener: a new one, or one that the service manager has opened.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use yandex_cloud_auth::{Error, ErrorKind};

/// Sockets that the process has from its service manager (socket activation). A listener at the address of one of them
/// takes this socket, and opens none.
///
/// ```
/// use yandex_cloud_auth_agent::Sockets;
///
/// let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// let address = socket.local_addr().unwrap();
/// let sockets = Sockets::new([socket]).unwrap();
/// assert_eq!(sockets.addresses(), [address]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sockets(Arc<Vec<(SocketAddr, std::net::TcpListener)>>);

impl Sockets {
    /// Sockets that listen already.
    ///
    /// # Errors
    /// `Invalid` if the system does not tell the address of one, or if two have the same.
    pub fn new(sockets: impl IntoIterator<Item = std::net::TcpListener>) -> Result<Self, Error> {
        let with_address = sockets.into_iter().map(|socket| Ok((socket.local_addr()?, socket)));
        let all = with_address.collect::<std::io::Result<Vec<_>>>().map_err(|error| {
            Error::new(ErrorKind::Invalid, format!("a socket of the service manager has no address: {error}"))
        })?;
        for (place, (address, _)) in all.iter().enumerate() {
            if all[..place].iter().any(|(other, _)| other == address) {
                let error =
                    Error::new(ErrorKind::Invalid, "the service manager has two sockets at this address");
                return Err(error
                    .at(address.to_string())
                    .with_help("leave out `ReusePort=` and the second unit"));
            }
        }
        Ok(Self(Arc::new(all)))
    }

    /// Their addresses.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.iter().map(|(address, _)| *address).collect()
    }

    /// A copy of the socket at this address. The first one stays open, so that a later listener finds the socket too.
    fn at(&self, wanted: SocketAddr) -> Option<std::io::Result<TcpListener>> {
        let (_, socket) = self.0.iter().find(|(address, _)| *address == wanted)?;
        let copy = socket.try_clone().and_then(|socket| {
            socket.set_nonblocking(true)?;
            TcpListener::from_std(socket)
        });
        Some(copy)
    }
}

/// A listener that accepts no connection yet.
pub(crate) struct Bound {
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
    /// Whether the service manager has the socket, too.
    pub(super) is_inherited: bool,
}

impl Bound {
    /// Takes the socket at an address from the service manager's, or opens one.
    ///
    /// # Errors
    /// `Invalid` if the address cannot be used, for example because another process listens there.
    pub(crate) async fn new(address: SocketAddr, sockets: &Sockets) -> Result<Self, Error> {
        let inherited = sockets.at(address);
        let is_inherited = inherited.is_some();
        let listener = match inherited {
            Some(listener) => listener,
            None => TcpListener::bind(address).await,
        };
        let bound = listener
            .and_then(|listener| Ok(Self { address: listener.local_addr()?, listener, is_inherited }));
        bound.map_err(|error| {
            let help = match error.kind() {
                std::io::ErrorKind::PermissionDenied => "give a port above 1023, or a socket of systemd",
                _ => "give an address of this machine that no other process listens on",
            };
            let reason = format!("cannot listen: {error}");
            Error::new(ErrorKind::Invalid, reason).at(address.to_string()).with_help(help)
        })
    }
}
