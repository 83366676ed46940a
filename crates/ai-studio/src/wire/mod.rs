//! JSON messages that lose no data: reading a JSON object as a message and writing the message gives the same object.
//!
//! The rules:
//!
//! - A field holds its value where the value has the expected type. A value that is missing, null or of another type
//!   leaves the field at its default.
//! - A field at its default is not written. So a field is an `Option` where "missing" and "zero" differ.
//! - A value under an unknown name goes into `extra` and is written back. A value under a known name that cannot be
//!   read goes there, too, until the field is set.
//! - Where writing a field would give another form than the received one (`15` for `"15"`, nothing for `null` or `[]`),
//!   the message keeps the received form and writes it back as long as the field still has the same value. So a field
//!   that the program sets or clears always wins over the received form.

mod values;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

pub use self::values::Int64;
use crate::error::{Error, ErrorKind};

/// The fields of a message that this version does not know, by name.
///
/// ```
/// use yandex_ai_studio_sdk::chat::ChatResponse;
///
/// let response: ChatResponse = serde_json::from_str(r#"{ "model": "m", "service_tier": "default" }"#)?;
/// assert_eq!(response.extra["service_tier"], "default");
/// # Ok::<(), serde_json::Error>(())
/// ```
pub type Extra = Map<String, Value>;

/// A value that was read.
pub(crate) struct Read<T> {
    pub(crate) value: T,
    /// The received JSON, where writing `value` would give other JSON.
    pub(crate) received: Option<Value>,
}

impl<T> Read<T> {
    /// A value that is written as it was received.
    pub(crate) fn exact<E>(value: T) -> Result<Self, E> {
        Ok(Self { value, received: None })
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Read<U> {
        Read { value: change(self.value), received: self.received }
    }
}

/// A type that a field can have.
pub(crate) trait Wire: Sized + PartialEq {
    /// Whether a list of this type skips items that cannot be read. A list of bare values must not: positions count.
    const SKIPPED_IN_LISTS: bool = false;

    /// Reads the value; returns the value as the error where it has another type. Callers handle null themselves.
    fn read(value: Value) -> Result<Read<Self>, Value>;

    /// The JSON of the value.
    fn write(&self) -> Value;

    /// Serializes the same JSON as [`write`](Self::write), where possible without building a [`Value`] first.
    fn write_to<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write().serialize(serializer)
    }
}

/// Serializes a value by [`Wire::write_to`].
pub(crate) struct ByWire<'a, T>(pub(crate) &'a T);

impl<T: Wire> Serialize for ByWire<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write_to(serializer)
    }
}

/// The received forms of fields, where writing the field would give another form; by name.
pub(crate) type Received = Extra;

/// Reads the value of a field.
pub(crate) fn read_field<T: Wire + Default>(
    name: String,
    value: Value,
    extra: &mut Extra,
    received_forms: &mut Received,
) -> T {
    if value.is_null() {
        received_forms.insert(name, value);
        return T::default();
    }
    match T::read(value) {
        Ok(Read { value, received }) => {
            // A default is not written, so a received default must be kept.
            if let Some(received) = received.or_else(|| (value == T::default()).then(|| value.write())) {
                received_forms.insert(name, received);
            }
            value
        }
        Err(value) => {
            extra.insert(name, value);
            T::default()
        }
    }
}

/// Serializes a field of a message without extra fields and received forms.
pub(crate) fn serialize_field<T: Wire + Default, M: SerializeMap>(
    map: &mut M,
    name: &str,
    field: &T,
) -> Result<(), M::Error> {
    match *field == T::default() {
        true => Ok(()),
        false => map.serialize_entry(name, &ByWire(field)),
    }
}

/// Writes a field into an object that already has the extra fields.
pub(crate) fn write_field<T: Wire + Default>(
    object: &mut Extra,
    received_forms: &Received,
    name: &str,
    field: &T,
) {
    let is_set = *field != T::default();
    if !is_set && object.contains_key(name) {
        return;
    }
    let received = received_forms.get(name).filter(|value| {
        let read = if value.is_null() { None } else { T::read(Value::clone(value)).ok() };
        read.map(|read| read.value).unwrap_or_default() == *field
    });
    match received {
        Some(value) => drop(object.insert(name.to_owned(), value.clone())),
        None if is_set => drop(object.insert(name.to_owned(), field.write())),
        None => {}
    }
}

/// A message with the fields of an object merged in; a field of the object replaces that of the message. Null stands
/// for no fields.
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
        .with_help("pass a JSON object, for example `extra_query(json!({ \"top_k\": 3 }))`"))
}

/// Declares message structs with the JSON names of their fields, and implements reading and writing.
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
            /// Unknown fields, and known fields whose value could not be read. They are written back unchanged.
            pub extra: $crate::wire::Extra,
            pub(crate) received: $crate::wire::Received,
        }

        impl $crate::wire::Wire for $name {
            const SKIPPED_IN_LISTS: bool = true;

            fn read(value: serde_json::Value) -> Result<$crate::wire::Read<Self>, serde_json::Value> {
                let serde_json::Value::Object(object) = value else { return Err(value) };
                let mut message = Self::default();
                let Self { $( $field, )* extra, received } = &mut message;
                for (name, value) in object {
                    match name.as_str() {
                        $( $key => *$field = $crate::wire::read_field(name, value, extra, received), )*
                        _ => drop(extra.insert(name, value)),
                    }
                }
                $crate::wire::Read::exact(message)
            }

            fn write(&self) -> serde_json::Value {
                let mut object = self.extra.clone();
                $( $crate::wire::write_field(&mut object, &self.received, $key, &self.$field); )*
                serde_json::Value::Object(object)
            }

            fn write_to<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if !(self.extra.is_empty() && self.received.is_empty()) {
                    return serde::Serialize::serialize(&$crate::wire::Wire::write(self), serializer);
                }
                let mut map = serializer.serialize_map(None)?;
                $( $crate::wire::serialize_field(&mut map, $key, &self.$field)?; )*
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
                        "the value is not a ", stringify!($name)
                    ))),
                }
            }
        }
    };
}

/// Declares enums of words with a variant for unknown words. Reading ignores case.
macro_rules! open_enum {
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
            /// A value that this version does not know.
            Other(String),
        }

        impl $name {
            /// The value in JSON.
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
            fn read(received: serde_json::Value) -> Result<$crate::wire::Read<Self>, serde_json::Value> {
                let Some(word) = received.as_str() else { return Err(received) };
                let value = Self::from(word);
                let exact = value.as_str() == word;
                Ok($crate::wire::Read { value, received: (!exact).then_some(received) })
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

pub(crate) use {message, open_enum};
