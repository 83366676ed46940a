//! The tree of paths, as text and as JSON.

use serde_json::{Value, json};

/// What a path leads to.
pub(super) enum Node {
    Directory(Vec<(String, Node)>),
    Text(String),
    List(Vec<String>),
    Token,
}

impl Node {
    pub(super) fn directory(children: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        Self::Directory(children.into_iter().map(|(name, node)| (name.to_owned(), node)).collect())
    }

    /// One line each; a directory ends in a slash.
    pub(super) fn lines(&self) -> String {
        match self {
            Self::Text(value) => value.clone(),
            Self::Token => String::new(),
            Self::List(values) => values.iter().map(|value| format!("{value}\n")).collect(),
            Self::Directory(children) => children
                .iter()
                .map(|(name, node)| match node {
                    Self::Directory(_) => format!("{name}/\n"),
                    _ => format!("{name}\n"),
                })
                .collect(),
        }
    }

    /// The tree without tokens, in the names that Google's clients read.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Text(value) => json!(value),
            Self::List(values) => json!(values),
            Self::Token => Value::Null,
            Self::Directory(children) => children
                .iter()
                .filter(|(_, node)| !matches!(node, Self::Token))
                .map(|(name, node)| (camel(name), node.json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// `service-accounts` as `serviceAccounts`.
fn camel(name: &str) -> String {
    let mut words = name.split('-');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.extend(letters);
    }
    camel
}
