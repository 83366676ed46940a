//! One server on loopback that gives tokens as the metadata service of Google, a token endpoint of Google, App Service of
//! Azure and the metadata service of Yandex Cloud do. The answer has the fields of all of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the server does now. A test sets it by a request: `/_fake?delay_ms=200&fails=1&life=3600`.
#[derive(Default)]
struct State {
    delay_ms: AtomicU64,
    fails: AtomicBool,
    life: AtomicU64,
    requests: AtomicU64,
}

/// Starts the server, and returns its address.
pub fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let state = Arc::new(State { life: AtomicU64::new(3600), ..State::default() });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let state = Arc::clone(&state);
            thread::spawn(move || serve(stream, &state));
        }
    });
    format!("http://{address}")
}

fn serve(stream: TcpStream, state: &State) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        reader.read_exact(&mut vec![0; length]).ok()?;
        let path = first.split(' ').nth(1)?;
        let (status, body) = answer(path, state);
        let head = "content-type: application/json\r\nmetadata-flavor: Google";
        write!(writer, "HTTP/1.1 {status}\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).ok()?;
    }
}

fn answer(path: &str, state: &State) -> (&'static str, String) {
    if let Some((_, query)) = path.split_once("/_fake?") {
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value: u64 = value.parse().unwrap();
            match name {
                "delay_ms" => state.delay_ms.store(value, Ordering::SeqCst),
                "fails" => state.fails.store(value != 0, Ordering::SeqCst),
                "life" => state.life.store(value, Ordering::SeqCst),
                _ => {}
            }
        }
        return ("200 OK", state.requests.swap(0, Ordering::SeqCst).to_string());
    }
    let number = state.requests.fetch_add(1, Ordering::SeqCst);
    thread::sleep(Duration::from_millis(state.delay_ms.load(Ordering::SeqCst)));
    if state.fails.load(Ordering::SeqCst) {
        return ("503 Service Unavailable", r#"{"error":"down"}"#.to_owned());
    }
    let life = state.life.load(Ordering::SeqCst);
    let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + life;
    let token = format!("t1.{}.{}{number:06}", "FAKE".repeat(30), "x".repeat(80));
    let body = format!(
        r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{life},"expires_on":"{end}","resource":"fake","client_id":"fake"}}"#
    );
    ("200 OK", body)
}

/// Changes what the server does, and returns the number of requests since the last change.
pub fn set(address: &str, query: &str) -> u64 {
    let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "GET /_fake?{query} HTTP/1.1\r\nhost: fake\r\n\r\n").unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    let mut body = [0; 20];
    let length = reader.read(&mut body).unwrap();
    std::str::from_utf8(&body[..length]).unwrap().parse().unwrap()
}
