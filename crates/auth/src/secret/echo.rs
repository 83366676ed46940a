//! Finds a known secret in text from outside, also where the text has folded or escaped the secret.
//!
//! A server that repeats a secret may have broken the secret into lines, as e-mail, base64 and YAML do, or escaped its
//! characters for JSON, a URL or HTML. A part of the secret must not stay.

use super::redact::masked;

/// The longest output, in bytes. Much more than an error shows, and little enough to search for long secrets.
const MAX_OUTPUT: usize = 16 << 10;

/// Shorter values are words that stand in texts by chance.
const MIN_SECRET: usize = 4;

/// Masks each of these secrets wherever `text` repeats it. Text after the first 16 KiB is dropped.
pub(super) fn mask(text: &str, secrets: &[&str]) -> String {
    let secrets: Vec<_> = secrets.iter().filter(|secret| secret.len() >= MIN_SECRET).collect();
    let mut masked_text = String::with_capacity(text.len().min(MAX_OUTPUT));
    let mut rest = text;
    while let Some(character) = rest.chars().next()
        && masked_text.len() < MAX_OUTPUT
    {
        let found = secrets.iter().filter_map(|secret| Some((repetition(rest, secret)?, secret)));
        match found.max_by_key(|(length, _)| *length) {
            Some((length, secret)) => {
                masked_text.push_str(&masked(secret));
                rest = &rest[length..];
            }
            None => {
                masked_text.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
    }
    masked_text
}

/// The length of the repetition of `secret` at the beginning of `text`.
fn repetition(text: &str, secret: &str) -> Option<usize> {
    if text.starts_with(secret) {
        return Some(secret.len());
    }
    let text = text.as_bytes();
    let mut at = 0;
    for (index, expected) in secret.bytes().enumerate() {
        let length = loop {
            let rest = &text[at..];
            match written(rest, expected) {
                Some(length) => break length,
                // Inside the secret only: what stands before it is not a part of it.
                None if index > 0 => at += gap(rest)?,
                None => return None,
            }
        };
        at += length;
    }
    // Each byte of the secret was found, so `at` is behind a whole character.
    Some(at)
}

/// The length of one byte of a secret at the beginning of `text`: as it is, or escaped.
fn written(text: &[u8], expected: u8) -> Option<usize> {
    let (byte, length) = escape(text).unwrap_or((*text.first()?, 1));
    if byte == expected {
        return Some(length);
    }
    (text[0] == expected).then_some(1)
}

/// The length of what a server has put inside a secret: a line break, plain or escaped, with the space that continues
/// the next line; or a quote, plain or escaped, where a string ends and the next one goes on.
fn gap(text: &[u8]) -> Option<usize> {
    let is_break = |byte: u8| matches!(byte, b'\r' | b'\n' | b'"' | b'\'');
    let length = match text {
        // Quoted-printable ends a line that goes on with `=`.
        [b'=', b'\r', b'\n', ..] => 3,
        [b'=', b'\n', ..] => 2,
        [byte, ..] if is_break(*byte) => 1,
        // YAML ends a line that goes on with a backslash.
        [b'\\', b'\r' | b'\n', ..] => 2,
        _ => escape(text).filter(|(byte, _)| is_break(*byte))?.1,
    };
    let space = text[length..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    Some(length + space)
}

/// The byte that an escape at the beginning of `text` stands for, and the length of the escape: `%3D`, also escaped
/// again as `%253D`; one or more backslashes with `n`, `r`, `x3d`, `u003d` or the character itself; `&#61;`, `&#x3d;`
/// and the named entities of HTML.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    match text.first()? {
        b'%' => {
            let mut at = 1;
            while text[at..].starts_with(b"25") {
                at += 2;
            }
            match number(text.get(at..at + 2)?, 16) {
                Some(byte) => Some((byte, at + 2)),
                None if at > 1 => Some((b'%', at)),
                None => None,
            }
        }
        b'\\' => {
            let slashes = text.iter().take_while(|byte| **byte == b'\\').count();
            let hex = |digits: usize| {
                let byte = number(text.get(slashes + 1..slashes + 1 + digits)?, 16)?;
                Some((byte, slashes + 1 + digits))
            };
            match text.get(slashes) {
                Some(b'n') => Some((b'\n', slashes + 1)),
                Some(b'r') => Some((b'\r', slashes + 1)),
                Some(b'x') => hex(2),
                Some(b'u') => hex(4),
                Some(byte @ (b'/' | b'"' | b'\'')) => Some((*byte, slashes + 1)),
                _ => (slashes > 1).then_some((b'\\', 2)),
            }
        }
        b'&' => {
            let length = text.iter().take(10).position(|byte| *byte == b';')? + 1;
            let byte = match &text[1..length - 1] {
                b"amp" => b'&',
                b"lt" => b'<',
                b"gt" => b'>',
                b"quot" => b'"',
                [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
                [b'#', digits @ ..] => number(digits, 10)?,
                _ => return None,
            };
            Some((byte, length))
        }
        _ => None,
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u8::try_from(u32::from_str_radix(digits, radix).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_secret_is_masked_however_it_is_repeated() {
        let secret = "AbC~d/e+f=g";
        for repeated in [
            "AbC~d/e+f=g",
            "AbC~d/\ne+f=g",
            "AbC~d/\r\n  e+f=g",
            "A\nb\nC\n~\nd\n/\ne\n+\nf\n=\ng",
            r"AbC~d\/e+f=g",
            r"AbC~d/\ne+f=g",
            r"AbC~d/\\r\\n  e+f=g",
            r"AbC~d/e\u002bf\u003dg",
            r"AbC~d/e\x2bf\x3dg",
            r"AbC~d/\u000ae+f=g",
            "AbC%7Ed%2Fe%2Bf%3Dg",
            "AbC%7ed%2fe%2bf%3dg",
            "AbC%257Ed%252Fe%252Bf%253Dg",
            "AbC~d/%0D%0Ae+f=g",
            "AbC~d/=\r\ne+f=3Dg".replace("=3D", "=").as_str(),
            r#"AbC~d/\"e+f=g"#,
            r#"AbC~d/\\\"e+f=g"#,
            "AbC~d/\" \"e+f=g",
            "AbC~d/\"\n  \"e+f=g",
            "AbC~d/\\\n  e+f=g",
            "AbC&#126;d&#x2F;e&#43;f&#x3d;g",
            "AbC~d/&#10;e+f=g",
        ] {
            assert_eq!(mask(&format!("no: {repeated}, sorry"), &[secret]), "no: ***, sorry", "{repeated:?}");
        }
        for other in ["AbC~d/e+f=", "AbC~d/ e+f=g", "abC~d/e+f=g", "AbC~d/e+f=G", "\nAbC~d\n"] {
            assert_eq!(mask(other, &[secret]), other);
        }
        assert_eq!(mask(r#"a\b"c a\\b\"c"#, &[r#"a\b"c"#]), "*** ***");
        assert_eq!(mask("abc abcd", &["abc", "abcd"]), "abc ***", "a short value stays");
        assert_eq!(mask("t1.abcdef t1.abc\ndef", &["t1.abcdef"]), "t1.*** t1.***");
        assert_eq!(mask("%", &["%%%%"]), "%");
    }

    proptest! {
        #[test]
        fn no_part_of_a_folded_or_escaped_secret_stays(
            secret in "[B-W][A-Z]{3,39}",
            folds: Vec<(prop::sample::Index, u8)>,
            before in "[a-z%&=]{0,5}",
        ) {
            let mut written: Vec<String> = secret.chars().map(String::from).collect();
            for (at, how) in folds {
                let at = at.index(written.len());
                let character = secret.as_bytes()[at];
                written[at] = match how % 6 {
                    0 if at > 0 => format!("\n{}", written[at]),
                    1 if at > 0 => format!("\\r\\n\t{}", written[at]),
                    2 => format!("%{character:02x}"),
                    3 => format!("\\u{character:04x}"),
                    4 => format!("&#{character};"),
                    _ => char::from(character).to_string(),
                };
            }
            let shown = mask(&format!("{before}{} x", written.concat()), &[&secret]);
            prop_assert_eq!(shown, format!("{before}*** x"));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}", secret in "\\PC{0,8}", escaped in "[%&#\\\\x;ua0-9=\r\n]{0,40}") {
            mask(&text, &[&secret]);
            mask(&escaped, &["%%%%", "\\\\\\\\", "&&&&", "====", &secret]);
        }
    }
}
