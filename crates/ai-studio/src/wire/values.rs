//! The types of fields: strings, numbers in all their JSON forms, lists.

use serde::ser::{Serialize, Serializer};
use serde_json::{Number, Value};

use super::{ByWire, Read, Wire, message};

impl Wire for String {
    fn read(value: Value) -> Result<Read<Self>, Value> {
        let Value::String(text) = value else { return Err(value) };
        Read::exact(text)
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }

    fn write_to<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl Wire for bool {
    fn read(value: Value) -> Result<Read<Self>, Value> {
        let Value::Bool(is) = value else { return Err(value) };
        Read::exact(is)
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl Wire for u64 {
    fn read(value: Value) -> Result<Read<Self>, Value> {
        whole(value)
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl Wire for i64 {
    fn read(value: Value) -> Result<Read<Self>, Value> {
        whole(value)
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl Wire for f64 {
    fn read(received: Value) -> Result<Read<Self>, Value> {
        let Some(value) = received.as_f64() else { return Err(received) };
        Ok(Read { value, received: (!received.is_f64()).then_some(received) })
    }

    fn write(&self) -> Value {
        Number::from_f64(*self).map_or(Value::Null, Value::Number)
    }
}

impl Wire for Value {
    fn read(value: Value) -> Result<Read<Self>, Value> {
        Read::exact(value)
    }

    fn write(&self) -> Value {
        self.clone()
    }

    fn write_to<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Serialize::serialize(self, serializer)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn read(value: Value) -> Result<Read<Self>, Value> {
        T::read(value).map(|read| read.map(Some))
    }

    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, Wire::write)
    }

    fn write_to<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.write_to(serializer),
            None => serializer.serialize_unit(),
        }
    }
}

/// A list without one readable item counts as unreadable.
impl<T: Wire> Wire for Vec<T> {
    fn read(value: Value) -> Result<Read<Self>, Value> {
        let Value::Array(items) = value else { return Err(value) };
        let is_empty = items.is_empty();
        let mut list = Self::with_capacity(items.len());
        // The received list, filled from the first item on whose written form differs: usually none does.
        let mut received: Option<Vec<Value>> = None;
        let mut items = items.into_iter();
        while let Some(item) = items.next() {
            match if item.is_null() { Err(item) } else { T::read(item) } {
                Ok(Read { value, received: None }) => {
                    if let Some(received) = &mut received {
                        received.push(value.write());
                    }
                    list.push(value);
                }
                Ok(Read { value, received: Some(item) }) => {
                    received.get_or_insert_with(|| list.iter().map(Wire::write).collect()).push(item);
                    list.push(value);
                }
                Err(item) => {
                    let received = received.get_or_insert_with(|| list.iter().map(Wire::write).collect());
                    received.push(item);
                    if !T::SKIPPED_IN_LISTS {
                        received.extend(items);
                        return Err(Value::Array(std::mem::take(received)));
                    }
                }
            }
        }
        match received.map(Value::Array) {
            Some(received) if list.is_empty() && !is_empty => Err(received),
            received => Ok(Read { value: list, received }),
        }
    }

    fn write(&self) -> Value {
        self.iter().map(Wire::write).collect()
    }

    fn write_to<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(ByWire))
    }
}

/// A 64-bit integer of the native API, which is a string in JSON: `"inputTextTokens": "15"`.
///
/// A JSON number is accepted, too, and is written back as a number.
///
/// ```
/// use yandex_ai_studio_sdk::Int64;
/// let tokens = Int64::from(15);
/// assert_eq!(tokens, 15);
/// assert_eq!(tokens.get() + 1, 16);
/// assert_eq!(serde_json::json!(tokens), "15");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Int64(pub i64);

impl Int64 {
    /// The number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }

    /// The number as a count; zero where the number is negative.
    #[must_use]
    pub fn count(self) -> u64 {
        self.0.try_into().unwrap_or(0)
    }
}

impl From<i64> for Int64 {
    fn from(number: i64) -> Self {
        Self(number)
    }
}

impl From<Int64> for i64 {
    fn from(number: Int64) -> Self {
        number.0
    }
}

impl PartialEq<i64> for Int64 {
    fn eq(&self, other: &i64) -> bool {
        self.0 == *other
    }
}

impl std::fmt::Display for Int64 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Wire for Int64 {
    fn read(value: Value) -> Result<Read<Self>, Value> {
        let (number, received) = match whole(value)? {
            Read { value, received: None } => (Self(value), Value::from(value)),
            Read { value, received: Some(received) } => (Self(value), received),
        };
        let exact = number.write() == received;
        Ok(Read { value: number, received: (!exact).then_some(received) })
    }

    fn write(&self) -> Value {
        self.0.to_string().into()
    }
}

message!(@serde Int64);

/// Reads a whole number: a JSON integer, a float without a fraction, or a string of digits. Only the first form is
/// written as it was received.
fn whole<T: TryFrom<i128>>(received: Value) -> Result<Read<T>, Value> {
    let number = match &received {
        Value::Number(number) => match number.as_i128() {
            Some(whole) => Some((whole, true)),
            None => number.as_f64().and_then(float_as_whole).map(|whole| (whole, false)),
        },
        Value::String(text) => text.parse().ok().map(|whole| (whole, false)),
        _ => None,
    };
    match number.and_then(|(whole, exact)| Some((T::try_from(whole).ok()?, exact))) {
        Some((value, exact)) => Ok(Read { value, received: (!exact).then_some(received) }),
        None => Err(received),
    }
}

/// Only within 53 bits, where a float represents every whole number, so that nothing is rounded.
#[allow(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
fn float_as_whole(float: f64) -> Option<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i128)
}
