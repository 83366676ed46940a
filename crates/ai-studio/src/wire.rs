//! JSON messages that lose nothing.
//!
//! What a service sends is read by what this version knows of it, and written back as it came. The rule:
//!
//! - A field holds what its value can be read as. A value that is missing, null or of another kind leaves the field at
//!   its default.
//! - A field at its default is not written. So where "not there" and "zero" differ, the field is an `Option`.
//! - What came under an unknown name is in `extra`, and is written back. So is what came under a known name and could
//!   not be read, until the field is set.
//! - Where a field would be written in another form than it came in (`15` for `"15"`, nothing for `null` or `[]`), the
//!   form it came in is kept beside it, and is written as long as the field says the same. So a field that is set, or
//!   cleared, is never shadowed by what was read.
//!
//! From which follows: any JSON object that is read as any message, and written, is the same object.

use serde_json::{Map, Number, Value};

/// Fields by name, as JSON.
pub type Extra = Map<String, Value>;

/// What a value was read as.
pub(crate) struct Read<T> {
    pub(crate) value: T,
    /// Whether writing it gives the very value that was read.
    pub(crate) exact: bool,
}

impl<T> Read<T> {
    pub(crate) fn exactly(value: T) -> Option<Self> {
        Some(Self { value, exact: true })
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Read<U> {
        Read { value: change(self.value), exact: self.exact }
    }
}

/// What can be the value of a field.
pub(crate) trait Wire: Sized + PartialEq {
    /// Whether a list passes over items that are not of this kind. Not in lists of bare values, where places count.
    const PASSED_OVER: bool = false;

    /// `None` where the value is of another kind. Never asked about null.
    fn read(value: &Value) -> Option<Read<Self>>;

    fn write(&self) -> Value;
}

/// The forms in which fields came that they would not be written in.
pub(crate) type Kept = Extra;

/// Takes a field out of the object it came in.
pub(crate) fn take<T: Wire + Default>(object: &mut Extra, kept: &mut Kept, name: &str) -> T {
    let Some(value) = object.remove(name) else { return T::default() };
    if value.is_null() {
        kept.insert(name.to_owned(), value);
        return T::default();
    }
    match T::read(&value) {
        Some(read) => {
            if !read.exact || read.value == T::default() {
                kept.insert(name.to_owned(), value);
            }
            read.value
        }
        None => {
            object.insert(name.to_owned(), value);
            T::default()
        }
    }
}

/// Puts a field into the object to be written, which has the extra fields already.
pub(crate) fn put<T: Wire + Default>(object: &mut Extra, kept: &Kept, name: &str, field: &T) {
    let is_set = *field != T::default();
    if !is_set && object.contains_key(name) {
        return;
    }
    let as_it_came = kept.get(name).filter(|value| {
        let read = if value.is_null() { None } else { T::read(value) };
        read.map(|read| read.value).unwrap_or_default() == *field
    });
    match as_it_came {
        Some(value) => drop(object.insert(name.to_owned(), value.clone())),
        None if is_set => drop(object.insert(name.to_owned(), field.write())),
        None => {}
    }
}

/// A message with fields over it: each wins over what the message says.
pub(crate) fn merged<T: Wire>(message: &T, fields: &Extra) -> Option<T> {
    let mut value = message.write();
    value.as_object_mut()?.extend(fields.clone());
    T::read(&value).map(|read| read.value)
}

/// Declares messages: a struct, the names of its fields on the wire, and both directions of the rule above.
macro_rules! message {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* pub $field:ident: $type:ty = $key:literal, )*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
            /// Fields that have no place above, and those whose value could not be read. Written as they are.
            pub extra: $crate::wire::Extra,
            pub(crate) kept: $crate::wire::Kept,
        }

        impl $crate::wire::Wire for $name {
            const PASSED_OVER: bool = true;

            fn read(value: &serde_json::Value) -> Option<$crate::wire::Read<Self>> {
                let mut extra = value.as_object()?.clone();
                let mut kept = $crate::wire::Kept::new();
                $( let $field = $crate::wire::take(&mut extra, &mut kept, $key); )*
                $crate::wire::Read::exactly(Self { $( $field, )* extra, kept })
            }

            fn write(&self) -> serde_json::Value {
                let mut object = self.extra.clone();
                $( $crate::wire::put(&mut object, &self.kept, $key, &self.$field); )*
                serde_json::Value::Object(object)
            }
        }

        $crate::wire::message!(@serde $name);
    )*};
    (@serde $name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::wire::Wire::write(self).serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
                match $crate::wire::Wire::read(&value) {
                    Some($crate::wire::Read { value, .. }) => Ok(value),
                    None => Err(serde::de::Error::custom(concat!(
                        "what came is not of the kind of ", stringify!($name)
                    ))),
                }
            }
        }
    };
}

/// Declares sets of words, open to those of other versions. Letter case is forgiven.
macro_rules! words {
    ($(
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident = $word:literal, )*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )*
            /// A word that this version does not know.
            Other(String),
        }

        impl $name {
            /// The word on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $word, )*
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                $( if word.eq_ignore_ascii_case($word) { return Self::$variant; } )*
                Self::Other(word.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                Self::from(word.as_str())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl $crate::wire::Wire for $name {
            fn read(value: &serde_json::Value) -> Option<$crate::wire::Read<Self>> {
                let word = value.as_str()?;
                let value = Self::from(word);
                let exact = value.as_str() == word;
                Some($crate::wire::Read { value, exact })
            }

            fn write(&self) -> serde_json::Value {
                self.as_str().into()
            }
        }

        $crate::wire::message!(@serde $name);
    )*};
}

pub(crate) use {message, words};

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
