//! The model in the body of a request: found without reading the whole body, and written as AI Studio wants it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How the URI of a model begins, for embeddings and for everything else.
const EMBEDDINGS: &str = "emb://";
const GENERATION: &str = "gpt://";

/// What a body says.
#[derive(Debug, PartialEq)]
pub(super) struct Body {
    pub(super) model: Found,
    /// Whether the client wants the answer as a stream of events.
    pub(super) streams: bool,
}

/// What a body says about the model.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// The body is no JSON object, or has no model as far as it was read.
    Nothing,
    /// The name, and where its JSON text stands in the body.
    Name(String, Range<usize>),
    /// The value is not a string.
    NotText,
    /// The model is there twice: services differ in which one counts.
    Twice,
}

/// Looks at the object at the start of a body. The rest of the body may be missing.
pub(super) fn find(body: &[u8]) -> Body {
    let mut search = Search::default();
    let mut json = serde_json::Deserializer::from_slice(body);
    // A body that ends early, or that is no JSON: what was found before counts. The service tells about the rest.
    let _ = json.deserialize_map(&mut search);
    Body { model: model(body, &search.models), streams: search.streams }
}

fn model(body: &[u8], values: &[&RawValue]) -> Found {
    let value = match values {
        [] => return Found::Nothing,
        [value] => value.get(),
        _ => return Found::Twice,
    };
    let Ok(name) = serde_json::from_str::<String>(value) else { return Found::NotText };
    // The value is a part of the body.
    let start = value.as_ptr().addr() - body.as_ptr().addr();
    Found::Name(name, start..start + value.len())
}

/// The URI that a bare name stands for. `Err` if the folder is needed and not known; `None` if the name is a URI already.
pub(super) fn uri(
    name: &str,
    path: &str,
    folder: Option<&str>,
    models: &BTreeMap<String, String>,
) -> Result<Option<String>, NoFolder> {
    let known = models.get(name).map(String::as_str);
    let wanted = known.unwrap_or(name);
    if wanted.contains("://") {
        return Ok(known.map(str::to_owned));
    }
    let folder = folder.ok_or(NoFolder)?;
    let scheme = if path.ends_with("/embeddings") { EMBEDDINGS } else { GENERATION };
    // A version may follow the name.
    let version = if wanted.contains('/') { "" } else { "/latest" };
    Ok(Some(format!("{scheme}{folder}/{wanted}{version}")))
}

/// A bare name needs a folder.
#[derive(Debug, PartialEq)]
pub(super) struct NoFolder;

/// The body with another text in place of the name.
pub(super) fn replaced(body: &[u8], place: Range<usize>, uri: &str) -> Vec<u8> {
    let uri = serde_json::Value::from(uri).to_string();
    [&body[..place.start], uri.as_bytes(), &body[place.end..]].concat()
}

/// Collects what is looked for at the top of an object.
#[derive(Default)]
struct Search<'a> {
    models: Vec<&'a RawValue>,
    streams: bool,
}

impl<'a> Visitor<'a> for &mut Search<'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key()? {
            match key {
                Key::Model => self.models.push(map.next_value()?),
                Key::Stream => self.streams = map.next_value::<&RawValue>()?.get() == "true",
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A key of an object. It is not copied.
enum Key {
    Model,
    Stream,
    Other,
}

impl<'a> Deserialize<'a> for Key {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Key;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(match key {
                    "model" => Key::Model,
                    "stream" => Key::Stream,
                    _ => Key::Other,
                })
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(body: &str) -> Option<(String, &str)> {
        match find(body.as_bytes()).model {
            Found::Name(name, place) => Some((name, &body[place])),
            _ => None,
        }
    }

    #[test]
    fn the_model_is_found_at_the_top_of_the_object_alone() {
        for (body, expected) in [
            (r#"{"model":"a"}"#, "a"),
            (r#" { "x" : {"model":"no"}, "y":["model"], "model" : "a" , "z":1}"#, "a"),
            (r#"{"mod\u0065l":"a\u002fb"}"#, "a/b"),
            // The rest has not arrived.
            (r#"{"model":"a","messages":[{"con"#, "a"),
        ] {
            let (found, text) = name(body).unwrap_or_else(|| panic!("{body}"));
            assert_eq!((found.as_str(), text.starts_with('"')), (expected, true), "{body}");
        }
        for body in [
            "",
            "[]",
            r#"["model","a"]"#,
            r#"{"x":{"model":"a"}}"#,
            r#"{"model":"a"#,
            r#"{"model"#,
            "\u{feff}{}",
            r#"{"Model":"a"}"#,
            r#""model""#,
            "null",
        ] {
            assert_eq!(find(body.as_bytes()).model, Found::Nothing, "{body}");
        }
        for body in [r#"{"model":5}"#, r#"{"model":null,"#, r#"{"model":["a"]}"#] {
            assert_eq!(find(body.as_bytes()).model, Found::NotText, "{body}");
        }
        assert_eq!(find(br#"{"model":"a","model":"gpt://f/b"}"#).model, Found::Twice);
    }

    #[test]
    fn a_stream_is_asked_for_by_true_alone() {
        for (body, streams) in [
            (r#"{"stream":true}"#, true),
            (r#"{"model":"a","stream" : true ,"#, true),
            (r#"{"stream":false}"#, false),
            (r#"{"stream":"true"}"#, false),
            (r#"{"x":{"stream":true}}"#, false),
        ] {
            assert_eq!(find(body.as_bytes()).streams, streams, "{body}");
        }
    }

    #[test]
    fn a_body_that_is_nested_deep_costs_no_stack() {
        let deep = format!("{{\"x\":{}{},\"model\":\"a\"}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(name(&deep).unwrap().0, "a");
    }

    #[test]
    fn a_bare_name_becomes_a_uri_of_the_folder() {
        let models = BTreeMap::from([
            ("gpt-4o".to_owned(), "yandexgpt".to_owned()),
            ("tuned".to_owned(), "gpt://b1gother/tuned/latest@x".to_owned()),
        ]);
        let uri = |name, path| uri(name, path, Some("b1gfake"), &models).unwrap();
        let chat = "/v1/chat/completions";
        for (name, path, expected) in [
            ("yandexgpt", chat, Some("gpt://b1gfake/yandexgpt/latest")),
            ("yandexgpt/rc", chat, Some("gpt://b1gfake/yandexgpt/rc")),
            ("gpt-4o", chat, Some("gpt://b1gfake/yandexgpt/latest")),
            ("tuned", chat, Some("gpt://b1gother/tuned/latest@x")),
            ("text-search-doc", "/v1/embeddings", Some("emb://b1gfake/text-search-doc/latest")),
            ("gpt://b1gother/x/latest", chat, None),
            ("emb://b1gother/x/latest", "/v1/embeddings", None),
        ] {
            assert_eq!(uri(name, path).as_deref(), expected, "{name} {path}");
        }
        assert_eq!(super::uri("yandexgpt", chat, None, &models), Err(NoFolder));
        assert_eq!(super::uri("gpt://f/x", chat, None, &models), Ok(None));
    }

    #[test]
    fn only_the_name_is_replaced() {
        let body = r#"{"messages":[{"role":"user"}], "model" : "a\"b" ,"stream":true}"#;
        let Found::Name(_, place) = find(body.as_bytes()).model else { panic!("{body}") };
        let replaced = String::from_utf8(replaced(body.as_bytes(), place, "gpt://f/\"/latest")).unwrap();
        assert_eq!(
            replaced,
            r#"{"messages":[{"role":"user"}], "model" : "gpt://f/\"/latest" ,"stream":true}"#
        );
    }
}
