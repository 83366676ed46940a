//! A server on loopback that sends scripted replies over HTTP/1.1 and records every request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::sync::watch;

use crate::wait::secs;

/// A received request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The request line and the headers, without the empty line at the end.
    pub head: String,
    /// The body, without the chunked encoding.
    pub body: Vec<u8>,
}

impl Request {
    /// The method and the target: `POST /v1/chat/completions`.
    #[must_use]
    pub fn line(&self) -> &str {
        self.head.split(" HTTP/").next().unwrap()
    }

    /// The target: `/v1/chat/completions`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.line().split(' ').nth(1).unwrap_or_default()
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The value of the header `authorization`, empty if the header is absent.
    #[must_use]
    pub fn authorization(&self) -> &str {
        self.header("authorization").unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON; null if the body is empty.
    #[must_use]
    pub fn json(&self) -> Value {
        if self.body.is_empty() { Value::Null } else { serde_json::from_slice(&self.body).unwrap() }
    }
}

/// A scripted reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// `None` sends no head at all.
    status: Option<u16>,
    headers: Vec<(&'static str, String)>,
    body: Body,
    then: Then,
}

#[derive(Clone, Debug)]
enum Body {
    /// Sent with `Content-Length`.
    Whole(String),
    /// Sent with `Transfer-Encoding: chunked`, each chunk in a separate write.
    Chunks(Vec<Vec<u8>>),
}

/// What the server does after the body.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// Completes the reply and reads the next request.
    Next,
    /// Closes the connection before the reply is complete.
    Close,
    /// Sends nothing more and keeps the connection open before the reply is complete.
    Silence,
}

impl Reply {
    /// A reply without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::body(status, "")
    }

    /// A reply with a status and a body.
    #[must_use]
    pub fn body(status: u16, body: &str) -> Self {
        Self {
            status: Some(status),
            headers: Vec::new(),
            body: Body::Whole(body.to_owned()),
            then: Then::Next,
        }
    }

    /// A successful reply with a JSON body.
    #[must_use]
    pub fn json(value: &Value) -> Self {
        Self::body(200, &value.to_string()).with("content-type", "application/json")
    }

    /// A successful event stream that is sent in these chunks.
    #[must_use]
    pub fn chunks<C: AsRef<[u8]>>(chunks: impl IntoIterator<Item = C>) -> Self {
        let chunks = chunks.into_iter().map(|chunk| chunk.as_ref().to_vec()).collect();
        Self { body: Body::Chunks(chunks), ..Self::status(200) }.with("content-type", "text/event-stream")
    }

    /// A successful event stream with these events, each in a separate chunk.
    #[must_use]
    pub fn events<'a>(events: impl IntoIterator<Item = &'a Value>) -> Self {
        Self::chunks(events.into_iter().map(|event| format!("data: {event}\n\n")))
    }

    /// A redirect to another URL with the same method.
    #[must_use]
    pub fn redirect(to: &str) -> Self {
        Self::status(307).with("location", to)
    }

    /// Closes the connection without a reply.
    #[must_use]
    pub fn close() -> Self {
        Self { status: None, then: Then::Close, ..Self::status(200) }
    }

    /// Sends nothing and keeps the connection open.
    #[must_use]
    pub fn silence() -> Self {
        Self { status: None, then: Then::Silence, ..Self::status(200) }
    }

    /// The same reply with another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The same reply with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same event stream with one more event.
    #[must_use]
    pub fn and(mut self, data: &str) -> Self {
        if let Body::Chunks(chunks) = &mut self.body {
            chunks.push(format!("data: {data}\n\n").into_bytes());
        }
        self
    }

    /// The same event stream with the final event `[DONE]`.
    #[must_use]
    pub fn done(self) -> Self {
        self.and("[DONE]")
    }

    /// The same reply, but the connection is closed before the end of the body.
    #[must_use]
    pub fn cut(mut self) -> Self {
        self.then = Then::Close;
        self
    }

    /// The same reply, but the server stops sending before the end of the body and keeps the connection open.
    #[must_use]
    pub fn then_silence(mut self) -> Self {
        self.then = Then::Silence;
        self
    }

    fn write(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let Some(status) = self.status else { return Ok(()) };
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        match &self.body {
            Body::Whole(body) => {
                // An incomplete body announces bytes that do not follow.
                let length = body.len() + if self.then == Then::Next { 0 } else { 10 };
                let head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {length}\r\n{headers}\r\n");
                stream.write_all((head + body).as_bytes())
            }
            Body::Chunks(chunks) => {
                let head =
                    format!("HTTP/1.1 {status} Scripted\r\ntransfer-encoding: chunked\r\n{headers}\r\n");
                stream.write_all(head.as_bytes())?;
                for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                    let mut bytes = format!("{:x}\r\n", chunk.len()).into_bytes();
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                    stream.write_all(&bytes)?;
                }
                if self.then == Then::Next { stream.write_all(b"0\r\n\r\n") } else { Ok(()) }
            }
        }
    }
}

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

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut head = line(reader)?;
    loop {
        let line = line(reader)?;
        if line.is_empty() {
            break;
        }
        head.push_str("\r\n");
        head.push_str(&line);
    }
    let mut request = Request { head, body: Vec::new() };
    if request.header("transfer-encoding").is_some() {
        loop {
            let size = usize::from_str_radix(&line(reader)?, 16).ok()?;
            append(reader, &mut request.body, size)?;
            line(reader)?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = request.header("content-length") {
        let length = length.parse().unwrap();
        append(reader, &mut request.body, length)?;
    }
    Some(request)
}

fn append(reader: &mut impl BufRead, body: &mut Vec<u8>, length: usize) -> Option<()> {
    let start = body.len();
    body.resize(start + length, 0);
    reader.read_exact(&mut body[start..]).ok()
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut text = String::new();
    (reader.read_line(&mut text).ok()? > 0).then(|| text.trim_end().to_owned())
}
