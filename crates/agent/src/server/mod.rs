//! Sockets: accepts connections, checks each request, and lets a service answer.
//!
//! Bounds: the number of connections and of their requests, the time for the head of a request, the size of the head. A body
//! is read by the service that takes it.

mod activity;
mod bound;
mod connection;
mod host;
mod owner;
mod socket;
#[cfg(test)]
mod tests;
mod timed;
mod tls;
#[cfg(unix)]
mod unix;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use yandex_cloud_auth::Error;

pub(crate) use self::bound::Bound;
pub use self::bound::Sockets;
pub(crate) use self::connection::Served;
use self::connection::serve;
pub(crate) use self::host::HostRule;
pub(crate) use self::owner::owner_of;
use self::socket::{Connection, Listener};
pub(crate) use self::tls::Tls;
#[cfg(unix)]
use self::unix::SocketFile;
use crate::config::Address;
use crate::place::Permissions;
use crate::socket_paths::SocketPath;

/// A listener with its connections. Dropping it closes the listener, and connections between two requests.
pub(crate) struct Server {
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
    /// Before the file in the order of the drop: a file that the agent removes itself is not missed.
    watched: Option<Arc<SocketPath>>,
    /// The file of a Unix socket of the agent's own.
    #[cfg(unix)]
    file: Option<SocketFile>,
}

/// What the connections of a listener have in common.
struct Shared {
    /// The address, with the port that the system chose.
    address: Address,
    current: RwLock<Arc<Current>>,
    /// How many connections are open.
    open: watch::Sender<u32>,
    /// Whether the listener has ended.
    ended: watch::Sender<bool>,
}

/// What is served now.
struct Current {
    served: Served,
    /// Whether something else is served in its place. Shared as `closing` is, if the streams can go on.
    replaced: Arc<watch::Sender<bool>>,
    /// Whether the connections have to close: they have another kind of service, or TLS where there was none. Shared with what
    /// is served before and after on the same connections.
    closing: Arc<watch::Sender<bool>>,
}

impl Current {
    fn new(
        served: Served,
        closing: Arc<watch::Sender<bool>>,
        replaced: Arc<watch::Sender<bool>>,
    ) -> Arc<Self> {
        Arc::new(Self { served, replaced, closing })
    }
}

impl Server {
    /// Serves the connections of a listener.
    pub(crate) fn start(bound: Bound, served: Served) -> Self {
        let watched = bound.watched();
        let shared = Arc::new(Shared {
            address: bound.address,
            current: RwLock::new(Current::new(served, Arc::default(), Arc::default())),
            open: watch::Sender::new(0),
            ended: watch::Sender::new(false),
        });
        let accepting = tokio::spawn(accept_all(bound.listener, bound.is_inherited, Arc::clone(&shared)));
        Self {
            shared,
            accepting,
            watched,
            #[cfg(unix)]
            file: bound.file,
        }
    }

    /// The address, with the port that the system chose.
    pub(crate) fn address(&self) -> &Address {
        &self.shared.address
    }

    /// What tells whether clients find the socket, of one with a file.
    pub(crate) fn watched(&self) -> Option<&Arc<SocketPath>> {
        self.watched.as_ref()
    }

    /// A new socket if clients do not find the one of this listener any more: somebody has removed its file, or put another in
    /// its place. `None` if the socket can stay as it is.
    ///
    /// # Errors
    /// `Invalid` if the file is there and has other permissions, or if no socket can be made, for example because another
    /// process listens at the path.
    pub(crate) async fn find_or_rebind(&self, permissions: Permissions) -> Result<Option<Bound>, Error> {
        #[cfg(unix)]
        if let Some(file) = &self.file {
            let made = file.find_or_rebind(permissions).await?;
            return Ok(made.map(|made| Bound::of_file(made, self.address().clone())));
        }
        // The file is not the agent's, or there is none.
        let _ = permissions;
        Ok(None)
    }

    /// Answers later requests by another service, also those of connections that are open, if the service is of the same kind.
    /// Bounds, certificates and versions of HTTP hold for later connections.
    pub(crate) fn replace(&self, served: Served) {
        let mut current = self.shared.current.write().unwrap_or_else(PoisonError::into_inner);
        let stays = served.is_like(&current.served);
        let closing = if stays { Arc::clone(&current.closing) } else { Arc::default() };
        let rest_on = served.service.streams_rest_on();
        let go_on = stays && rest_on.is_some() && rest_on == current.served.service.streams_rest_on();
        let replaced = if go_on { Arc::clone(&current.replaced) } else { Arc::default() };
        let old = std::mem::replace(&mut *current, Current::new(served, closing, replaced));
        drop(current);
        if !stays {
            old.closing.send_replace(true);
        }
        if !go_on {
            old.replaced.send_replace(true);
        }
        // More connections may be allowed now.
        self.shared.open.send_modify(|_| {});
    }

    /// Accepts the connections that clients have opened and no more, and waits for the requests that are being answered.
    pub(crate) async fn drain(mut self) {
        drop(self.watched.take());
        // Later clients find no socket, and another agent can have the path.
        #[cfg(unix)]
        drop(self.file.take());
        self.shared.end();
        let _ = (&mut self.accepting).await;
        let _ = self.shared.open.subscribe().wait_for(|open| *open == 0).await;
    }
}

#[cfg(test)]
impl Server {
    /// The address of a listener that has a port.
    fn tcp(&self) -> std::net::SocketAddr {
        self.address().tcp().expect("a port")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.end();
    }
}

impl Shared {
    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends the listener and its connections.
    fn end(&self) {
        self.ended.send_replace(true);
        self.current().closing.send_replace(true);
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
    fn start(self: &Arc<Self>, connection: Connection) {
        let open = Arc::new(OpenConnection::new(Arc::clone(self)));
        tokio::spawn(serve(connection, open));
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

async fn accept_all(listener: Listener, is_inherited: bool, shared: Arc<Shared>) {
    let mut fails = false;
    let (mut open, mut ended) = (shared.open.subscribe(), shared.ended.subscribe());
    loop {
        tokio::select! {
            biased;
            _ = ended.wait_for(|ended| *ended) => break,
            _ = open.wait_for(|open| shared.has_room(*open)) => {}
        }
        let accepted = tokio::select! {
            biased;
            _ = ended.wait_for(|ended| *ended) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(connection) => {
                fails = false;
                shared.start(connection);
            }
            // The process has no free file descriptor, or the peer has closed the connection. Both are temporary.
            Err(error) => {
                if !std::mem::replace(&mut fails, true) {
                    tracing::warn!(address = %shared.address, %error, "cannot accept a connection");
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    // The connections in the queue of a socket of the service manager wait for the next agent.
    if is_inherited {
        return;
    }
    // To close a listener resets the connections in the queue of the operating system, whose requests may have been sent.
    let Ok(socket) = listener.into_socket() else { return };
    while shared.has_room(*open.borrow())
        && let Ok(connection) = socket.accept()
    {
        shared.start(connection);
    }
}
