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

mod values;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

pub use self::values::Int64;
use crate::error::{Error, ErrorKind};

/// Fields by name, as JSON: what a message has beyond the fields that this version knows.
///
/// ```
/// use yandex_ai_studio_sdk::chat::ChatAnswer;
///
/// let answer: ChatAnswer = serde_json::from_str(r#"{ "model": "m", "service_tier": "default" }"#)?;
/// assert_eq!(answer.extra["service_tier"], "default");
/// # Ok::<(), serde_json::Error>(())
/// ```
pub type Extra = Map<String, Value>;

/// What a value was read as.
pub(crate) struct Read<T> {
    pub(crate) value: T,
    /// The value as it came, where writing would give another one.
    pub(crate) came: Option<Value>,
}

impl<T> Read<T> {
    pub(crate) fn exactly<E>(value: T) -> Result<Self, E> {
        Ok(Self { value, came: None })
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Read<U> {
        Read { value: change(self.value), came: self.came }
    }
}

/// What can be the value of a field.
pub(crate) trait Wire: Sized + PartialEq {
    /// Whether a list passes over items that are not of this kind. Not in lists of bare values, where places count.
    const PASSED_OVER: bool = false;

    /// Takes the value, and gives it back where it is of another kind. Never asked about null.
    fn read(value: Value) -> Result<Read<Self>, Value>;

    fn write(&self) -> Value;

    /// Writes what [`write`](Self::write) gives, where it can be without making that first.
    fn write_to<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write().serialize(serializer)
    }
}

/// Writes a value by [`Wire::write_to`].
pub(crate) struct Written<'a, T>(pub(crate) &'a T);

impl<T: Wire> Serialize for Written<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write_to(serializer)
    }
}

/// The forms in which fields came that they would not be written in.
pub(crate) type Kept = Extra;

/// Reads what came under the name of a field.
pub(crate) fn take<T: Wire + Default>(name: String, value: Value, extra: &mut Extra, kept: &mut Kept) -> T {
    if value.is_null() {
        kept.insert(name, value);
        return T::default();
    }
    match T::read(value) {
        Ok(Read { value, came }) => {
            // A default would not be written at all.
            if let Some(came) = came.or_else(|| (value == T::default()).then(|| value.write())) {
                kept.insert(name, came);
            }
            value
        }
        Err(value) => {
            extra.insert(name, value);
            T::default()
        }
    }
}

/// Writes a field of a message that has nothing beside its fields.
pub(crate) fn entry<T: Wire + Default, M: SerializeMap>(
    map: &mut M,
    name: &str,
    field: &T,
) -> Result<(), M::Error> {
    match *field == T::default() {
        true => Ok(()),
        false => map.serialize_entry(name, &Written(field)),
    }
}

/// Puts a field into the object to be written, which has the extra fields already.
pub(crate) fn put<T: Wire + Default>(object: &mut Extra, kept: &Kept, name: &str, field: &T) {
    let is_set = *field != T::default();
    if !is_set && object.contains_key(name) {
        return;
    }
    let as_it_came = kept.get(name).filter(|value| {
        let read = if value.is_null() { None } else { T::read(Value::clone(value)).ok() };
        read.map(|read| read.value).unwrap_or_default() == *field
    });
    match as_it_came {
        Some(value) => drop(object.insert(name.to_owned(), value.clone())),
        None if is_set => drop(object.insert(name.to_owned(), field.write())),
        None => {}
    }
}

/// A message with the fields of an object over it: each wins over what the message says. Null is no fields.
pub(crate) fn merged<T: Wire>(message: T, fields: &Value) -> Result<T, Error> {
    if fields.is_null() {
        return Ok(message);
    }
    let mut value = message.write();
    if let (Some(object), Some(fields)) = (value.as_object_mut(), fields.as_object()) {
        object.extend(fields.clone());
        if let Ok(read) = T::read(value) {
            return Ok(read.value);
        }
    }
    Err(Error::new(ErrorKind::Invalid, "the extra query is not a JSON object")
        .with_help("give it as in `extra_query(json!({ \"top_k\": 3 }))`"))
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

            fn read(value: serde_json::Value) -> Result<$crate::wire::Read<Self>, serde_json::Value> {
                let serde_json::Value::Object(came) = value else { return Err(value) };
                let mut message = Self::default();
                let Self { $( $field, )* extra, kept } = &mut message;
                for (name, value) in came {
                    match name.as_str() {
                        $( $key => *$field = $crate::wire::take(name, value, extra, kept), )*
                        _ => drop(extra.insert(name, value)),
                    }
                }
                $crate::wire::Read::exactly(message)
            }

            fn write(&self) -> serde_json::Value {
                let mut object = self.extra.clone();
                $( $crate::wire::put(&mut object, &self.kept, $key, &self.$field); )*
                serde_json::Value::Object(object)
            }

            fn write_to<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if !(self.extra.is_empty() && self.kept.is_empty()) {
                    return serde::Serialize::serialize(&$crate::wire::Wire::write(self), serializer);
                }
                let mut map = serializer.serialize_map(None)?;
                $( $crate::wire::entry(&mut map, $key, &self.$field)?; )*
                serde::ser::SerializeMap::end(map)
            }
        }

        $crate::wire::message!(@serde $name);
    )*};
    (@serde $name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::wire::Wire::write_to(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
                match $crate::wire::Wire::read(value) {
                    Ok($crate::wire::Read { value, .. }) => Ok(value),
                    Err(_) => Err(serde::de::Error::custom(concat!(
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
            fn read(came: serde_json::Value) -> Result<$crate::wire::Read<Self>, serde_json::Value> {
                let Some(word) = came.as_str() else { return Err(came) };
                let value = Self::from(word);
                let exact = value.as_str() == word;
                Ok($crate::wire::Read { value, came: (!exact).then_some(came) })
            }

            fn write(&self) -> serde_json::Value {
                self.as_str().into()
            }

            fn write_to<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        $crate::wire::message!(@serde $name);
    )*};
}

pub(crate) use {message, words};
