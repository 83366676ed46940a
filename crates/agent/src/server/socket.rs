//! Sockets that accept connections, and connections: by TCP, or by the path of a Unix socket.

use std::io;
use std::time::Duration;

use http::Version;
use tokio::io::{AsyncRead, AsyncWrite, Interest, Ready};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

use super::owner;
use super::timed::Timed;
use crate::service::Peer;

/// A connection's bytes, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// How a connection of HTTP/2 begins (RFC 9113 §3.4). No method of HTTP/1.1 has this name.
const HTTP2_START: &[u8] = b"PRI ";

/// The pause before another look where the first bytes have arrived in part: at first, and at most.
const REST: Duration = Duration::from_millis(10);
const LONGEST_REST: Duration = Duration::from_secs(1);

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

    /// The version of HTTP that the first bytes tell. Waits for these bytes, and leaves them unread.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) async fn version(&self) -> io::Result<Version> {
        let mut pause = REST;
        loop {
            let mut first = [0; HTTP2_START.len()];
            let length = self.peek(&mut first).await?;
            let start = &first[..length];
            if start == HTTP2_START {
                return Ok(Version::HTTP_2);
            }
            let may_go_on = !start.is_empty() && HTTP2_START.starts_with(start);
            if !may_go_on || self.ready().await?.is_read_closed() {
                return Ok(Version::HTTP_11);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_REST);
        }
    }

    /// What is known of the connection when there is something to read.
    async fn ready(&self) -> io::Result<Ready> {
        match self {
            Self::Tcp(stream) => stream.ready(Interest::READABLE).await,
            #[cfg(unix)]
            Self::Unix(stream) => stream.ready(Interest::READABLE).await,
        }
    }

    /// Copies the first bytes, and leaves them unread. None: the client has sent all that it had.
    async fn peek(&self, first: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.peek(first).await,
            #[cfg(unix)]
            Self::Unix(stream) => {
                let flags = rustix::net::RecvFlags::PEEK;
                let mut peek = || Ok(rustix::net::recv(stream, &mut *first, flags)?.1);
                stream.async_io(Interest::READABLE, &mut peek).await
            }
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

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Both ends of a connection.
    async fn tcp() -> (Box<dyn Stream>, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Box::new(client), Connection::Tcp(listener.accept().await.unwrap().0))
    }

    #[cfg(unix)]
    async fn other() -> (Box<dyn Stream>, Connection) {
        let (client, server) = UnixStream::pair().unwrap();
        (Box::new(client), Connection::Unix(server))
    }

    #[cfg(not(unix))]
    use self::tcp as other;

    /// The version that a server is told by a client that sends each byte by itself.
    async fn version((mut client, server): (Box<dyn Stream>, Connection), start: &str) -> Version {
        let send = async {
            for byte in start.bytes() {
                client.write_all(&[byte]).await.unwrap();
                sleep(REST * 2).await;
            }
            client.shutdown().await.unwrap();
        };
        tokio::join!(server.version(), send).0.unwrap()
    }

    /// The clock of the runtime jumps to the next timer while everybody waits.
    #[tokio::test(start_paused = true)]
    async fn the_first_bytes_tell_the_version_however_they_arrive() {
        for (start, expected) in [
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Version::HTTP_2),
            ("PROPFIND / HTTP/1.1\r\n", Version::HTTP_11),
            ("GET / HTTP/1.1\r\n", Version::HTTP_11),
            ("pri * HTTP/2.0\r\n", Version::HTTP_11),
            ("", Version::HTTP_11),
            // The client sends no more.
            ("PR", Version::HTTP_11),
        ] {
            assert_eq!(version(tcp().await, start).await, expected, "{start:?}");
            assert_eq!(version(other().await, start).await, expected, "{start:?}");
        }
    }
}
