//! The content of a recording: requests and the responses to them.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

/// One recorded call: a request and its response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Interaction {
    /// The type of the request message, if a gRPC call was recorded.
    pub message_type: Option<String>,
    /// The request.
    pub request: Request,
    /// The response.
    pub response: Response,
}

impl Interaction {
    pub(crate) fn new(request: Request, response: Response) -> Self {
        Self { message_type: None, request, response }
    }
}

/// A recorded request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The host, with the port if the URL had one. `None` if a gRPC call was recorded.
    pub host: Option<String>,
    /// The path, with the query if the URL had one.
    pub target: String,
    /// The headers. A gRPC recording has no headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// The body as JSON, or `None` if the body is not JSON.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// A recorded response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body. For a stream, the whole stream.
    pub body: Bytes,
    /// The format of the body.
    pub kind: BodyKind,
}

impl Response {
    /// The messages of the response: the value of a whole body, the data of each event except `[DONE]`, or the
    /// `result` of each line. Empty if the body is not JSON.
    #[must_use]
    pub fn messages(&self) -> Vec<Value> {
        let unwrapped = |mut value: Value| value.get_mut("result").map(Value::take).unwrap_or(value);
        let parse = |text: &str| serde_json::from_str(text).ok();
        match self.kind {
            BodyKind::Whole => serde_json::from_slice(&self.body).into_iter().collect(),
            BodyKind::Lines => {
                let text = String::from_utf8_lossy(&self.body);
                text.lines().filter_map(parse).map(unwrapped).collect()
            }
            BodyKind::Events => {
                let text = String::from_utf8_lossy(&self.body);
                text.lines().filter_map(|line| parse(line.strip_prefix("data:")?.trim())).collect()
            }
        }
    }
}

/// The format of a response body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyKind {
    /// One JSON value, or a body that is not JSON.
    Whole,
    /// Server-sent events. The last event is `[DONE]`.
    Events,
    /// JSON objects, one on each line, each with a message in `result`.
    Lines,
}
