//! Sockets: accepts connections, checks each request, and lets a service answer.
//!
//! Bounds: the number of connections, the time for the head of a request, the size of the head. A body is read by the one
//! service that takes bodies.

mod bound;
mod connection;
mod host;
mod owner;
mod tls;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) use self::bound::Bound;
pub use self::bound::Sockets;
pub(crate) use self::connection::Served;
use self::connection::serve;
pub(crate) use self::host::HostRule;
pub(crate) use self::owner::owner;
pub(crate) use self::tls::Tls;

/// A listener with its connections. Dropping it closes the listener, and connections between two requests.
pub(crate) struct Server {
    shared: Arc<Shared>,
    end: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

/// What the connections of a listener have in common.
struct Shared {
    /// The address, with the port that the system chose.
    address: SocketAddr,
    served: RwLock<Arc<Served>>,
    /// How many connections are open.
    open: watch::Sender<u32>,
}

impl Server {
    /// Serves the connections of a listener.
    pub(crate) fn start(listener: Bound, served: Served) -> Self {
        let Bound { listener, address } = listener;
        let served = RwLock::new(Arc::new(served));
        let shared = Arc::new(Shared { address, served, open: watch::Sender::new(0) });
        let (end, ended) = watch::channel(false);
        let accepting = tokio::spawn(accept_all(listener, Arc::clone(&shared), ended));
        Self { shared, end, accepting }
    }

    /// The address, with the port that the system chose.
    pub(crate) fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Answers later requests by another service, also those of connections that are open. Bounds and certificates hold
    /// for later connections.
    pub(crate) fn replace(&self, served: Served) {
        *self.shared.served.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(served);
        // More connections may be allowed now.
        self.shared.open.send_modify(|_| {});
    }

    /// Accepts the connections that clients have opened and no more, and waits for the requests that are being answered.
    pub(crate) async fn drain(mut self) {
        self.end.send_replace(true);
        let _ = (&mut self.accepting).await;
        let _ = self.shared.open.subscribe().wait_for(|open| *open == 0).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        self.end.send_replace(true);
    }
}

impl Shared {
    fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether one more connection is allowed when this many are open.
    fn has_room(&self, open: u32) -> bool {
        open < self.served().limits.connections
    }

    /// Serves a connection in a task of its own.
    fn start(self: &Arc<Self>, stream: TcpStream, ended: watch::Receiver<bool>) {
        let open = OpenConnection::new(Arc::clone(self));
        tokio::spawn(async move { serve(stream, &open.0, ended).await });
    }
}

/// A connection that is counted as open.
struct OpenConnection(Arc<Shared>);

impl OpenConnection {
    fn new(shared: Arc<Shared>) -> Self {
        shared.open.send_modify(|open| *open += 1);
        Self(shared)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

async fn accept_all(listener: TcpListener, shared: Arc<Shared>, mut ended: watch::Receiver<bool>) {
    let mut open = shared.open.subscribe();
    loop {
        tokio::select! {
            _ = open.wait_for(|open| shared.has_room(*open)) => {}
            _ = ended.wait_for(|ended| *ended) => break,
        }
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ended.wait_for(|ended| *ended) => break,
        };
        match accepted {
            Ok((stream, _)) => shared.start(stream, ended.clone()),
            // The process has no free file descriptor, or the peer has closed the connection. Both are temporary.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    // To close a listener resets the connections in the queue of the operating system, whose requests may have been sent.
    let Ok(listener) = listener.into_std() else { return };
    while shared.has_room(*open.borrow())
        && let Ok((stream, _)) = listener.accept()
    {
        if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
            shared.start(stream, ended.clone());
        }
    }
}
