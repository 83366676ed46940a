//! Sockets: accepts connections, checks each request, and lets a service answer.
//!
//! Bounds: the number of connections and of their requests, the time for the head of a request, the size of the head. A body
//! is read by the service that takes it.

mod activity;
mod bound;
mod connection;
mod host;
mod owner;
#[cfg(test)]
mod tests;
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
pub(crate) use self::tls::Tls;

/// A listener with its connections. Dropping it closes the listener, and connections between two requests.
pub(crate) struct Server {
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What the connections of a listener have in common.
struct Shared {
    /// The address, with the port that the system chose.
    address: SocketAddr,
    current: RwLock<Arc<Current>>,
    /// How many connections are open.
    open: watch::Sender<u32>,
    /// Whether the listener has ended.
    ended: watch::Sender<bool>,
}

/// What is served now.
struct Current {
    served: Served,
    /// Whether something else is served in its place.
    replaced: watch::Sender<bool>,
}

impl Current {
    fn new(served: Served) -> Arc<Self> {
        Arc::new(Self { served, replaced: watch::Sender::new(false) })
    }
}

impl Server {
    /// Serves the connections of a listener.
    pub(crate) fn start(listener: Bound, served: Served) -> Self {
        let Bound { listener, address } = listener;
        let shared = Arc::new(Shared {
            address,
            current: RwLock::new(Current::new(served)),
            open: watch::Sender::new(0),
            ended: watch::Sender::new(false),
        });
        let accepting = tokio::spawn(accept_all(listener, Arc::clone(&shared)));
        Self { shared, accepting }
    }

    /// The address, with the port that the system chose.
    pub(crate) fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Answers later requests by another service, also those of connections that are open. Bounds, certificates and versions
    /// of HTTP hold for later connections.
    pub(crate) fn replace(&self, served: Served) {
        let mut current = self.shared.current.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, Current::new(served));
        drop(current);
        old.replaced.send_replace(true);
        // More connections may be allowed now.
        self.shared.open.send_modify(|_| {});
    }

    /// Accepts the connections that clients have opened and no more, and waits for the requests that are being answered.
    pub(crate) async fn drain(mut self) {
        self.shared.ended.send_replace(true);
        let _ = (&mut self.accepting).await;
        let _ = self.shared.open.subscribe().wait_for(|open| *open == 0).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.ended.send_replace(true);
    }
}

impl Shared {
    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What ends the streams of a service.
    fn ends(&self, current: &Current) -> [watch::Receiver<bool>; 2] {
        [self.ended.subscribe(), current.replaced.subscribe()]
    }

    /// Whether one more connection is allowed when this many are open.
    fn has_room(&self, open: u32) -> bool {
        open < self.current().served.limits.connections
    }

    /// Serves a connection in a task of its own.
    fn start(self: &Arc<Self>, stream: TcpStream) {
        let open = Arc::new(OpenConnection::new(Arc::clone(self)));
        tokio::spawn(serve(stream, open, self.ended.subscribe()));
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

async fn accept_all(listener: TcpListener, shared: Arc<Shared>) {
    let (mut open, mut ended) = (shared.open.subscribe(), shared.ended.subscribe());
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
            Ok((stream, _)) => shared.start(stream),
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
            shared.start(stream);
        }
    }
}
