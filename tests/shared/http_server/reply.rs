//! A scripted reply: a whole body or a stream, and where it breaks off.

use std::io::Write;
use std::net::TcpStream;

use serde_json::Value;

/// A scripted reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// `None` sends no head at all.
    status: Option<u16>,
    headers: Vec<(&'static str, String)>,
    body: Body,
    pub(super) then: Then,
}

#[derive(Clone, Debug)]
enum Body {
    /// Sent with `Content-Length`.
    Whole(String),
    /// Sent with `Transfer-Encoding: chunked`, each chunk in a separate write.
    Chunks(Vec<Vec<u8>>),
}

/// What the server does after the body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Then {
    /// Completes the reply and reads the next request.
    Next,
    /// Closes the connection before the reply is complete.
    Close,
    /// Sends nothing more and keeps the connection open before the reply is complete.
    Silence,
}

impl Reply {
    /// A reply without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::body(status, "")
    }

    /// A reply with a status and a body.
    #[must_use]
    pub fn body(status: u16, body: &str) -> Self {
        Self {
            status: Some(status),
            headers: Vec::new(),
            body: Body::Whole(body.to_owned()),
            then: Then::Next,
        }
    }

    /// A successful reply with a JSON body.
    #[must_use]
    pub fn json(value: &Value) -> Self {
        Self::body(200, &value.to_string()).with("content-type", "application/json")
    }

    /// A successful event stream that is sent in these chunks.
    #[must_use]
    pub fn chunks<C: AsRef<[u8]>>(chunks: impl IntoIterator<Item = C>) -> Self {
        let chunks = chunks.into_iter().map(|chunk| chunk.as_ref().to_vec()).collect();
        Self { body: Body::Chunks(chunks), ..Self::status(200) }.with("content-type", "text/event-stream")
    }

    /// A successful event stream with these events, each in a separate chunk.
    #[must_use]
    pub fn events<'a>(events: impl IntoIterator<Item = &'a Value>) -> Self {
        Self::chunks(events.into_iter().map(|event| format!("data: {event}\n\n")))
    }

    /// A redirect to another URL with the same method.
    #[must_use]
    pub fn redirect(to: &str) -> Self {
        Self::status(307).with("location", to)
    }

    /// Closes the connection without a reply.
    #[must_use]
    pub fn close() -> Self {
        Self { status: None, then: Then::Close, ..Self::status(200) }
    }

    /// Sends nothing and keeps the connection open.
    #[must_use]
    pub fn silence() -> Self {
        Self { status: None, then: Then::Silence, ..Self::status(200) }
    }

    /// The same reply with another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The same reply with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same event stream with one more event.
    #[must_use]
    pub fn and(mut self, data: &str) -> Self {
        if let Body::Chunks(chunks) = &mut self.body {
            chunks.push(format!("data: {data}\n\n").into_bytes());
        }
        self
    }

    /// The same event stream with the final event `[DONE]`.
    #[must_use]
    pub fn done(self) -> Self {
        self.and("[DONE]")
    }

    /// The same reply, but the connection is closed before the end of the body.
    #[must_use]
    pub fn cut(mut self) -> Self {
        self.then = Then::Close;
        self
    }

    /// The same reply, but the server stops sending before the end of the body and keeps the connection open.
    #[must_use]
    pub fn then_silence(mut self) -> Self {
        self.then = Then::Silence;
        self
    }

    pub(super) fn write(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let Some(status) = self.status else { return Ok(()) };
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        match &self.body {
            Body::Whole(body) => {
                // An incomplete body announces bytes that do not follow.
                let length = body.len() + if self.then == Then::Next { 0 } else { 10 };
                let head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {length}\r\n{headers}\r\n");
                stream.write_all((head + body).as_bytes())
            }
            Body::Chunks(chunks) => {
                let head =
                    format!("HTTP/1.1 {status} Scripted\r\ntransfer-encoding: chunked\r\n{headers}\r\n");
                stream.write_all(head.as_bytes())?;
                for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                    let mut bytes = format!("{:x}\r\n", chunk.len()).into_bytes();
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                    stream.write_all(&bytes)?;
                }
                if self.then == Then::Next { stream.write_all(b"0\r\n\r\n") } else { Ok(()) }
            }
        }
    }
}
