//! HTTP as vcrpy records it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};

use serde::de::IgnoredAny;

use super::yaml::{self, Node};
use super::{Answer, Interaction, Kind, Request};

pub(super) fn read(text: &str) -> Result<Vec<Interaction>, String> {
    let root = yaml::read(text)?;
    let Some(Node::List(interactions)) = root.get("interactions") else {
        return Err("it has no list of interactions".to_owned());
    };
    let numbered = interactions.iter().enumerate();
    numbered
        .map(|(n, interaction)| {
            self::interaction(interaction).map_err(|what| format!("interaction {n} {what}"))
        })
        .collect()
}

fn interaction(interaction: &Node) -> Result<Interaction, &'static str> {
    let request = interaction.get("request").ok_or("has no request")?;
    let response = interaction.get("response").ok_or("has no response")?;
    let text = |key| request.get(key).and_then(Node::text);
    let uri = text("uri").and_then(|uri| uri.parse::<Uri>().ok()).ok_or("has no uri that is one")?;
    let method = text("method").and_then(|method| method.parse::<Method>().ok());
    let status = response.get("status").and_then(|status| status.get("code")).and_then(Node::text);
    let status = status.and_then(|code| code.parse::<StatusCode>().ok());
    let headers = headers(response.get("headers"))?;
    let answered = body(response.get("body").and_then(|body| body.get("string")))?;
    Ok(Interaction {
        class: None,
        request: Request {
            method: method.ok_or("has no method that is one")?,
            host: uri.authority().map(ToString::to_string),
            target: uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            headers: self::headers(request.get("headers"))?,
            body: body(request.get("body"))?,
        },
        answer: Answer {
            status: status.ok_or("has no status that is one")?,
            kind: kind(&headers, &answered),
            headers,
            body: answered,
        },
    })
}

/// Lines have the content type of one JSON value, which they are not.
fn kind(headers: &HeaderMap, body: &[u8]) -> Kind {
    let content = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let is_json = |text: &[u8]| serde_json::from_slice::<IgnoredAny>(text).is_ok();
    let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).peekable();
    if content.starts_with(b"text/event-stream") {
        Kind::Events
    } else if !is_json(body) && lines.peek().is_some() && lines.all(is_json) {
        Kind::Lines
    } else {
        Kind::Whole
    }
}

fn body(node: Option<&Node>) -> Result<Bytes, &'static str> {
    match node {
        None | Some(Node::Null) => Ok(Bytes::new()),
        Some(Node::Text(text)) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        Some(Node::Bytes(bytes)) => Ok(Bytes::copy_from_slice(bytes)),
        Some(Node::List(_) | Node::Map(_)) => Err("has a body that is no text"),
    }
}

/// Each with a list of values, or with one.
fn headers(node: Option<&Node>) -> Result<HeaderMap, &'static str> {
    let entries = match node {
        None | Some(Node::Null) => return Ok(HeaderMap::new()),
        Some(Node::Map(entries)) => entries,
        Some(_) => return Err("has headers that are no mapping"),
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
            headers.append(name.ok_or("has a bad header")?, value.ok_or("has a bad header")?);
        }
    }
    Ok(headers)
}
