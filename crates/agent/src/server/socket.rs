//! Sockets that accept connections, and connections: by TCP, or by the path of a Unix socket.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use super::owner;
use super::timed::Timed;
use crate::service::Peer;

/// A connection's bytes, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A socket of the operating system that accepts connections.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

impl Socket {
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(socket) => Self::Tcp(socket.try_clone()?),
            #[cfg(unix)]
            Self::Unix(socket) => Self::Unix(socket.try_clone()?),
        })
    }

    /// Accepts a connection that waits already.
    pub(super) fn accept(&self) -> io::Result<Connection> {
        Ok(match self {
            Self::Tcp(socket) => {
                let (stream, _) = socket.accept()?;
                stream.set_nonblocking(true)?;
                Connection::Tcp(TcpStream::from_std(stream)?)
            }
            #[cfg(unix)]
            Self::Unix(socket) => {
                let (stream, _) = socket.accept()?;
                stream.set_nonblocking(true)?;
                Connection::Unix(UnixStream::from_std(stream)?)
            }
        })
    }
}

/// A socket that accepts connections on the runtime.
pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    pub(super) fn new(socket: Socket) -> io::Result<Self> {
        Ok(match socket {
            Socket::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                Self::Tcp(TcpListener::from_std(socket)?)
            }
            #[cfg(unix)]
            Socket::Unix(socket) => {
                socket.set_nonblocking(true)?;
                Self::Unix(UnixListener::from_std(socket)?)
            }
        })
    }

    pub(super) async fn accept(&self) -> io::Result<Connection> {
        Ok(match self {
            Self::Tcp(listener) => Connection::Tcp(listener.accept().await?.0),
            #[cfg(unix)]
            Self::Unix(listener) => Connection::Unix(listener.accept().await?.0),
        })
    }

    /// The socket, which no longer wakes the runtime.
    pub(super) fn into_socket(self) -> io::Result<Socket> {
        Ok(match self {
            Self::Tcp(listener) => Socket::Tcp(listener.into_std()?),
            #[cfg(unix)]
            Self::Unix(listener) => Socket::Unix(listener.into_std()?),
        })
    }
}

/// A connection that was accepted.
pub(super) enum Connection {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Connection {
    /// Who is at the other end.
    pub(super) async fn peer(&self) -> Peer {
        match self {
            Self::Tcp(stream) => owner::of_peer(stream).await,
            // The user of the process at the moment when it connected.
            #[cfg(unix)]
            Self::Unix(stream) => stream.peer_cred().map_or(Peer::Unknown, |peer| Peer::User(peer.uid())),
        }
    }

    /// The bytes. No write waits longer than the limit.
    pub(super) fn into_stream(self, limit: Duration) -> Box<dyn Stream> {
        match self {
            Self::Tcp(stream) => {
                let _ = stream.set_nodelay(true);
                Box::new(Timed::new(stream, limit))
            }
            #[cfg(unix)]
            Self::Unix(stream) => Box::new(Timed::new(stream, limit)),
        }
    }
}
