//! A server on loopback that sends scripted replies over HTTP/1.1 and records every request.

mod reply;
mod request;

use std::io::{BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::sync::watch;

pub use self::reply::Reply;
use self::reply::Then;
pub use self::request::Request;
use self::request::read;
use crate::wait::secs;

type Rule = dyn Fn(&Request, usize) -> Reply + Send + Sync;

/// A running server. It has its own threads, so that tests without a runtime can use it. Dropping the server
/// stops it.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    rule: Box<Rule>,
    requests: Mutex<Vec<Request>>,
    /// The numbers of requests that got a reply, of accepted connections, and of closed connections.
    replied: watch::Sender<usize>,
    accepted: watch::Sender<usize>,
    closed: watch::Sender<usize>,
    stopped: AtomicBool,
}

impl Server {
    /// Starts a server. The rule computes each reply from the request and the number of requests before it.
    #[must_use]
    pub fn start(rule: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            rule: Box::new(rule),
            requests: Mutex::default(),
            replied: watch::Sender::new(0),
            accepted: watch::Sender::new(0),
            closed: watch::Sender::new(0),
            stopped: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &for_thread));
        Self { address, shared }
    }

    /// Starts a server that always sends the same reply.
    #[must_use]
    pub fn always(reply: Reply) -> Self {
        Self::start(move |_, _| reply.clone())
    }

    /// The URL of the server, without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of the server with this path.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The address of the server.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The received requests, in their order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The body of the last request as JSON.
    #[must_use]
    pub fn last_json(&self) -> Value {
        self.requests().last().unwrap().json()
    }

    /// The `authorization` headers of the requests.
    #[must_use]
    pub fn authorizations(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.authorization().to_owned()).collect()
    }

    /// The number of connections that were accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.shared.accepted.borrow()
    }

    /// Waits until the server has received this number of requests.
    pub async fn wait_for(&self, requests: usize) {
        reach(&self.shared.replied, requests, "the request comes").await;
    }

    /// Waits until this number of connections were closed.
    pub async fn wait_for_closed(&self, connections: usize) {
        reach(&self.shared.closed, connections, "the connection is closed").await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // The connection wakes the accepting thread, which then closes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

async fn reach(count: &watch::Sender<usize>, number: usize, what: &str) {
    let mut count = count.subscribe();
    let reached = count.wait_for(|count| *count >= number);
    let _ = tokio::time::timeout(secs(20), reached).await.expect(what);
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        shared.accepted.send_modify(|count| *count += 1);
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            serve(stream, &shared);
            shared.closed.send_modify(|count| *count += 1);
        });
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read(&mut reader) {
        let before = {
            let mut requests = shared.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        let reply = (shared.rule)(&request, before);
        shared.replied.send_modify(|count| *count += 1);
        // The client may have closed the connection.
        if reply.write(&mut stream).is_err() || reply.then == Then::Close {
            return;
        }
        if reply.then == Then::Silence {
            // Until the client closes the connection.
            while reader.read(&mut [0; 64]).is_ok_and(|length| length > 0) {}
            return;
        }
    }
}
