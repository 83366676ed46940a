//! A minimal HTTP client for the emulator and the gateway: one request per connection.
//!
//! HTTP/1.0, so that a response ends with its connection, and a stream can be read line by line as it arrives.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use http::HeaderValue;
use serde_json::{Value, json};

/// The time limit of each network operation: longer than any response of the emulator, the delayed ones included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A response to a chat completion: the model's text, or the error's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChatResponse {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// The number of chunks of a streamed text; 0 where the response was not streamed.
    pub(crate) chunks: usize,
}

/// Requests a chat completion, with or without credentials.
///
/// # Errors
/// Where the connection fails or the response cannot be read.
pub(crate) fn chat(
    api: SocketAddr,
    model: &str,
    authorization: Option<&HeaderValue>,
    stream: bool,
) -> io::Result<ChatResponse> {
    let request = json!({
        "model": model,
        "stream": stream,
        "messages": [{ "role": "user", "content": "who am I?" }],
    });
    let (status, mut body) = post(api, "/v1/chat/completions", authorization, &request.to_string())?;
    if status == 200 && stream {
        return read_stream(status, body);
    }
    let mut text = String::new();
    body.read_to_string(&mut text)?;
    let response: Value = serde_json::from_str(&text)?;
    let messages = ["/choices/0/message/content", "/error/message", "/message"].into_iter();
    let message = messages.filter_map(|path| response.pointer(path)?.as_str()).next().unwrap_or_default();
    Ok(ChatResponse { status, text: message.to_owned(), chunks: 0 })
}

/// Reads server-sent events up to the final `[DONE]`.
fn read_stream(status: u16, body: impl BufRead) -> io::Result<ChatResponse> {
    let mut response = ChatResponse { status, ..ChatResponse::default() };
    for line in body.lines() {
        let line = line?;
        let Some(event) = line.strip_prefix("data: ") else { continue };
        if event == "[DONE]" {
            return Ok(response);
        }
        let event: Value = serde_json::from_str(event)?;
        if let Some(chunk) = event.pointer("/choices/0/delta/content").and_then(Value::as_str) {
            response.text.push_str(chunk);
            response.chunks += 1;
        }
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended without [DONE]"))
}

/// Sends JSON; returns the status and the unread body.
///
/// # Errors
/// Where the connection fails or the response is not HTTP.
pub(crate) fn post(
    address: SocketAddr,
    path: &str,
    authorization: Option<&HeaderValue>,
    json: &str,
) -> io::Result<(u16, impl BufRead + use<>)> {
    let mut connection = TcpStream::connect_timeout(&address, TIMEOUT)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_write_timeout(Some(TIMEOUT))?;
    let mut request = format!(
        "POST {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
        json.len()
    )
    .into_bytes();
    if let Some(value) = authorization {
        request.extend_from_slice(b"Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(json.as_bytes());
    connection.write_all(&request)?;

    let mut response = BufReader::new(connection);
    let mut line = String::new();
    response.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status =
        status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the response is not HTTP"))?;
    while line.trim_end() != "" {
        line.clear();
        response.read_line(&mut line)?;
    }
    Ok((status, response))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_without_its_end_is_an_error() {
        let chunk = |text: &str| format!("data: {}\n\n", json!({"choices": [{"delta": {"content": text}}]}));
        let whole = format!("{}{}data: [DONE]\n\n", chunk("one "), chunk("two"));
        let response = read_stream(200, whole.as_bytes()).unwrap();
        assert_eq!((response.text.as_str(), response.chunks), ("one two", 2));
        let cut = chunk("one ");
        assert_eq!(read_stream(200, cut.as_bytes()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(read_stream(200, &b"data: {\n\n"[..]).is_err());
    }
}
