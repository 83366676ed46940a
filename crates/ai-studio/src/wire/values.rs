//! What fields hold: texts, numbers in all their forms, lists.

use serde_json::{Number, Value};

use super::{Read, Wire, message};

impl Wire for String {
    fn read(value: &Value) -> Option<Read<Self>> {
        Read::exactly(value.as_str()?.to_owned())
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }
}

impl Wire for bool {
    fn read(value: &Value) -> Option<Read<Self>> {
        Read::exactly(value.as_bool()?)
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl Wire for u64 {
    fn read(value: &Value) -> Option<Read<Self>> {
        let whole = whole(value)?;
        Some(Read { value: whole.value.try_into().ok()?, exact: whole.exact })
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl Wire for i64 {
    fn read(value: &Value) -> Option<Read<Self>> {
        let whole = whole(value)?;
        Some(Read { value: whole.value.try_into().ok()?, exact: whole.exact })
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl Wire for f64 {
    fn read(value: &Value) -> Option<Read<Self>> {
        let Value::Number(number) = value else { return None };
        Some(Read { value: number.as_f64()?, exact: number.is_f64() })
    }

    fn write(&self) -> Value {
        Number::from_f64(*self).map_or(Value::Null, Value::Number)
    }
}

impl Wire for Value {
    fn read(value: &Value) -> Option<Read<Self>> {
        Read::exactly(value.clone())
    }

    fn write(&self) -> Value {
        self.clone()
    }
}

impl<T: Wire> Wire for Option<T> {
    fn read(value: &Value) -> Option<Read<Self>> {
        T::read(value).map(|read| read.map(Some))
    }

    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, Wire::write)
    }
}

/// A list in which nothing could be read is not read.
impl<T: Wire> Wire for Vec<T> {
    fn read(value: &Value) -> Option<Read<Self>> {
        let items = value.as_array()?;
        let mut list = Self::with_capacity(items.len());
        let mut exact = true;
        for item in items {
            match T::read(item).filter(|_| !item.is_null()) {
                Some(read) => {
                    exact &= read.exact;
                    list.push(read.value);
                }
                None if T::PASSED_OVER => exact = false,
                None => return None,
            }
        }
        (items.is_empty() || !list.is_empty()).then_some(Read { value: list, exact })
    }

    fn write(&self) -> Value {
        self.iter().map(Wire::write).collect()
    }
}

/// A 64-bit integer of the native API, which writes them as strings: `"inputTextTokens": "15"`.
///
/// A number is read as well, and written back as the number it was.
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

    /// The number, or zero where it is below.
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
    fn read(value: &Value) -> Option<Read<Self>> {
        let number = Self(whole(value)?.value.try_into().ok()?);
        Some(Read { value: number, exact: number.write() == *value })
    }

    fn write(&self) -> Value {
        self.0.to_string().into()
    }
}

message!(@serde Int64);

/// A whole number: as such, as a float without a fraction, or as a string of digits. Exact in the first form alone.
fn whole(value: &Value) -> Option<Read<i128>> {
    let (value, exact) = match value {
        Value::Number(number) => match number.as_i128() {
            Some(whole) => (whole, true),
            None => (float_as_whole(number.as_f64()?)?, false),
        },
        Value::String(text) => (text.parse().ok()?, false),
        _ => return None,
    };
    Some(Read { value, exact })
}

/// Within the range where every whole number is a float, so that nothing is rounded.
#[allow(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
fn float_as_whole(float: f64) -> Option<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i128)
}
