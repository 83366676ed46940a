//! What an answer says inside of an HTTP 200: the answer itself, `{"result": {…}}` around it, or `{"error": {…}}`.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::client::{Call, Client, Deadline};
use crate::error::{Error, ErrorKind};
use crate::wire::Wire;

/// Asks for a whole answer, in or out of a wrapping.
pub(crate) async fn ask<T: Wire>(client: &Client, call: Call, deadline: Deadline) -> Result<T, Error> {
    ask_checked(client, call, deadline, |_| Ok(())).await
}

/// The same for an answer that has to have something in it.
pub(crate) async fn ask_checked<T: Wire>(
    client: &Client,
    call: Call,
    deadline: Deadline,
    check: impl FnOnce(&T) -> Result<(), Error>,
) -> Result<T, Error> {
    let (came, journey) = client.ask_in_context(call, deadline).await?;
    let outcome = match came {
        InBand::Answer(answer) => check(&answer).map(|()| answer),
        InBand::Error(kind, reason) => Err(Error::new(kind, reason)),
    };
    outcome.map_err(|error| error.with_context(journey.context()))
}

/// What came where an answer was awaited.
pub(crate) enum InBand<T> {
    Answer(T),
    Error(ErrorKind, String),
}

impl<T: Wire> InBand<T> {
    /// `None` where it is something else altogether.
    pub(crate) fn read(mut value: Value) -> Option<Self> {
        if let Some((kind, reason)) = error_in(&value) {
            return Some(Self::Error(kind, reason));
        }
        let object = value.as_object_mut()?;
        let is_wrapped = object.len() == 1 && object.get("result").is_some_and(Value::is_object);
        let inside = if is_wrapped { object.remove("result") } else { None };
        T::read(inside.unwrap_or(value)).ok().map(|read| Self::Answer(read.value))
    }
}

impl<'de, T: Wire> Deserialize<'de> for InBand<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::read(value).ok_or_else(|| serde::de::Error::custom("what came is not a JSON object"))
    }
}

/// What kind of error an event or object is, and the server's words; `None` where it is none.
///
/// The OpenAI-compatible API tells an HTTP status as `code`, or a word; gRPC over REST tells a gRPC code as `code` or
/// `grpcCode`, and may tell `httpCode`.
pub(crate) fn error_in(value: &Value) -> Option<(ErrorKind, String)> {
    let error = value.get("error").filter(|error| !says_nothing(error))?;
    let words = ["message", "detail", "error"].into_iter().find_map(|name| error.get(name)?.as_str());
    let words = words.or(error.as_str()).map_or_else(|| error.to_string(), str::to_owned);
    let number = |name: &str| error.get(name).and_then(Value::as_i64);
    let code = number("httpCode").or(number("code")).or(number("grpcCode"));
    Some((code.map_or(ErrorKind::Refused, kind_of), format!("the server ended the answer: {words}")))
}

/// How servers say that there is no error.
fn says_nothing(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => true,
        Value::String(words) => words.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// By an HTTP status or a gRPC code: the ranges do not meet.
pub(crate) fn kind_of(code: i64) -> ErrorKind {
    match code {
        // DEADLINE_EXCEEDED is the server's deadline, not ours: as good as not reached.
        4 | 8 | 13 | 14 | 408 | 429 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_kinds_by_codes_of_either_sort() {
        for (value, kind, words) in [
            (
                json!({ "error": { "message": "overloaded", "code": 503 } }),
                ErrorKind::Unavailable,
                "overloaded",
            ),
            (
                json!({ "error": { "message": "slow down", "code": 429 } }),
                ErrorKind::Unavailable,
                "slow down",
            ),
            (json!({ "error": { "message": "bad", "code": "invalid" } }), ErrorKind::Refused, "bad"),
            (
                json!({ "error": { "grpcCode": 3, "httpCode": 400, "message": "no" } }),
                ErrorKind::Refused,
                "no",
            ),
            (json!({ "error": { "code": 14, "message": "gone" } }), ErrorKind::Unavailable, "gone"),
            (json!({ "error": "plain words" }), ErrorKind::Refused, "plain words"),
            (json!({ "error": { "why": 1 } }), ErrorKind::Refused, "{\"why\":1}"),
        ] {
            let (told, reason) = error_in(&value).unwrap();
            assert_eq!(told, kind, "{value}");
            assert!(reason.ends_with(words), "{reason}");
        }
        let nothing =
            [json!(null), json!(""), json!({}), json!(false)].map(|error| json!({ "error": error }));
        for value in nothing.into_iter().chain([json!({ "choices": [] }), json!([])]) {
            assert_eq!(error_in(&value), None);
        }
    }
}
