//! What is around a text: quotes and encodings. [`unwrap`] takes off two layers at most, and never chooses between two
//! texts.

use zeroize::Zeroizing;

use super::kind::{Kind, Layer};

/// How many layers are taken off.
const MOST: usize = 2;

/// The longest text that is read. A key has about 3 KiB.
pub(crate) const MAX_TEXT: usize = 64 << 10;

/// A text without what was around it.
pub(super) struct Unwrapped {
    pub(super) kind: Kind,
    pub(super) text: Zeroizing<String>,
    pub(super) layers: Vec<Layer>,
}

/// Takes off what is around a text. The kind is `Wrapped` if more than one text is inside, or more than two layers are
/// around it.
pub(super) fn unwrap(raw: &str) -> Unwrapped {
    let mut text = Zeroizing::new(bare(raw).to_owned());
    let mut layers = Vec::new();
    loop {
        match Kind::of(&text) {
            Kind::Wrapped(layer, mut inner) if inner.len() == 1 && layers.len() < MOST => {
                layers.push(layer);
                let inner = inner.remove(0);
                text = Zeroizing::new(bare(&inner).to_owned());
            }
            kind => return Unwrapped { kind, text, layers },
        }
    }
}

/// The text without white space and a byte order mark around it.
fn bare(text: &str) -> &str {
    text.trim_matches(|next: char| next.is_whitespace() || next == '\u{feff}')
}

/// The pairs of quotes, as shells, editors and languages write them. A backslash comes before a quote that a program
/// has escaped.
const QUOTES: [(&str, &str); 15] = [
    ("\\\"", "\\\""),
    ("\\'", "\\'"),
    ("\"", "\""),
    ("'", "'"),
    ("`", "`"),
    ("\u{201c}", "\u{201d}"),
    ("\u{201e}", "\u{201c}"),
    ("\u{201e}", "\u{201d}"),
    ("\u{201d}", "\u{201d}"),
    ("\u{201c}", "\u{201c}"),
    ("\u{2018}", "\u{2019}"),
    ("\u{2019}", "\u{2019}"),
    ("\u{201a}", "\u{2018}"),
    ("\u{ab}", "\u{bb}"),
    ("\u{2033}", "\u{2033}"),
];

/// The text in a pair of quotes. A string of JSON with escapes in it is read as JSON.
pub(super) fn quoted(text: &str) -> Option<(Layer, Zeroizing<String>)> {
    // A token has no escapes, so what a program escaped is read as a string of JSON.
    if text.starts_with('"') && text.contains('\\') && text.ends_with('"') {
        let inner = serde_json::from_str::<String>(text).map(Zeroizing::new);
        if let Ok(inner) = inner {
            return Some((Layer::String, inner));
        }
    }
    for (begin, end) in QUOTES {
        let inner = text.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
        // The second pair of quotes in `"a" and "b"` does not close the first one.
        if let Some(inner) = inner.filter(|inner| begin.len() > 1 || is_one_text(inner, begin)) {
            return Some((Layer::Quotes, Zeroizing::new(inner.to_owned())));
        }
    }
    None
}

/// Whether a quoted text does not end and begin again. JSON in quotes has quotes of its own.
fn is_one_text(inner: &str, quote: &str) -> bool {
    let bare = inner.trim_matches(|next: char| next.is_whitespace() || "\"'`\\\u{feff}".contains(next));
    bare.starts_with(['{', '[']) || !bare.contains(quote)
}
