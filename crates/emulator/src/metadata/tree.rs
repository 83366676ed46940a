//! Directories and values, and their forms: a list or a value as text, JSON, and one line for each value.

use std::fmt::Write;

use serde_json::{Map, Value, json};

pub(super) enum Node {
    Directory(Names, Vec<(String, Node)>),
    Text(String),
    /// A number in JSON.
    Number(u64),
    /// Several values in one key: one a line as text, a list in JSON.
    List(Vec<String>),
    /// The token of a service account, which no directory contains as JSON.
    Token,
}

/// What the names of a directory become in JSON.
#[derive(Clone, Copy)]
pub(super) enum Names {
    /// Fields: `network-interfaces` becomes `networkInterfaces`.
    Fields,
    /// Keys that a user has chosen, or ids: they stay as they are.
    Keys,
    /// The names are the numbers of a list.
    Numbers,
}

impl Node {
    /// A directory of documented names.
    pub(super) fn directory<I, S>(entries: I) -> Self
    where
        I: IntoIterator<Item = (S, Self)>,
        S: Into<String>,
    {
        Self::of(Names::Fields, entries)
    }

    /// A directory of names that stay as they are in JSON.
    pub(super) fn keys<I, S>(entries: I) -> Self
    where
        I: IntoIterator<Item = (S, Self)>,
        S: Into<String>,
    {
        Self::of(Names::Keys, entries)
    }

    /// A directory with the names `0`, `1` and so on.
    pub(super) fn numbered(entries: impl IntoIterator<Item = Self>) -> Self {
        let entries = entries.into_iter().enumerate();
        Self::of(Names::Numbers, entries.map(|(number, entry)| (number.to_string(), entry)))
    }

    pub(super) fn text_of(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn of<I, S>(names: Names, entries: I) -> Self
    where
        I: IntoIterator<Item = (S, Self)>,
        S: Into<String>,
    {
        Self::Directory(names, entries.into_iter().map(|(name, entry)| (name.into(), entry)).collect())
    }

    pub(super) fn is_directory(&self) -> bool {
        matches!(self, Self::Directory(..))
    }

    pub(super) fn find<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> Option<&Self> {
        names.try_fold(self, |node, wanted| match node {
            Self::Directory(_, entries) => {
                entries.iter().find(|(name, _)| name == wanted).map(|(_, entry)| entry)
            }
            _ => None,
        })
    }

    /// The names of a directory, one a line, with a slash after those of directories; or the value without a newline.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Directory(..) => self.names().iter().map(|name| format!("{name}\n")).collect(),
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::List(items) => items.join("\n"),
            Self::Token => String::new(),
        }
    }

    /// The value; or the whole directory if `recursive`, else its names.
    pub(super) fn json(&self, recursive: bool) -> Value {
        match self {
            Self::Directory(..) if !recursive => json!(self.names()),
            Self::Directory(Names::Numbers, entries) => {
                entries.iter().map(|(_, entry)| entry.json(true)).collect()
            }
            Self::Directory(names, entries) => {
                let values = entries.iter().filter(|(_, entry)| !matches!(entry, Self::Token));
                let values = values.map(|(name, entry)| {
                    let name = if matches!(names, Names::Fields) { camel_case(name) } else { name.clone() };
                    (name, entry.json(true))
                });
                Value::Object(values.collect::<Map<_, _>>())
            }
            Self::Text(text) => json!(text),
            Self::Number(number) => json!(number),
            Self::List(items) => json!(items),
            Self::Token => Value::Null,
        }
    }

    /// All values, each with its path, one a line. Google's service has this form of a directory; Yandex Cloud
    /// documents no form for `recursive=true&alt=text`.
    pub(super) fn lines(&self) -> String {
        if !self.is_directory() {
            return self.text();
        }
        let mut lines = String::new();
        self.write_lines("", &mut lines);
        lines
    }

    fn write_lines(&self, path: &str, lines: &mut String) {
        match self {
            Self::Directory(_, entries) => {
                for (name, entry) in entries {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                    entry.write_lines(&path, lines);
                }
            }
            Self::List(items) => {
                for item in items {
                    let _ = writeln!(lines, "{path} {item}");
                }
            }
            Self::Token => {}
            Self::Text(_) | Self::Number(_) => {
                let _ = writeln!(lines, "{path} {}", self.text());
            }
        }
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Directory(_, entries) => {
                let slash = |entry: &Self| if entry.is_directory() { "/" } else { "" };
                entries.iter().map(|(name, entry)| format!("{name}{}", slash(entry))).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.extend(letters);
        name
    })
}
