//! Responses as server-sent events, each in its own piece of the body.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use serde_json::Value;

use crate::wire::body::{Body, Pieces};

pub(super) const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

pub(super) fn event(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

pub(super) fn named(name: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

pub(super) fn response(events: Vec<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::new(Pieces::new(events)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The fragments of a call's arguments in a stream.
pub(super) fn fragments(arguments: &str) -> Vec<&str> {
    const CHARS: usize = 8;
    let starts = arguments.char_indices().map(|(at, _)| at).step_by(CHARS);
    let ends = arguments.char_indices().map(|(at, _)| at).step_by(CHARS).skip(1).chain([arguments.len()]);
    starts.zip(ends).map(|(start, end)| &arguments[start..end]).collect()
}
