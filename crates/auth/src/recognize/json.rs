//! JSON: a key, a response, or a list or an object around one key.

use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

use super::kind::{Issued, Kind, Layer};

/// How deep a key is searched for in other JSON. What is deeper than two layers is never used.
const DEEP: usize = 4;

/// What a text that begins as JSON is.
pub(super) fn kind(text: &str) -> Kind {
    if text.starts_with("{{") {
        return Kind::Unexpanded;
    }
    let Ok(value) = parse(text).map(Wiped) else {
        // A string of JSON that has lost its quotes: `{\"id\": …}`.
        let quoted = Zeroizing::new(["\"", text, "\""].concat());
        return match serde_json::from_str::<String>(&quoted).map(Zeroizing::new) {
            Ok(inner) if parse(&inner).map(Wiped).is_ok() => Kind::Wrapped(Layer::String, vec![inner]),
            _ => Kind::BrokenJson,
        };
    };
    match &value.0 {
        Value::Object(fields) if is_key(fields) => Kind::Key,
        Value::Object(fields) => match keys(fields.values()) {
            inner if inner.is_empty() => response(fields).map_or(Kind::Json, Kind::Response),
            inner => Kind::Wrapped(Layer::Object, inner),
        },
        Value::Array(items) => match keys(items.iter()) {
            inner if inner.is_empty() => Kind::Json,
            inner => Kind::Wrapped(Layer::List, inner),
        },
        _ => Kind::Json,
    }
}

/// A value that is wiped when it is dropped.
pub(crate) struct Wiped(pub(crate) Value);

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Parses JSON. The text can have raw line breaks in its strings, and the two characters `\n` between its tokens.
///
/// # Errors
/// That of the text as it is. Its message can quote the text, so it must not be shown.
pub(crate) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|error| serde_json::from_str(&repaired(text)).map_err(|_| error))
}

/// The text with its raw line breaks escaped in strings, and its escaped ones raw between tokens.
fn repaired(text: &str) -> Zeroizing<String> {
    // Each character becomes two at most, so the buffer never leaves a copy behind.
    let mut repaired = Zeroizing::new(String::with_capacity(text.len() * 2));
    let mut is_string = false;
    let mut characters = text.chars();
    while let Some(next) = characters.next() {
        match next {
            '"' => {
                is_string = !is_string;
                repaired.push('"');
            }
            '\n' if is_string => repaired.push_str("\\n"),
            '\r' if is_string => repaired.push_str("\\r"),
            '\t' if is_string => repaired.push_str("\\t"),
            '\\' => match characters.next() {
                Some('n' | 'r' | 't') if !is_string => repaired.push(' '),
                Some(escaped) => repaired.extend(['\\', escaped]),
                None => repaired.push('\\'),
            },
            next => repaired.push(next),
        }
    }
    repaired
}

/// Whether an object is a key: a file of `yc iam key create`, or the response of the API.
fn is_key(fields: &Map<String, Value>) -> bool {
    fields.contains_key("private_key") || fields.contains_key("privateKey")
}

/// The texts among these values that hold a key.
fn keys<'a>(values: impl Iterator<Item = &'a Value>) -> Vec<Zeroizing<String>> {
    values.filter(|value| holds_key(value, DEEP)).map(as_text).collect()
}

fn holds_key(value: &Value, deep: usize) -> bool {
    if deep == 0 {
        return false;
    }
    match value {
        Value::Object(fields) => is_key(fields) || fields.values().any(|value| holds_key(value, deep - 1)),
        Value::Array(items) => items.iter().any(|value| holds_key(value, deep - 1)),
        // An inner text is shorter than the text around it, so the search ends.
        Value::String(text) => match Kind::of(text) {
            Kind::Key => true,
            Kind::Wrapped(_, inner) => {
                inner.iter().any(|text| matches!(Kind::of(text), Kind::Key | Kind::Wrapped(..)))
            }
            _ => false,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn as_text(value: &Value) -> Zeroizing<String> {
    match value {
        Value::String(text) => Zeroizing::new(text.clone()),
        value => {
            // The room for a key, so that the buffer does not grow and leave a copy behind.
            let mut text = Vec::with_capacity(super::MAX_TEXT);
            let written = serde_json::to_writer(&mut text, value);
            let text = written.ok().and_then(|()| String::from_utf8(text).ok());
            Zeroizing::new(text.unwrap_or_default())
        }
    }
}

/// The secret in a response of IAM, of the metadata service, or of yc.
fn response(fields: &Map<String, Value>) -> Option<Issued> {
    let has = |name: &str| matches!(fields.get(name), Some(Value::String(_) | Value::Object(_)));
    if has("iamToken") || has("iam_token") || has("access_token") {
        Some(Issued::IamToken)
    } else if has("access_key") || has("accessKey") {
        Some(Issued::StaticKey)
    } else if has("api_key") || has("apiKey") {
        Some(Issued::ApiKey)
    } else if ["token", "secret", "value", "status", "data"].into_iter().any(has) {
        Some(Issued::Token)
    } else {
        None
    }
}
