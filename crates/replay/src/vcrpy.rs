//! HTTP as vcrpy records it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use serde::de::IgnoredAny;

use crate::interaction::{BodyKind, Interaction, Request, Response};
use crate::yaml::{self, Node};

pub(crate) fn read(text: &str) -> Result<Vec<Interaction>, String> {
    let root = yaml::read(text)?;
    let Some(Node::List(interactions)) = root.get("interactions") else {
        return Err("the document has no list `interactions`".to_owned());
    };
    let parse = |(index, node): (usize, &Node)| {
        interaction(node).map_err(|what| format!("interaction {index} has {what}"))
    };
    interactions.iter().enumerate().map(parse).collect()
}

fn interaction(node: &Node) -> Result<Interaction, &'static str> {
    let request = request(node.get("request").ok_or("no request")?)?;
    let response = response(node.get("response").ok_or("no response")?)?;
    Ok(Interaction::new(request, response))
}

fn request(node: &Node) -> Result<Request, &'static str> {
    let text = |key| node.get(key).and_then(Node::text);
    let uri = text("uri").and_then(|uri| uri.parse::<Uri>().ok()).ok_or("no valid uri")?;
    let method = text("method").and_then(|method| method.parse::<Method>().ok());
    Ok(Request {
        method: method.ok_or("no valid method")?,
        host: uri.authority().map(ToString::to_string),
        target: uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        headers: headers(node.get("headers"))?,
        body: body(node.get("body"))?,
    })
}

fn response(node: &Node) -> Result<Response, &'static str> {
    let status = node.get("status").and_then(|status| status.get("code")).and_then(Node::text);
    let status = status.and_then(|code| code.parse::<StatusCode>().ok()).ok_or("no valid status")?;
    let headers = headers(node.get("headers"))?;
    let body = body(node.get("body").and_then(|body| body.get("string")))?;
    Ok(Response { status, kind: kind(&headers, &body), headers, body })
}

/// The format of a body. The content type does not tell lines of JSON from one JSON value, so the body decides.
fn kind(headers: &HeaderMap, body: &[u8]) -> BodyKind {
    let content_type = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let is_json = |text: &[u8]| serde_json::from_slice::<IgnoredAny>(text).is_ok();
    let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).peekable();
    if content_type.starts_with(b"text/event-stream") {
        BodyKind::Events
    } else if !is_json(body) && lines.peek().is_some() && lines.all(is_json) {
        BodyKind::Lines
    } else {
        BodyKind::Whole
    }
}

fn body(node: Option<&Node>) -> Result<Bytes, &'static str> {
    match node {
        None | Some(Node::Null) => Ok(Bytes::new()),
        Some(Node::Text(text)) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        Some(Node::Bytes(bytes)) => Ok(Bytes::copy_from_slice(bytes)),
        Some(Node::List(_) | Node::Map(_)) => Err("a body that is neither text nor binary"),
    }
}

/// A header has one value or a list of values.
fn headers(node: Option<&Node>) -> Result<HeaderMap, &'static str> {
    let entries = match node {
        None | Some(Node::Null) => return Ok(HeaderMap::new()),
        Some(Node::Map(entries)) => entries,
        Some(_) => return Err("headers that are not a mapping"),
    };
    let mut headers = HeaderMap::new();
    for (name, values) in entries {
        let values = match values {
            Node::List(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            let name = name.parse::<HeaderName>().ok();
            let value = value.text().and_then(|text| HeaderValue::from_str(text).ok());
            headers.append(name.ok_or("an invalid header")?, value.ok_or("an invalid header")?);
        }
    }
    Ok(headers)
}
