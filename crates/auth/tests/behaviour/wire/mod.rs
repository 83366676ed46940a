//! A server over HTTP/1 on loopback that notes what it is sent and answers by a rule; one request a connection.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "helpers: each test file uses a part, and a failure is a panic"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) body: Vec<u8>,
}

/// Gone with the process: it has no state that a test could leave behind.
#[derive(Clone)]
pub(crate) struct Wire {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Wire {
    /// Answers with the raw text that the rule gives, then closes the connection.
    pub(crate) fn answering(rule: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let (seen, rule) = (Arc::clone(&wire.seen), Arc::new(rule));
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (seen, rule) = (Arc::clone(&seen), Arc::clone(&rule));
                std::thread::spawn(move || serve(&connection.unwrap(), &seen, &*rule));
            }
        });
        wire
    }

    /// Refuses the first token of a source.
    pub(crate) fn refusing_the_first() -> Self {
        Self::answering(
            |seen| if seen.authorization == "Bearer t1.fake.0" { answer(401) } else { answer(200) },
        )
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn headers(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.authorization).collect()
    }
}

/// An answer without a body.
pub(crate) fn answer(status: u16) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

/// One that leads elsewhere.
pub(crate) fn redirect(to: &str) -> String {
    format!("HTTP/1.1 307 X\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

fn serve(connection: &TcpStream, seen: &Mutex<Vec<Seen>>, rule: &(dyn Fn(&Seen) -> String + Send + Sync)) {
    let mut reader = BufReader::new(connection);
    let Some(request) = read(&mut reader) else { return };
    let text = rule(&request);
    seen.lock().unwrap().push(request);
    let mut connection = connection;
    // The client may be gone, which is its affair.
    let _ = connection.write_all(text.as_bytes());
}

fn read(reader: &mut impl BufRead) -> Option<Seen> {
    let first = line(reader)?;
    let path = first.split(' ').nth(1)?.to_owned();
    let (mut authorization, mut length, mut chunked) = (String::new(), 0, false);
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = value.to_owned(),
            "content-length" => length = value.parse().ok()?,
            "transfer-encoding" => chunked = true,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    while chunked {
        let size = usize::from_str_radix(&line(reader)?, 16).ok()?;
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..]).ok()?;
        line(reader)?;
        chunked = size > 0;
    }
    Some(Seen { path, authorization, body })
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut text = String::new();
    (reader.read_line(&mut text).ok()? > 0).then(|| text.trim_end().to_owned())
}
