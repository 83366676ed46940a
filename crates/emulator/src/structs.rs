//! `google.protobuf.Struct`: JSON in protobuf, for the schemas and arguments of functions.

use std::collections::BTreeMap;

use prost::{Enumeration, Message, Oneof};
use serde_json::{Map, Number, Value as Json};

/// `google.protobuf.Struct`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Struct {
    #[prost(btree_map = "string, message", tag = 1)]
    fields: BTreeMap<String, Value>,
}

/// `google.protobuf.Value`
#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Kind {
    #[prost(enumeration = "Null", tag = 1)]
    Null(i32),
    #[prost(double, tag = 2)]
    Number(f64),
    #[prost(string, tag = 3)]
    String(String),
    #[prost(bool, tag = 4)]
    Bool(bool),
    #[prost(message, tag = 5)]
    Struct(Struct),
    #[prost(message, tag = 6)]
    List(List),
}

/// `google.protobuf.NullValue`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
enum Null {
    Value = 0,
}

/// `google.protobuf.ListValue`
#[derive(Clone, PartialEq, Message)]
struct List {
    #[prost(message, repeated, tag = 1)]
    values: Vec<Value>,
}

impl Struct {
    /// A value that is not an object becomes a struct without fields.
    pub(crate) fn of(json: &Json) -> Self {
        let fields = json.as_object().into_iter().flatten();
        Self { fields: fields.map(|(name, value)| (name.clone(), Value::of(value))).collect() }
    }

    pub(crate) fn to_json(&self) -> Json {
        let fields = self.fields.iter().map(|(name, value)| (name.clone(), value.to_json()));
        Json::Object(fields.collect::<Map<_, _>>())
    }
}

impl Value {
    fn of(json: &Json) -> Self {
        Self {
            kind: Some(match json {
                Json::Null => Kind::Null(Null::Value.into()),
                Json::Bool(value) => Kind::Bool(*value),
                Json::Number(number) => Kind::Number(number.as_f64().unwrap_or_default()),
                Json::String(text) => Kind::String(text.clone()),
                Json::Array(items) => Kind::List(List { values: items.iter().map(Self::of).collect() }),
                Json::Object(_) => Kind::Struct(Struct::of(json)),
            }),
        }
    }

    fn to_json(&self) -> Json {
        match &self.kind {
            None | Some(Kind::Null(_)) => Json::Null,
            Some(Kind::Bool(value)) => Json::Bool(*value),
            Some(Kind::Number(number)) => whole_or_not(*number),
            Some(Kind::String(text)) => Json::String(text.clone()),
            Some(Kind::List(list)) => Json::Array(list.values.iter().map(Self::to_json).collect()),
            Some(Kind::Struct(fields)) => fields.to_json(),
        }
    }
}

/// Protobuf has only doubles. A double without a fraction becomes an integer in JSON.
fn whole_or_not(number: f64) -> Json {
    #[expect(clippy::cast_possible_truncation, reason = "the next comparison detects a lossy cast")]
    let whole = number as i64;
    #[expect(
        clippy::cast_precision_loss,
        clippy::float_cmp,
        reason = "the comparison detects whether the cast loses precision"
    )]
    if whole as f64 == number && whole != i64::MAX {
        return whole.into();
    }
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_unchanged_after_encoding_and_decoding() {
        let json = json!({
            "null": null, "flag": true, "whole": -5, "part": 1.5, "huge": 1e300, "text": "привет",
            "list": [1, "a", [], {}], "deep": { "deeper": { "deepest": [null] } },
        });
        let bytes = Struct::of(&json).encode_to_vec();
        assert_eq!(Struct::decode(bytes.as_slice()).unwrap().to_json(), json);
        assert_eq!(Struct::of(&json!([1])).to_json(), json!({}));
    }

    #[test]
    fn a_number_that_json_cannot_represent_is_null() {
        for number in [f64::NAN, f64::INFINITY] {
            assert_eq!(whole_or_not(number), Json::Null);
        }
    }
}
