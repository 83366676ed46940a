//! A server that follows a script and records the requests, and an SDK that knows only this server.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses a part of it, and a failure is a panic"
)]

use std::future::IntoFuture;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use yandex_ai_studio_sdk::auth::System;
use yandex_ai_studio_sdk::auth::testing::TestEnvironment;
use yandex_ai_studio_sdk::{AiStudio, RetryPolicy};

pub(crate) const FOLDER: &str = "b1gscripted";

/// The output of `work`. Fails after 30 s of real time instead of hanging.
pub(crate) async fn soon<T>(work: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work.into_future()).await.expect("the work ends")
}

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `POST /v1/chat/completions`.
    pub(crate) line: String,
    /// Null without a body.
    pub(crate) body: Value,
}

/// A reply.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    kind: &'static str,
    pieces: Vec<Vec<u8>>,
    cut: bool,
}

impl Reply {
    pub(crate) fn json(value: &Value) -> Self {
        Self {
            status: 200,
            kind: "application/json",
            pieces: vec![value.to_string().into_bytes()],
            cut: false,
        }
    }

    /// A stream in these pieces.
    pub(crate) fn pieces<P: AsRef<[u8]>>(pieces: impl IntoIterator<Item = P>) -> Self {
        let pieces = pieces.into_iter().map(|piece| piece.as_ref().to_vec()).collect();
        Self { status: 200, kind: "text/event-stream", pieces, cut: false }
    }

    /// These events, one per piece.
    pub(crate) fn events<'a>(events: impl IntoIterator<Item = &'a Value>) -> Self {
        Self::pieces(events.into_iter().map(|event| format!("data: {event}\n\n")))
    }

    /// Adds an event at the end.
    pub(crate) fn and(mut self, data: &str) -> Self {
        self.pieces.push(format!("data: {data}\n\n").into_bytes());
        self
    }

    pub(crate) fn done(self) -> Self {
        self.and("[DONE]")
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The connection breaks instead of ending.
    pub(crate) fn cut(mut self) -> Self {
        self.cut = true;
        self
    }

    fn write(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let Self { status, kind, .. } = self;
        let head = format!(
            "HTTP/1.1 {status} Scripted\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\
             X-Request-Id: scripted\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        for piece in self.pieces.iter().filter(|piece| !piece.is_empty()) {
            write!(stream, "{:x}\r\n", piece.len())?;
            stream.write_all(piece)?;
            stream.write_all(b"\r\n")?;
            stream.flush()?;
        }
        if self.cut { Ok(()) } else { stream.write_all(b"0\r\n\r\n") }
    }
}

/// The server. It ends with the process of the test.
pub(crate) struct Server {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Replies by the request.
    pub(crate) fn new(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (script, journal) = (Arc::new(script), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, journal) = (Arc::clone(&script), Arc::clone(&journal));
                std::thread::spawn(move || serve(stream, &*script, &journal));
            }
        });
        Self { url, asked }
    }

    /// Always sends the same reply.
    pub(crate) fn saying(reply: Reply) -> Self {
        Self::new(move |_| reply.clone())
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The body of the last request.
    pub(crate) fn body(&self) -> Value {
        self.asked().pop().unwrap().body
    }

    /// An SDK that calls this server, without retries.
    pub(crate) fn sdk(&self) -> AiStudio {
        self.sdk_on(System::real())
    }

    /// The same on another system, for example with a test clock.
    pub(crate) fn sdk_on(&self, system: System) -> AiStudio {
        let url = &self.url;
        let map = [("http_completions", format!("{url}/v1")), ("ai-foundation-models", url.clone())];
        AiStudio::builder()
            .folder_id(FOLDER)
            .auth("AQVN-FAKE-api-key")
            .without_endpoint()
            .service_map(map)
            .service_map([("operation", url)])
            .retry_policy(RetryPolicy::none())
            .system(system.with_environment(TestEnvironment::empty()))
            .build()
            .unwrap()
    }
}

fn serve(mut stream: TcpStream, script: &dyn Fn(&Asked) -> Reply, journal: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(told) = header.strip_prefix("content-length:") {
            length = told.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    let asked = Asked { line, body };
    journal.lock().unwrap().push(asked.clone());
    // The client may have closed the connection already; that is fine.
    let _ = script(&asked).write(&mut stream);
}
