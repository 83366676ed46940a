//! TOML: a parser finds the places, and only these places change.

use std::fmt::Write;
use std::ops::Range;

use toml_edit::{Document, InlineTable, Item, Table};

use super::{Addition, Content, Edit, Layout, Member, Value, find, line_end, lines_of, members_at};

/// The members of the text.
pub(super) fn read(text: &str) -> Result<Vec<Member>, String> {
    let document = Document::parse(text).map_err(|error| {
        let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        // The parser's own message shows the line, which can hold a secret.
        let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{line}not TOML: {}", error.message().replace('\n', ", "))
    })?;
    Ok(members(document.as_table()))
}

fn members(table: &Table) -> Vec<Member> {
    let mut members = Vec::new();
    for (key, item) in table {
        let key_span = table.key(key).and_then(toml_edit::Key::span).unwrap_or_default();
        let span = item.span().unwrap_or_else(|| key_span.clone());
        let member = |content, key_span: Range<usize>, span, layout| Member {
            key: key.to_owned(),
            content,
            key_span,
            span,
            layout,
        };
        members.push(match item {
            Item::Table(table) if table.is_dotted() => member(Content::Other, key_span, span, Layout::Entry),
            Item::Table(table) if table.is_implicit() => {
                member(Content::Table(self::members(table)), key_span, span, Layout::Implied)
            }
            Item::Table(table) => {
                let header = table.span().unwrap_or_else(|| key_span.clone());
                let content = Content::Table(self::members(table));
                member(content, header.start..header.start, header.start..header.start, Layout::Section)
            }
            Item::Value(toml_edit::Value::InlineTable(table)) => {
                member(inline(table), key_span, span, Layout::Inline)
            }
            Item::Value(value) => member(content(value), key_span, span, Layout::Entry),
            Item::ArrayOfTables(_) => member(Content::Other, key_span, span, Layout::Section),
            _ => member(Content::Other, key_span, span, Layout::Entry),
        });
    }
    members
}

fn inline(table: &InlineTable) -> Content {
    let member = |(key, value): (&str, &toml_edit::Value)| {
        let key_span = table.key(key).and_then(toml_edit::Key::span).unwrap_or_default();
        let span = value.span().unwrap_or_else(|| key_span.clone());
        Member { key: key.to_owned(), content: content(value), key_span, span, layout: Layout::Inline }
    };
    Content::Table(table.iter().map(member).collect())
}

fn content(value: &toml_edit::Value) -> Content {
    match value {
        toml_edit::Value::String(text) => Content::Value(Value::Text(text.value().clone())),
        toml_edit::Value::Integer(number) => match u32::try_from(*number.value()) {
            Ok(number) => Content::Value(Value::Number(number)),
            Err(_) => Content::Other,
        },
        toml_edit::Value::Array(array) => {
            let texts: Option<Vec<_>> = array.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            texts.map_or(Content::Other, |texts| Content::Value(Value::List(texts)))
        }
        toml_edit::Value::InlineTable(table) => inline(table),
        _ => Content::Other,
    }
}

/// Adds the lines to the table, or the table to the end of the text.
pub(super) fn add(text: &str, root: &[Member], addition: &Addition<'_>) -> Result<Vec<Edit>, String> {
    let end = line_end(text);
    let comment = addition.comment.map(|comment| format!("{comment}{end}")).unwrap_or_default();
    let lines: String = addition
        .entries
        .iter()
        .map(|(key, value)| format!("{} = {}{end}", rendered_key(key), rendered(value)))
        .collect();
    let table = find(root, addition.path);
    let exists = addition.path.is_empty() || table.is_some_and(|table| table.layout == Layout::Section);
    if exists {
        let entries = members_at(root, addition.path);
        let own = entries.iter().filter(|entry| matches!(entry.layout, Layout::Entry | Layout::Inline));
        let last = own.max_by_key(|entry| entry.span.end);
        let last = last.or(table).map(|last| lines_of(text, &last.key_span, &last.span).end);
        return Ok(vec![match last {
            Some(at) if text[..at].ends_with('\n') => Edit::insert(at, comment + &lines),
            Some(at) => Edit::insert(at, format!("{end}{comment}{lines}")),
            None if text.is_empty() => Edit::insert(0, comment + &lines),
            None => Edit::insert(0, format!("{comment}{lines}{end}")),
        }]);
    }
    let names: Vec<_> = addition.path.iter().map(|name| rendered_key(name)).collect();
    let section = format!("{comment}[{}]{end}{lines}", names.join("."));
    let gap = match text {
        "" => "",
        text if text.ends_with('\n') => end,
        _ => &end.repeat(2),
    };
    let edits = vec![Edit::insert(text.len(), format!("{gap}{section}"))];
    // A table that is written in one line, or with dotted keys, takes no further header.
    match read(&super::apply(text, &edits)) {
        Ok(_) => Ok(edits),
        Err(_) => Err(format!(
            "[{}] cannot be added, because the file writes a part of this name in another way: add the section by hand",
            names.join(".")
        )),
    }
}

/// A value as TOML.
pub(super) fn rendered(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Number(number) => number.to_string(),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| quoted(item)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entry =
                |(key, value): &(String, Value)| format!("{} = {}", rendered_key(key), rendered(value));
            let entries: Vec<_> = entries.iter().map(entry).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

fn rendered_key(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !key.is_empty() && key.bytes().all(is_bare) { key.to_owned() } else { quoted(key) }
}

/// A basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if character.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
