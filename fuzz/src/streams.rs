//! Streamed responses of AI Studio, from a server on loopback: server-sent events and JSON objects. The second reading of
//! JSON is `serde_json`'s, that of events is the short one of [`events`].

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::Value;
use test_support::system::isolated_system;
use tokio::runtime::{Builder, Runtime};
use yandex_ai_studio_sdk::{AiStudio, Error, RetryPolicy};

/// A client, and the body that its server sends next, in chunks.
struct Fake {
    runtime: Mutex<Runtime>,
    sdk: AiStudio,
}

static CHUNKS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

static FAKE: LazyLock<Fake> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || serve(connection));
        }
    });
    let sdk = AiStudio::builder()
        .system(isolated_system())
        .folder_id("b1gfake")
        .auth("AQVN-FAKE-key-of-the-fuzzer")
        .without_endpoint()
        .service_map([("http_completions", format!("{url}/v1")), ("ai-foundation-models", url)])
        .retry_policy(RetryPolicy::none())
        .build()
        .unwrap();
    Fake { runtime: Mutex::new(Builder::new_current_thread().enable_all().build().unwrap()), sdk }
});

/// Sends the body after each request. Ends with the connection.
fn serve(connection: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    let mut writer = connection;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        reader.read_exact(&mut vec![0; length]).ok()?;
        let chunks = CHUNKS.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut response =
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                .to_vec();
        for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
            response.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            response.extend(chunk);
            response.extend(b"\r\n");
        }
        response.extend(b"0\r\n\r\n");
        writer.write_all(&response).ok()?;
    }
}

/// The body of an input: its first byte says how the body is cut into chunks.
fn prepare(data: &[u8]) -> Option<&[u8]> {
    let (first, body) = data.split_first()?;
    let size = usize::from(first % 64) + 1;
    let chunks = body.chunks(size).map(<[u8]>::to_vec).collect();
    *CHUNKS.lock().unwrap_or_else(PoisonError::into_inner) = chunks;
    Some(body)
}

/// What has come of a stream: the items as JSON, and the error at its end.
type Received = (Vec<Value>, Option<Error>);

/// A stream of server-sent events: the chat.
pub fn chat_streams(data: &[u8]) {
    let fake = &*FAKE;
    let runtime = fake.runtime.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(body) = prepare(data) else { return };
    let (items, failure): Received = runtime.block_on(async {
        let mut stream = fake.sdk.chat().completions("gpt").run_stream("hello").await.expect("a response");
        let mut items = Vec::new();
        while let Some(item) = stream.next().await {
            match item {
                Ok(chunk) => items.push(serde_json::to_value(chunk).unwrap()),
                Err(error) => {
                    assert!(stream.next().await.is_none(), "an item after an error");
                    return (items, Some(error));
                }
            }
        }
        assert!(stream.finish().await.is_ok(), "a stream without an error is whole");
        (items, None)
    });

    let mut expected = Vec::new();
    let mut is_done = false;
    for data in events(body) {
        let Ok(text) = std::str::from_utf8(&data) else { break };
        if text.trim_start().starts_with("[DONE]") {
            is_done = true;
            break;
        }
        if text.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Value>(text) {
            Ok(value @ Value::Object(_)) => expected.push(value),
            _ => break,
        }
    }
    check(&items, failure.as_ref(), &expected, is_done);
}

/// A stream of JSON objects: a native model.
pub fn completion_streams(data: &[u8]) {
    let fake = &*FAKE;
    let runtime = fake.runtime.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(body) = prepare(data) else { return };
    let (items, failure): Received = runtime.block_on(async {
        let mut stream = fake.sdk.models().completions("gpt").run_stream("hello").await.expect("a response");
        let mut items = Vec::new();
        while let Some(item) = stream.next().await {
            match item {
                Ok(response) => items.push(serde_json::to_value(response).unwrap()),
                Err(error) => {
                    assert!(stream.next().await.is_none(), "an item after an error");
                    return (items, Some(error));
                }
            }
        }
        (items, None)
    });

    let read = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    let expected: Vec<Value> = read
        .map_while(Result::ok)
        .take_while(Value::is_object)
        .map(|mut value| match value.as_object_mut() {
            Some(fields) if fields.len() == 1 && fields.get("result").is_some_and(Value::is_object) => {
                fields.remove("result").unwrap_or_default()
            }
            _ => value,
        })
        .collect();
    check(&items, failure.as_ref(), &expected, false);
}

/// The items are those of the second reading, up to an error that the server sent.
fn check(items: &[Value], failure: Option<&Error>, expected: &[Value], is_done: bool) {
    assert!(items.len() <= expected.len(), "{items:?} instead of {expected:?}");
    assert_eq!(*items, expected[..items.len()]);
    let next = expected.get(items.len());
    match failure {
        None => assert!(next.is_none(), "{next:?} is missing"),
        Some(error) => {
            assert!(next.is_none_or(|value| value.get("error").is_some()), "{error} instead of {next:?}");
            assert!(!is_done || next.is_some(), "{error} after the end mark");
        }
    }
}

/// The data of the events (HTML standard, section 9.2.6), and the last one without its blank line too.
fn events(body: &[u8]) -> Vec<Vec<u8>> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut events = Vec::new();
    let mut current: Option<Vec<u8>> = None;
    let mut rest = body;
    loop {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let line = &rest[..end.unwrap_or(rest.len())];
        let value = match line {
            b"data" => Some(&b""[..]),
            _ => line.strip_prefix(b"data:").map(|value| value.strip_prefix(b" ").unwrap_or(value)),
        };
        match (value, &mut current) {
            (Some(value), Some(data)) => {
                data.push(b'\n');
                data.extend(value);
            }
            (Some(value), None) => current = Some(value.to_vec()),
            (None, _) if line.is_empty() => events.extend(current.take()),
            (None, _) => {}
        }
        let Some(end) = end else { break };
        rest = match &rest[end..] {
            [b'\r', b'\n', after @ ..] => after,
            [_, after @ ..] => after,
            [] => break,
        };
    }
    events.extend(current);
    events
}
