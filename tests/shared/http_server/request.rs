//! A received request: its parts, and how it is read.

use std::io::BufRead;

use serde_json::Value;

/// A received request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The request line and the headers, without the empty line at the end.
    pub head: String,
    /// The body, without the chunked encoding.
    pub body: Vec<u8>,
}

impl Request {
    /// The method and the target: `POST /v1/chat/completions`.
    #[must_use]
    pub fn line(&self) -> &str {
        self.head.split(" HTTP/").next().unwrap()
    }

    /// The target: `/v1/chat/completions`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.line().split(' ').nth(1).unwrap_or_default()
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The value of the header `authorization`, empty if the header is absent.
    #[must_use]
    pub fn authorization(&self) -> &str {
        self.header("authorization").unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON; null if the body is empty.
    #[must_use]
    pub fn json(&self) -> Value {
        if self.body.is_empty() { Value::Null } else { serde_json::from_slice(&self.body).unwrap() }
    }
}

/// Reads a request, `None` at the end of the connection.
pub(super) fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut head = line(reader)?;
    loop {
        let line = line(reader)?;
        if line.is_empty() {
            break;
        }
        head.push_str("\r\n");
        head.push_str(&line);
    }
    let mut request = Request { head, body: Vec::new() };
    if request.header("transfer-encoding").is_some() {
        loop {
            let size = usize::from_str_radix(&line(reader)?, 16).ok()?;
            append(reader, &mut request.body, size)?;
            line(reader)?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = request.header("content-length") {
        let length = length.parse().unwrap();
        append(reader, &mut request.body, length)?;
    }
    Some(request)
}

fn append(reader: &mut impl BufRead, body: &mut Vec<u8>, length: usize) -> Option<()> {
    let start = body.len();
    body.resize(start + length, 0);
    reader.read_exact(&mut body[start..]).ok()
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut text = String::new();
    (reader.read_line(&mut text).ok()? > 0).then(|| text.trim_end().to_owned())
}
