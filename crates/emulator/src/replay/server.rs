//! The server of one recording.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::chunks::Chunks;
use super::compare;
use super::{Answer, Interaction, Recording};
use crate::body::{Body, MAX_REQUEST};
use crate::status::Status;
use crate::sync::lock;

/// Headers of an answer that belong to the connection on which it was recorded.
const OF_A_CONNECTION: [HeaderName; 5] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Serves one recording on a free port of 127.0.0.1, until it is dropped.
///
/// Requests are expected in their recorded order. One to another place is refused with 400 and changes nothing;
/// one to the right place with another body or header is answered all the same. Either is told by
/// [`finish`](Self::finish).
pub struct ReplayServer {
    address: SocketAddr,
    session: Arc<Session>,
    task: JoinHandle<()>,
}

struct Session {
    name: String,
    seed: u64,
    address: SocketAddr,
    state: Mutex<State>,
}

struct State {
    expected: VecDeque<Interaction>,
    served: u64,
    mismatches: Vec<String>,
}

impl ReplayServer {
    /// Starts on the runtime that this is called on. The seed decides the sizes of the pieces that answers come in.
    ///
    /// # Errors
    /// When no port of 127.0.0.1 can be had.
    pub async fn start(recording: &Recording, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = State {
            expected: recording.interactions.iter().cloned().collect(),
            served: 0,
            mismatches: Vec::new(),
        };
        let session =
            Arc::new(Session { name: recording.name.clone(), seed, address, state: Mutex::new(state) });
        let task = tokio::spawn(serve(listener, Arc::clone(&session)));
        Ok(Self { address, session, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL, without a path: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops, and tells what was not as recorded.
    ///
    /// # Errors
    /// Requests that differed from the recorded ones, and recorded requests that never came.
    pub fn finish(self) -> Result<(), ReplayError> {
        let state = lock(&self.session.state);
        let never =
            |one: &Interaction| format!("{} {} was never asked for", one.request.method, one.request.target);
        let problems: Vec<String> =
            state.mismatches.iter().cloned().chain(state.expected.iter().map(never)).collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(ReplayError { name: self.session.name.clone(), seed: self.session.seed, problems })
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

/// What was not as recorded. Its text has a line for each problem, and the seed by which it comes again.
#[derive(Clone, Debug)]
pub struct ReplayError {
    name: String,
    seed: u64,
    problems: Vec<String>,
}

impl ReplayError {
    /// The problems, one by one.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not as recorded in {} (seed {}):", self.name, self.seed)?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ReplayError {}

async fn serve(listener: TcpListener, session: Arc<Session>) {
    // Dropping the set closes all connections.
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = stream else {
            // Out of file descriptors, or the peer has gone already: the next one may do.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let session = Arc::clone(&session);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let session = Arc::clone(&session);
                async move { Ok::<_, Infallible>(session.answer(request).await) }
            });
            let http = auto::Builder::new(TokioExecutor::new());
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Session {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let asked = format!("{} {target}", parts.method);
        let Ok(body) = Limited::new(body, MAX_REQUEST).collect().await else {
            return self.refuse(format!("{asked}: its body cannot be read, or is too large"));
        };
        let body = body.to_bytes();

        let mut state = lock(&self.state);
        let is_next =
            |next: &Interaction| next.request.method == parts.method && next.request.target == target;
        let next =
            if state.expected.front().is_some_and(is_next) { state.expected.pop_front() } else { None };
        let Some(next) = next else {
            let next =
                state.expected.front().map(|next| format!("{} {}", next.request.method, next.request.target));
            drop(state);
            let next = next.as_deref().unwrap_or("nothing more");
            return self.refuse(format!("{asked} was sent where {next} was recorded"));
        };
        for difference in compare::differences(&next.request, &parts.headers, &body) {
            state.mismatches.push(format!("{asked}: {difference}"));
        }
        state.served += 1;
        let seed = self.seed.wrapping_add(state.served);
        drop(state);
        self.recorded(next, seed)
    }

    fn refuse(&self, problem: String) -> Response<Body> {
        let refusal = Status::of_http(StatusCode::BAD_REQUEST, "not as recorded").into_rest();
        lock(&self.state).mismatches.push(problem);
        refusal
    }

    fn recorded(&self, interaction: Interaction, seed: u64) -> Response<Body> {
        let Answer { status, mut headers, body, .. } = interaction.answer;
        let body =
            if interaction.request.path().starts_with("/endpoints") { self.readdressed(body) } else { body };
        for name in OF_A_CONNECTION {
            headers.remove(name);
        }
        let mut response = Response::new(Body::new(Chunks::new(body, seed)));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    /// An answer of endpoint discovery in which every service is here.
    fn readdressed(&self, body: Bytes) -> Bytes {
        let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else { return body };
        let own = |endpoint: &mut Value| {
            if let Some(address) = endpoint.get_mut("address") {
                *address = self.address.to_string().into();
            }
        };
        match answer.get_mut("endpoints").and_then(Value::as_array_mut) {
            Some(endpoints) => endpoints.iter_mut().for_each(own),
            None => own(&mut answer),
        }
        answer.to_string().into()
    }
}
