//! The part of YAML that yc's configuration needs: texts and mappings, in bounded size, from the events of the parser.
//!
//! Anchors, aliases and tags are refused, because with them a short text can become a large value. An error gives the
//! position only, because the text is full of secrets.

use std::collections::BTreeMap;

use yaml_rust2::Event;
use yaml_rust2::parser::Parser;
use yaml_rust2::scanner::TScalarStyle;
use zeroize::Zeroizing;

const MAX_DEPTH: usize = 16;

/// A value. Every scalar is a text, except a plain null.
#[derive(PartialEq)]
pub(super) enum Node {
    Null,
    Text(Zeroizing<String>),
    /// The items of a list are never needed.
    List,
    Map(Map),
}

pub(super) type Map = BTreeMap<String, Node>;

/// A list or a mapping whose end is not reached yet.
enum Open {
    List,
    /// The entries so far, and the key whose value comes next.
    Map(Map, Option<String>),
}

/// Parses one document. An empty document is a null.
///
/// # Errors
/// The reason and the position, without any of the text.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    let mut parser = Parser::new_from_str(text);
    let (mut open, mut root) = (Vec::new(), None);
    loop {
        let (event, mark) = parser.next_token().map_err(|error| {
            format!("not YAML at line {}, column {}", error.marker().line(), error.marker().col() + 1)
        })?;
        let wrong = |what: &str| format!("{what} at line {}, column {}", mark.line(), mark.col() + 1);
        let node = match event {
            Event::StreamEnd => return Ok(root.unwrap_or(Node::Null)),
            Event::DocumentStart if root.is_some() => return Err(wrong("a second document")),
            Event::Nothing | Event::StreamStart | Event::DocumentStart | Event::DocumentEnd => continue,
            Event::Alias(_) => return Err(wrong("an alias")),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => return Err(wrong("a tag")),
            Event::Scalar(_, _, 1.., None)
            | Event::SequenceStart(1.., None)
            | Event::MappingStart(1.., None) => return Err(wrong("an anchor")),
            // The depth is bounded, because dropping a deeply nested value would overflow the stack.
            Event::SequenceStart(0, None) | Event::MappingStart(0, None) if open.len() >= MAX_DEPTH => {
                return Err(wrong("too deep"));
            }
            Event::SequenceStart(0, None) => {
                open.push(Open::List);
                continue;
            }
            Event::MappingStart(0, None) => {
                open.push(Open::Map(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List) => Node::List,
                Some(Open::Map(entries, _)) => Node::Map(entries),
                None => return Err(wrong("an end without a beginning")),
            },
            Event::Scalar(text, style, 0, None) => {
                let text = Zeroizing::new(text);
                let null = style == TScalarStyle::Plain && matches!(text.as_str(), "" | "~" | "null");
                if null { Node::Null } else { Node::Text(text) }
            }
        };
        match open.last_mut() {
            None => root = Some(node),
            Some(Open::List) => {}
            Some(Open::Map(entries, key)) => match (key.take(), node) {
                (Some(key), node) => drop(entries.insert(key, node)),
                // Which of two values yc uses is not documented, and they may be two identities.
                (None, Node::Text(name)) if entries.contains_key(name.as_str()) => {
                    return Err(wrong("a duplicate key"));
                }
                (None, Node::Text(name)) => *key = Some(name.as_str().to_owned()),
                (None, _) => return Err(wrong("a key that is not a text")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_texts_and_mappings() {
        let yaml =
            "a:\n  b: 0123\n  c: 'null'\n  d: |\n    x\n    y\n  e: no\n  f: [1, {g: 2}]\nh: null\ni: {}\n";
        let Ok(Node::Map(root)) = parse(yaml) else { panic!("no mapping") };
        let Some(Node::Map(a)) = root.get("a") else { panic!("no mapping") };
        for (key, value) in [("b", "0123"), ("c", "null"), ("d", "x\ny\n"), ("e", "no")] {
            assert!(matches!(a.get(key), Some(Node::Text(text)) if text.as_str() == value), "{key}");
        }
        assert!(a.get("f") == Some(&Node::List));
        assert!(root.get("h") == Some(&Node::Null));
        assert!(root.get("i") == Some(&Node::Map(Map::new())));
        assert!(parse("") == Ok(Node::Null));
    }

    #[test]
    fn refuses_what_could_grow_or_mislead() {
        let bomb = (1..10).fold("a0: &a0 [x]\n".to_owned(), |text, at| {
            let before = format!("*a{},", at - 1).repeat(10);
            format!("{text}a{at}: &a{at} [{before}]\n")
        });
        let (deep, brackets) = ("- ".repeat(100), "[".repeat(100_000));
        let flow = format!("a: {}x{}", "{b: ".repeat(20), "}".repeat(20));
        for (yaml, reason) in [
            ("a: &x 1\nb: *x", "an anchor at line 1"),
            ("a: &x [1]", "an anchor"),
            ("a: &x {b: 1}", "an anchor"),
            ("a: 1\nb: *x", "not YAML at line 2"),
            (bomb.as_str(), "an anchor"),
            ("a: !local x", "a tag"),
            ("a: !!set {}", "a tag"),
            ("a: !!binary aGk=", "a tag"),
            ("a: 1\na: 2", "a duplicate key at line 2"),
            ("? [a]\n: 1", "a key that is not a text"),
            ("a: 1\n---\nb: 2", "a second document"),
            (deep.as_str(), "too deep"),
            (flow.as_str(), "too deep"),
            (brackets.as_str(), "not YAML"),
            ("a: 'HUSH", "not YAML"),
            ("a: HUSH: HUSH", "not YAML"),
        ] {
            let Err(error) = parse(yaml) else { panic!("{yaml} was read") };
            assert!(error.contains(reason), "{error}");
            assert!(!error.contains("HUSH"), "{error}");
        }
    }

    #[test]
    fn many_keys_are_read_in_no_time() {
        let many: String = (0..50_000).map(|at| format!("k{at}: 1\n")).collect();
        assert!(matches!(parse(&many), Ok(Node::Map(entries)) if entries.len() == 50_000));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(\\PC|\n|\t|[-:?&*!|>'\"{}\\[\\]#%@`, ]){0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_configuration_like_text_panics(
            lines in prop::collection::vec(" {0,6}(- )?[a-z-]{0,8}:? ?(&a|\\*a|!t|\\||>|'|\"|\\[|\\{|~|[a-z0-9._]{0,8})", 0..20),
        ) {
            let _ = parse(&lines.join("\n"));
        }
    }
}
