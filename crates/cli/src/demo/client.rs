//! Just enough of an HTTP client to speak to the emulator, as any program would: one request per connection.
//!
//! HTTP/1.0, so that an answer ends with its connection, and a stream can be read line by line as it comes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use http::HeaderValue;
use serde_json::{Value, json};

/// No answer of the emulator takes longer than this, the slowed ones included.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the model said, or why it did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// In how many pieces the text came; 0 where it was not streamed.
    pub(crate) pieces: usize,
}

/// Asks the model, with or without credentials.
///
/// # Errors
/// Where there is no connection, or no readable answer.
pub(crate) fn chat(
    api: SocketAddr,
    folder: &str,
    authorization: Option<&HeaderValue>,
    stream: bool,
) -> io::Result<Answer> {
    let question = json!({
        "model": format!("gpt://{folder}/yandexgpt/latest"),
        "stream": stream,
        "messages": [{ "role": "user", "content": "who am I?" }],
    });
    let (status, mut body) = post(api, "/v1/chat/completions", authorization, &question.to_string())?;
    if status == 200 && stream {
        return streamed(status, body);
    }
    let mut text = String::new();
    body.read_to_string(&mut text)?;
    let answer: Value = serde_json::from_str(&text)?;
    let said = ["/choices/0/message/content", "/error/message", "/message"].into_iter();
    let said = said.filter_map(|path| answer.pointer(path)?.as_str()).next().unwrap_or_default();
    Ok(Answer { status, text: said.to_owned(), pieces: 0 })
}

/// Reads server-sent events to the `[DONE]` that ends them.
fn streamed(status: u16, body: impl BufRead) -> io::Result<Answer> {
    let mut answer = Answer { status, ..Answer::default() };
    for line in body.lines() {
        let line = line?;
        let Some(event) = line.strip_prefix("data: ") else { continue };
        if event == "[DONE]" {
            return Ok(answer);
        }
        let event: Value = serde_json::from_str(event)?;
        if let Some(piece) = event.pointer("/choices/0/delta/content").and_then(Value::as_str) {
            answer.text.push_str(piece);
            answer.pieces += 1;
        }
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended without [DONE]"))
}

/// Sends JSON; the status, and the body to be read.
///
/// # Errors
/// Where there is no connection, or no HTTP answer.
pub(crate) fn post(
    address: SocketAddr,
    path: &str,
    authorization: Option<&HeaderValue>,
    json: &str,
) -> io::Result<(u16, impl BufRead + use<>)> {
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
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

    let mut answer = BufReader::new(connection);
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no HTTP answer"))?;
    while line.trim_end() != "" {
        line.clear();
        answer.read_line(&mut line)?;
    }
    Ok((status, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_whole_only_with_its_end() {
        let piece = |text: &str| format!("data: {}\n\n", json!({"choices": [{"delta": {"content": text}}]}));
        let whole = format!("{}{}data: [DONE]\n\n", piece("so "), piece("it is"));
        let answer = streamed(200, whole.as_bytes()).unwrap();
        assert_eq!((answer.text.as_str(), answer.pieces), ("so it is", 2));
        let cut = piece("so ");
        assert_eq!(streamed(200, cut.as_bytes()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(streamed(200, &b"data: {\n\n"[..]).is_err());
    }
}
