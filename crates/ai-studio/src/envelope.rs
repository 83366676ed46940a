//! The forms of a response body with HTTP 200: the response itself, `{"result": {…}}`, or `{"error": {…}}`.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::wire::Wire;

/// A response, or the error that the service sent instead.
pub(crate) enum Envelope<T> {
    Response(T),
    Error(ErrorKind, String),
}

impl<T: Wire> Envelope<T> {
    /// Reads any of the forms; `None` where the value is not an object.
    pub(crate) fn read(mut value: Value) -> Option<Self> {
        if let Some((kind, reason)) = error_in(&value) {
            return Some(Self::Error(kind, reason));
        }
        let object = value.as_object_mut()?;
        let is_wrapped = object.len() == 1 && object.get("result").is_some_and(Value::is_object);
        let inner = if is_wrapped { object.remove("result") } else { None };
        T::read(inner.unwrap_or(value)).ok().map(|read| Self::Response(read.value))
    }

    pub(crate) fn into_result(self) -> Result<T, Error> {
        match self {
            Self::Response(response) => Ok(response),
            Self::Error(kind, reason) => Err(Error::new(kind, reason)),
        }
    }
}

impl<'de, T: Wire> Deserialize<'de> for Envelope<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::read(value).ok_or_else(|| serde::de::Error::custom("the body is not a JSON object"))
    }
}

/// The kind and the message of an error in an event or object; `None` where the value has no error.
///
/// The OpenAI-compatible API sends an HTTP status or a word as `code`. gRPC over REST sends a gRPC code as `code` or
/// `grpcCode`, and sometimes `httpCode`.
pub(crate) fn error_in(value: &Value) -> Option<(ErrorKind, String)> {
    let error = value.get("error").filter(|error| !is_empty(error))?;
    let message = ["message", "detail", "error"].into_iter().find_map(|name| error.get(name)?.as_str());
    let message = message.or(error.as_str()).map_or_else(|| error.to_string(), str::to_owned);
    let number = |name: &str| error.get(name).and_then(Value::as_i64);
    let code = number("httpCode").or(number("code")).or(number("grpcCode"));
    let kind = code.map_or(ErrorKind::Refused, kind_of_code);
    Some((kind, format!("the server sent an error in the response: {message}")))
}

/// Some servers send an empty `error` with every response.
fn is_empty(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The kind for an HTTP status or a gRPC code; the ranges do not overlap.
fn kind_of_code(code: i64) -> ErrorKind {
    match code {
        // DEADLINE_EXCEEDED (4) is the deadline of the server, not of the caller, so it counts as unavailable.
        4 | 8 | 13 | 14 | 408 | 429 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_the_kind_by_an_http_or_grpc_code() {
        for (error, kind, message) in [
            (json!({ "message": "overloaded", "code": 503 }), ErrorKind::Unavailable, "overloaded"),
            (json!({ "message": "slow down", "code": 429 }), ErrorKind::Unavailable, "slow down"),
            (json!({ "message": "bad", "code": "invalid" }), ErrorKind::Refused, "bad"),
            (json!({ "grpcCode": 3, "httpCode": 400, "message": "no" }), ErrorKind::Refused, "no"),
            (json!({ "code": 14, "message": "gone" }), ErrorKind::Unavailable, "gone"),
            (json!("plain words"), ErrorKind::Refused, "plain words"),
            (json!({ "why": 1 }), ErrorKind::Refused, "{\"why\":1}"),
        ] {
            let value = json!({ "error": error });
            let (found, reason) = error_in(&value).unwrap();
            assert_eq!(found, kind, "{value}");
            assert!(reason.ends_with(message), "{reason}");
        }
        let empty = [json!(null), json!(""), json!({}), json!(false)].map(|error| json!({ "error": error }));
        for value in empty.into_iter().chain([json!({ "choices": [] }), json!([])]) {
            assert_eq!(error_in(&value), None);
        }
    }
}
