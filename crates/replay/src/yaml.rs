//! The subset of YAML that recordings use. Aliases and tags other than `!!binary` are refused. Size and depth are
//! limited.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use yaml_rust2::Event;
use yaml_rust2::parser::{Parser, Tag};
use yaml_rust2::scanner::TScalarStyle;

const MAX_DEPTH: usize = 32;
const MAX_NODES: usize = 1 << 20;

/// A YAML value. Every scalar except a plain null is text: recordings need no numbers.
#[derive(Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            Self::Null | Self::Text(_) | Self::Bytes(_) | Self::List(_) => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bytes(_) | Self::List(_) | Self::Map(_) => None,
        }
    }
}

/// A collection whose end event has not come yet.
enum Open {
    List(Vec<Node>),
    /// The complete entries, and the key whose value comes next.
    Map(Vec<(String, Node)>, Option<String>),
}

pub(crate) fn read(text: &str) -> Result<Node, String> {
    let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let (mut open, mut root, mut nodes) = (Vec::new(), None, 0_usize);
    loop {
        // The text of the parser's error quotes the document, which can hold a secret. The position does not.
        let (event, mark) = parser.next_token().map_err(|error| {
            format!("not YAML at line {}, column {}", error.marker().line(), error.marker().col() + 1)
        })?;
        let invalid = |what: &str| format!("{what} at line {}, column {}", mark.line(), mark.col() + 1);
        nodes += 1;
        if nodes > MAX_NODES || open.len() > MAX_DEPTH {
            return Err(invalid("too many values, or nested too deep"));
        }
        let node = match event {
            Event::StreamEnd => break,
            Event::DocumentStart if root.is_some() => return Err(invalid("a second document")),
            Event::Nothing | Event::StreamStart | Event::DocumentStart | Event::DocumentEnd => continue,
            Event::Alias(_) => return Err(invalid("an alias")),
            Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(invalid("a tag"));
            }
            Event::SequenceStart(_, None) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(_, None) => {
                open.push(Open::Map(Vec::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Node::List(items),
                Some(Open::Map(entries, _)) => Node::Map(entries),
                None => return Err(invalid("an end without a start")),
            },
            Event::Scalar(text, style, _, tag) => scalar(text, style, tag).map_err(invalid)?,
        };
        match open.last_mut() {
            None => root = Some(node),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map(entries, key)) => match (key.take(), node) {
                (Some(key), node) => entries.push((key, node)),
                (None, Node::Text(name)) if entries.iter().any(|(known, _)| *known == name) => {
                    return Err(invalid("a duplicate key"));
                }
                (None, Node::Text(name)) => *key = Some(name),
                (None, _) => return Err(invalid("a key that is not text")),
            },
        }
    }
    root.ok_or_else(|| "the document is empty".to_owned())
}

fn scalar(text: String, style: TScalarStyle, tag: Option<Tag>) -> Result<Node, &'static str> {
    match tag {
        None if style == TScalarStyle::Plain && matches!(text.as_str(), "" | "~" | "null") => Ok(Node::Null),
        None => Ok(Node::Text(text)),
        Some(tag) if tag.suffix == "binary" => {
            let letters: String = text.split_whitespace().collect();
            STANDARD.decode(letters).map(Node::Bytes).map_err(|_| "a binary value that is not base64")
        }
        Some(_) => Err("a tag"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    #[test]
    fn reads_the_yaml_of_recordings() {
        let yaml = "a:\n- 'it''s\n  folded'\n- \"\\U0001F60A\\n\\\n  \\ joined\"\nb: null\nc: 200\nd: 'null'\n\
                    e: !!binary |\n  aGVs\n  bG8=\nf: {}\n";
        let node = read(yaml).unwrap();
        assert_eq!(
            node.get("a").unwrap(),
            &Node::List(vec![text("it's folded"), text("\u{1F60A}\n joined")])
        );
        assert_eq!(node.get("b"), Some(&Node::Null));
        assert_eq!((node.get("c"), node.get("d")), (Some(&text("200")), Some(&text("null"))));
        assert_eq!(node.get("e"), Some(&Node::Bytes(b"hello".to_vec())));
        assert_eq!(node.get("f"), Some(&Node::Map(Vec::new())));
    }

    #[test]
    fn refuses_aliases_tags_duplicate_keys_and_deep_nesting() {
        let (deep, brackets) = ("- ".repeat(100), "[".repeat(100_000));
        for (yaml, reason) in [
            ("a: &x 1\nb: *x", "an alias"),
            ("a: !local x", "a tag"),
            ("a: !!set {}", "a tag"),
            ("a: 1\na: 2", "a duplicate key"),
            ("? [a]\n: 1", "a key that is not text"),
            ("a: 1\n---\nb: 2", "a second document"),
            ("a: !!binary '***'", "a binary value that is not base64"),
            (deep.as_str(), "nested too deep"),
            (brackets.as_str(), "not YAML"),
            ("a: 'open", "not YAML"),
            ("", "the document is empty"),
        ] {
            let error = read(yaml).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
