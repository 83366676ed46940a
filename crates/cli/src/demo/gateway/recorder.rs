//! A service between the gateway and the emulator: it notes what it got, and asks the emulator for the answer.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use http::HeaderValue;
use serde_json::Value;

use super::super::client;
use super::checks::Got;
use crate::output::masked;

/// The largest body that is read.
const MAX_BODY: u64 = 1 << 20;

/// The service. Dropping it ends its thread.
pub(super) struct Recorder {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Got>>>,
    stopped: Arc<AtomicBool>,
}

impl Recorder {
    /// Starts the service. `key` is what it must never get.
    pub(super) fn start(emulator: SocketAddr, key: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let recorder = Self { address, requests: Arc::default(), stopped: Arc::default() };
        let (requests, stopped) = (Arc::clone(&recorder.requests), Arc::clone(&recorder.stopped));
        let key = key.to_owned();
        thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                // A gateway that gets no answer says so.
                let _ = answer(stream, emulator, &key, &requests);
            }
        })?;
        Ok(recorder)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came so far.
    pub(super) fn requests(&self) -> Vec<Got> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // The connection wakes the thread.
        let _ = TcpStream::connect(self.address);
    }
}

/// Answers one request, and closes the connection.
fn answer(stream: TcpStream, emulator: SocketAddr, key: &str, requests: &Mutex<Vec<Got>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let request = Request::read(&mut reader)?;
    let got = request.noted(key);
    requests.lock().unwrap_or_else(PoisonError::into_inner).push(got);
    let authorization = request.header("authorization").and_then(|value| HeaderValue::try_from(value).ok());
    let (status, mut body) = client::post(emulator, request.path(), authorization.as_ref(), &request.body)?;
    let mut stream = reader.into_inner();
    // Without a length: the response ends with the connection, and a stream passes as it comes.
    write!(stream, "HTTP/1.1 {status} Recorded\r\nConnection: close\r\n\r\n")?;
    io::copy(&mut body, &mut stream)?;
    Ok(())
}

/// A request with a length.
struct Request {
    head: String,
    body: String,
}

impl Request {
    fn read(reader: &mut impl BufRead) -> io::Result<Self> {
        let (mut head, mut line) = (String::new(), String::new());
        while reader.read_line(&mut line)? > 0 && !line.trim_end().is_empty() {
            head.push_str(&line);
            line.clear();
        }
        let mut request = Self { head, body: String::new() };
        let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        reader.take(length.min(MAX_BODY)).read_to_string(&mut request.body)?;
        Ok(request)
    }

    fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or("/")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// What is kept of the request: no secret.
    fn noted(&self, key: &str) -> Got {
        let (scheme, secret) = self.header("authorization").and_then(|value| value.split_once(' ')).unzip();
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let folder = self.header("openai-project").unwrap_or_default();
        let model = body["model"].as_str().unwrap_or_default();
        Got {
            authorization: format!("{} {}", scheme.unwrap_or_default(), masked(secret.unwrap_or_default())),
            model: if folder.is_empty() { model.to_owned() } else { model.replace(folder, "FOLDER") },
            has_key: self.head.contains(key) || self.body.contains(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_tells_no_secret_and_finds_the_key() {
        let head = "POST /v1/x HTTP/1.1\r\nAuthorization: Bearer t1.fake\r\nOpenAI-Project: b1gone\r\n";
        let body = r#"{"model":"gpt://b1gone/m/latest"}"#;
        let text = format!("{head}Content-Length: {}\r\n\r\n{body}rest", body.len());
        let request = Request::read(&mut text.as_bytes()).unwrap();
        assert_eq!((request.path(), request.body.as_str()), ("/v1/x", body));
        let got = request.noted("a-local-key");
        assert_eq!(
            (got.authorization.as_str(), got.model.as_str()),
            ("Bearer t1.***", "gpt://FOLDER/m/latest")
        );
        assert!(!got.has_key && request.noted("t1.fake").has_key && request.noted("b1gone").has_key);
    }
}
