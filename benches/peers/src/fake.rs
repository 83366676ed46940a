//! One server on loopback that gives tokens as the services of all peers do: the metadata services of Yandex Cloud and
//! Google, a token endpoint of Google, App Service of Azure, a container of AWS, IAM over REST and over gRPC. The JSON
//! has the fields of all of them. Each library has a state of its own: the first segment of the path names the library.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpSocket;

mod grpc;

pub use grpc::EXPIRED;

pub type Body = BoxBody<Bytes, Infallible>;

/// What the server does for one library. A measurement sets it: `/_fake/NAME?delay_ms=200&fails=1&life=3600`.
#[derive(Clone, Copy)]
struct State {
    delay_ms: u64,
    fails: bool,
    life: u64,
    requests: u64,
}

type States = Arc<Mutex<HashMap<String, State>>>;

/// A token, and the seconds since 1970 at which the token ends.
struct Token {
    text: String,
    life: u64,
    end: u64,
}

/// Starts the server on two threads of its own, and returns its address.
pub fn start() -> String {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            // Ten thousand callers may connect at once.
            let listener = socket.listen(16_384).unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            let states = States::default();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let _ = stream.set_nodelay(true);
                let states = Arc::clone(&states);
                tokio::spawn(async move {
                    let service = service_fn(move |request| respond(request, Arc::clone(&states)));
                    let mut builder = auto::Builder::new(TokioExecutor::new());
                    builder.http2().max_concurrent_streams(20_000);
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
    });
    format!("http://{}", receiver.recv().unwrap())
}

async fn respond(request: Request<Incoming>, states: States) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let _ = body.collect().await;
    let path = head.uri.path();
    let first = path.split('/').nth(1).unwrap_or_default();
    let name = match first {
        "_fake" => return Ok(json(200, control(&head.uri, &states))),
        "computeMetadata" => "yandex-cloud-auth",
        "yandex.cloud.iam.v1.IamTokenService" => "yandex-cloud-sdk",
        _ if path.ends_with(grpc::CALL) || path.ends_with(grpc::YDB_CALL) => return Ok(grpc::called(&head)),
        other => other,
    };
    let (state, number) = {
        let mut states = states.lock().unwrap();
        let state = states.entry(name.to_owned()).or_insert(INITIAL);
        state.requests += 1;
        (*state, state.requests)
    };
    if state.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(state.delay_ms)).await;
    }
    let token = token(state.life, number);
    Ok(match (name == "yandex-cloud-sdk", state.fails) {
        (true, true) => grpc::status(14, "down"),
        (true, false) => grpc::message(&grpc::iam_token(&token)),
        (false, true) => json(503, r#"{"error":"down"}"#.to_owned()),
        (false, false) => json(200, fields(&token)),
    })
}

const INITIAL: State = State { delay_ms: 0, fails: false, life: 3600, requests: 0 };

fn control(uri: &http::Uri, states: &States) -> String {
    let name = uri.path().rsplit('/').next().unwrap_or_default();
    let mut states = states.lock().unwrap();
    let state = states.entry(name.to_owned()).or_insert(INITIAL);
    for (name, value) in uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')) {
        let value: u64 = value.parse().unwrap();
        match name {
            "delay_ms" => state.delay_ms = value,
            "fails" => state.fails = value != 0,
            "life" => state.life = value,
            _ => {}
        }
    }
    std::mem::take(&mut state.requests).to_string()
}

pub fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The end of the token is in the token, so that whoever sees the token knows whether it has expired.
fn token(life: u64, number: u64) -> Token {
    let end = seconds() + life;
    Token { text: format!("t1.{}.{}{end:010}{number:06}", "FAKE".repeat(30), "x".repeat(70)), life, end }
}

/// Whether this token or header has expired.
pub fn has_expired(header: &[u8]) -> bool {
    let digits = header.len().checked_sub(16).and_then(|start| header.get(start..start + 10));
    let end = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
    // Clocks of whole seconds.
    end.is_none_or(|end| seconds() > end)
}

fn fields(token: &Token) -> String {
    let Token { text, life, end } = token;
    let end_text =
        i64::try_from(*end).ok().and_then(|end| time::OffsetDateTime::from_unix_timestamp(end).ok());
    let end_text = end_text.unwrap().format(&Rfc3339).unwrap();
    serde_json::json!({
        "access_token": text, "token_type": "Bearer", "expires_in": life,
        "expires_on": end.to_string(), "resource": "fake", "client_id": "fake",
        "email": "fake@example.com", "scopes": [],
        "iamToken": text, "expiresAt": end_text,
        "AccessKeyId": "FAKE", "SecretAccessKey": "FAKE", "Token": text, "Expiration": end_text,
    })
    .to_string()
}

fn json(status: u16, body: String) -> Response<Body> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.header("metadata-flavor", "Google").body(Full::from(body).boxed()).unwrap()
}

/// Changes what the server does for a library, and returns the number of its requests since the last change.
pub fn set(address: &str, name: &str, query: &str) -> u64 {
    let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "GET /_fake/{name}?{query} HTTP/1.1\r\nhost: fake\r\nconnection: close\r\n\r\n").unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "the fake has closed the connection");
    }
    let mut body = String::new();
    reader.read_to_string(&mut body).unwrap();
    body.parse().unwrap()
}
