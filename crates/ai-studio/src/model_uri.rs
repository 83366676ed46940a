//! Model names: the folder completes a short name, and a URI stays as it is.

use crate::error::{Error, ErrorKind};

/// A model name, before the folder is known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Name<'a> {
    /// A URI: `gpt://…`.
    Uri(&'a str),
    /// `yandexgpt`, or `yandexgpt/rc`.
    Short { name: &'a str, version: &'a str },
}

impl<'a> Name<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Error> {
        let text = text.trim();
        let refuse = |why: &str| {
            Err(Error::new(ErrorKind::Invalid, format!("the model name {text:?} {why}")).with_help(
                "use a name such as `yandexgpt` or `yandexgpt/rc`, or a URI such as `gpt://<folder>/yandexgpt/latest`",
            ))
        };
        if text.is_empty() {
            return refuse("is empty");
        }
        if text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return refuse("contains whitespace or a control character");
        }
        if text.contains("://") {
            return Ok(Self::Uri(text));
        }
        let (name, version) = text.split_once('/').unwrap_or((text, "latest"));
        if name.is_empty() || version.is_empty() || version.contains('/') {
            return refuse("is neither `name` nor `name/version`");
        }
        Ok(Self::Short { name, version })
    }

    /// The URI in this folder.
    pub(crate) fn in_folder(&self, scheme: &str, folder: &str) -> String {
        match self {
            Self::Uri(uri) => (*uri).to_owned(),
            Self::Short { name, version } => format!("{scheme}://{folder}/{name}/{version}"),
        }
    }
}

/// The short names of the embedding models in the Python SDK, resolved.
pub(crate) fn embedding_model(name: &str) -> &str {
    match name {
        "doc" => "text-search-doc",
        "query" => "text-search-query",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn completes_short_names_and_keeps_uris() {
        for (text, uri) in [
            ("yandexgpt", "gpt://b1g/yandexgpt/latest"),
            ("yandexgpt/rc", "gpt://b1g/yandexgpt/rc"),
            ("yandexgpt/latest@tamr123", "gpt://b1g/yandexgpt/latest@tamr123"),
            (" gemma-3-27b-it ", "gpt://b1g/gemma-3-27b-it/latest"),
            ("gpt://other/yandexgpt/rc", "gpt://other/yandexgpt/rc"),
            ("ds://fine-tuned", "ds://fine-tuned"),
        ] {
            assert_eq!(Name::parse(text).unwrap().in_folder("gpt", "b1g"), uri, "{text}");
        }
    }

    #[test]
    fn rejects_malformed_names() {
        for text in ["", "  ", "a b", "a\nb", "/latest", "a/", "a/b/c", "a//"] {
            let error = Name::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{text:?}");
            assert!(error.help().is_some());
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = Name::parse(&text).map(|name| name.in_folder("gpt", "b1g"));
        }
    }
}
