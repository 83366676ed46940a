//! The server that replays one recording.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::chunks::Chunks;
use crate::differences::differences;
use crate::interaction::{Interaction, Response};
use crate::recording::Recording;

/// The largest request body that is read, in bytes.
const MAX_REQUEST: usize = 4 << 20;

/// Response headers that describe the recorded connection, not the response.
const CONNECTION_HEADERS: [HeaderName; 5] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Serves one recording on a free port of 127.0.0.1 until the server is dropped.
///
/// The server expects the recorded requests in their order. A request with another method, path or query is refused
/// with 400, and the server continues to expect the recorded request. A request with another body or other headers
/// gets the recorded response. [`finish`](Self::finish) reports both.
pub struct ReplayServer {
    address: SocketAddr,
    session: Arc<Session>,
    task: JoinHandle<()>,
}

impl ReplayServer {
    /// Starts the server on the current tokio runtime. The seed determines the sizes of the response chunks.
    ///
    /// # Errors
    /// No port of 127.0.0.1 is available.
    pub async fn start(recording: &Recording, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let progress = Progress {
            expected: recording.interactions.iter().cloned().collect(),
            served: 0,
            problems: Vec::new(),
        };
        let session =
            Arc::new(Session { name: recording.name.clone(), seed, address, progress: Mutex::new(progress) });
        let task = tokio::spawn(serve(listener, Arc::clone(&session)));
        Ok(Self { address, session, task })
    }

    /// The address of the server.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the server, without a path: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops the server and reports the differences from the recording.
    ///
    /// # Errors
    /// A request differed from the recorded one, or a recorded request was not sent.
    pub fn finish(self) -> Result<(), ReplayError> {
        let progress = self.session.progress();
        let missing = |expected: &Interaction| format!("{} was not sent", request_line(expected));
        let problems: Vec<String> =
            progress.problems.iter().cloned().chain(progress.expected.iter().map(missing)).collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(ReplayError { recording: self.session.name.clone(), seed: self.session.seed, problems })
    }
}

impl Drop for ReplayServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for ReplayServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayServer")
            .field("recording", &self.session.name)
            .field("seed", &self.session.seed)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// The differences between the requests and the recording.
///
/// The text has one line for each difference, and the seed that reproduces the run.
#[derive(Clone, Debug)]
pub struct ReplayError {
    recording: String,
    seed: u64,
    problems: Vec<String>,
}

impl ReplayError {
    /// The differences, one line each.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the requests differ from the recording {} (seed {}):", self.recording, self.seed)?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ReplayError {}

/// The replay of one recording, shared by all connections.
struct Session {
    name: String,
    seed: u64,
    address: SocketAddr,
    progress: Mutex<Progress>,
}

struct Progress {
    expected: VecDeque<Interaction>,
    served: u64,
    problems: Vec<String>,
}

impl Session {
    /// A panic in another test task does not invalidate the progress: each statement leaves a valid value.
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn respond(&self, request: http::Request<Incoming>) -> http::Response<Chunks> {
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let sent = format!("{} {target}", parts.method);
        let Ok(body) = Limited::new(body, MAX_REQUEST).collect().await else {
            return self.refuse(format!("{sent}: the body cannot be read, or is too large"));
        };
        let body = body.to_bytes();

        let mut progress = self.progress();
        let matches =
            |next: &Interaction| next.request.method == parts.method && next.request.target == target;
        let is_next = progress.expected.front().is_some_and(matches);
        let Some(next) = (if is_next { progress.expected.pop_front() } else { None }) else {
            let next = progress.expected.front().map(request_line);
            // `refuse` takes the lock again.
            drop(progress);
            let next = next.as_deref().unwrap_or("no further request");
            return self.refuse(format!("{sent} was sent where {next} was recorded"));
        };
        for difference in differences(&next.request, &parts.headers, &body) {
            progress.problems.push(format!("{sent}: {difference}"));
        }
        progress.served += 1;
        let seed = self.seed.wrapping_add(progress.served);
        drop(progress);
        self.recorded(next, seed)
    }

    fn refuse(&self, problem: String) -> http::Response<Chunks> {
        self.progress().problems.push(problem);
        let status = json!({ "code": 3, "message": "this request was not recorded", "details": [] });
        let mut response = http::Response::new(Chunks::new(status.to_string().into(), self.seed));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }

    fn recorded(&self, interaction: Interaction, seed: u64) -> http::Response<Chunks> {
        let Response { status, mut headers, body, .. } = interaction.response;
        let is_discovery = interaction.request.path().starts_with("/endpoints");
        let body = if is_discovery { self.with_own_address(body) } else { body };
        for name in CONNECTION_HEADERS {
            headers.remove(name);
        }
        let mut response = http::Response::new(Chunks::new(body, seed));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    /// The body of a discovery response, with the address of this server for every service.
    fn with_own_address(&self, body: Bytes) -> Bytes {
        let Ok(mut response) = serde_json::from_slice::<Value>(&body) else { return body };
        let replace = |endpoint: &mut Value| {
            if let Some(address) = endpoint.get_mut("address") {
                *address = self.address.to_string().into();
            }
        };
        match response.get_mut("endpoints").and_then(Value::as_array_mut) {
            Some(endpoints) => endpoints.iter_mut().for_each(replace),
            None => replace(&mut response),
        }
        response.to_string().into()
    }
}

async fn serve(listener: TcpListener, session: Arc<Session>) {
    // Dropping the set closes all connections.
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = stream else {
            // The process has no free file descriptor, or the peer has closed the connection. Both are temporary.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let session = Arc::clone(&session);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let session = Arc::clone(&session);
                async move { Ok::<_, Infallible>(session.respond(request).await) }
            });
            let http = auto::Builder::new(TokioExecutor::new());
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn request_line(interaction: &Interaction) -> String {
    format!("{} {}", interaction.request.method, interaction.request.target)
}
