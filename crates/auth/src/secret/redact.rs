//! Redaction: what hides secrets in text from outside.

use super::{echo, marks};

/// The longest text from outside that is shown, in bytes.
const MAX_SHOWN: usize = 1024;

/// Makes text from outside safe to show in an error or a log: secrets are masked as their prefix and `***`, control
/// characters are escaped, and the text is cut to 1 KiB.
///
/// Masks the secrets in `own` that are at least four bytes long, also where the text has folded or escaped them, and all
/// text with the shape of a secret: IAM and OAuth tokens, API keys, JWTs, PEM blocks, `user:password@`. Every
/// [`Error`](crate::Error) of this crate is redacted.
///
/// ```
/// use yandex_cloud_auth::redact;
/// assert_eq!(redact("bad token t1.fake.token\n", &[]), "bad token t1.***");
/// assert_eq!(redact("no such key: hunter2", &["hunter2"]), "no such key: ***");
/// ```
#[must_use]
pub fn redact(text: &str, own: &[&str]) -> String {
    let text = mask_shapes(&echo::mask(text.trim(), own));
    let mut shown = String::with_capacity(text.len().min(MAX_SHOWN));
    for character in text.chars() {
        if shown.len() + character.len_utf8() > MAX_SHOWN {
            shown.push('…');
            break;
        }
        if character.is_control() || is_invisible(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Whether a terminal shows the text as it is: no character controls it, reorders or hides another one.
pub(crate) fn shows_as_it_is(text: &str) -> bool {
    !text.chars().any(|character| character.is_control() || is_invisible(character))
}

/// Characters that reorder or hide their neighbours on a terminal.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A secret as its documented prefix and `***`.
pub(crate) fn masked(secret: &str) -> String {
    let rest = marks::ALL
        .iter()
        .filter(|mark| mark.in_text.is_some())
        .find_map(|mark| mark.strip(secret.as_bytes()));
    format!("{}***", &secret[..rest.map_or(0, |rest| secret.len() - rest.len())])
}

/// The lengths of a mark and of what belongs to its secret, at the beginning of `text`.
fn marked_length(text: &[u8]) -> Option<(usize, usize)> {
    marks::ALL.iter().find_map(|mark| {
        let (rest, least) = (mark.strip(text)?, mark.in_text?);
        let length = token_length(rest);
        (length >= least).then_some((text.len() - rest.len(), length))
    })
}

fn mask_shapes(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        if rest.starts_with("-----BEGIN ") {
            shown.push_str("-----BEGIN ***");
            at += pem_length(rest);
            continue;
        }
        if !is_inside_word(&bytes[..at])
            && let Some((prefix, length)) = marked_length(rest.as_bytes())
        {
            shown.push_str(&rest[..prefix]);
            shown.push_str("***");
            at += prefix + length;
            continue;
        }
        if rest.starts_with("://")
            && let Some(length) = user_info_length(&rest[3..])
        {
            shown.push_str("://***@");
            at += 3 + length + 1;
            continue;
        }
        if (at == 0 || !is_user_info(bytes[at - 1]))
            && let Some(length) = bare_user_info_length(rest)
        {
            shown.push_str("***@");
            at += length + 1;
            continue;
        }
        let character = rest.chars().next().unwrap_or_default();
        shown.push(character);
        at += character.len_utf8().max(1);
    }
    shown
}

/// Whether this position is inside a word, where no token begins. The end of an escape looks like a word and is not
/// one: `\n`, `%20`, `\x1b`, `\u000a` and the colours of a terminal can stand directly before a token.
fn is_inside_word(before: &[u8]) -> bool {
    let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    let is_escape = match before {
        [.., b'\\', _] => true,
        [.., b'%', a, b] | [.., b'\\', b'x', a, b] => is_hex(&[*a, *b]),
        [.., b'\\', b'u', a, b, c, d] => is_hex(&[*a, *b, *c, *d]),
        [colour @ .., b'm'] => {
            let digits =
                colour.iter().rev().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
            colour[..colour.len() - digits].ends_with(b"[")
        }
        _ => false,
    };
    before.last().is_some_and(u8::is_ascii_alphanumeric) && !is_escape
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'=' | b'+' | b'/' | b'~')
}

/// The length of the text that belongs to a token: its characters, plain or escaped, and escaped line breaks, since a
/// program that folded the token may have inserted them.
fn token_length(text: &[u8]) -> usize {
    let mut length = 0;
    while length < text.len() {
        let rest = &text[length..];
        length += match rest[0] {
            byte if is_token(byte) => 1,
            b'%' if rest.get(1..3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) => 3,
            b'\\' => match escape_length(rest) {
                Some(escape) => escape,
                None => break,
            },
            _ => break,
        };
    }
    length
}

/// The length of an escape with one or more backslashes, if it means a character of a token or a line break. Other
/// escapes, such as the colours of a terminal, end the token.
fn escape_length(text: &[u8]) -> Option<usize> {
    let slashes = text.iter().take_while(|byte| **byte == b'\\').count();
    let hex = |digits: usize| {
        let digits = text.get(slashes + 1..slashes + 1 + digits)?;
        let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        let byte =
            u8::try_from(code).ok().filter(|byte| is_token(*byte) || matches!(byte, b'\r' | b'\n' | b'%'));
        byte.map(|_| slashes + 1 + digits.len())
    };
    match text.get(slashes)? {
        b'n' | b'r' | b'/' => Some(slashes + 1),
        b'x' => hex(2),
        b'u' => hex(4),
        _ => None,
    }
}

/// The length of a PEM block, or of the rest of the text if the end of the block is missing.
fn pem_length(text: &str) -> usize {
    let Some(end) = text.find("-----END ") else { return text.len() };
    let after = end + "-----END ".len();
    text[after..].find("-----").map_or(text.len(), |more| after + more + 5)
}

/// The length of `user:password` before an `@` in an authority.
fn user_info_length(authority: &str) -> Option<usize> {
    let end = authority
        .find(|c: char| matches!(c, '/' | '?' | '#') || c.is_whitespace())
        .unwrap_or(authority.len());
    authority[..end].rfind('@')
}

/// The length of `user:password` before an `@`, without a scheme before it.
fn bare_user_info_length(text: &str) -> Option<usize> {
    let end = text.bytes().position(|byte| !is_user_info(byte)).unwrap_or(text.len());
    let at = text[..end].rfind('@')?;
    text[..at].contains(':').then_some(at)
}

fn is_user_info(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !byte.is_ascii_control() && !br#"/"'`<>(),;"#.contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_with_the_shape_of_a_secret_is_masked() {
        for (text, shown) in [
            ("bad token t1.abc.def, sorry", "bad token t1.***, sorry"),
            ("y0_AgAAA", "y0_***"),
            ("key AQVNfake", "key AQVN***"),
            ("jwt eyJhbGci.x.y", "jwt eyJ***"),
            ("https://user:pa@ss@proxy:3128/x", "https://***@proxy:3128/x"),
            ("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\nok", "-----BEGIN ***\\nok"),
            ("-----BEGIN PRIVATE KEY-----\nMII", "-----BEGIN ***"),
            ("proxy user:hush@proxy:3128 refused", "proxy ***@proxy:3128 refused"),
            ("(user:hu@sh@proxy)", "(***@proxy)"),
            ("mail a@b.example: no, at 10:30 @home", "mail a@b.example: no, at 10:30 @home"),
            ("heyJude est1.x", "heyJude est1.x"),
            ("YCLOUD is up, s3.example too", "YCLOUD is up, s3.example too"),
            ("no YCMfakefakefakefakefakefakefakefakefakefak-", "no YCM***"),
            ("https://host1.example.com/a", "https://host1.example.com/a"),
            (r"desc = \nt1.abc\ty0_abc", r"desc = \nt1.***\ty0_***"),
            ("token=%20t1.abc", "token=%20t1.***"),
            (r"\u000at1.abc \x0at1.abc", r"\u000at1.*** \x0at1.***"),
            ("\u{1b}[1;31mt1.abc\u{1b}[0m", "\\u{1b}[1;31mt1.***\\u{1b}[0m"),
            ("a\u{1b}[31m\u{202e}b", "a\\u{1b}[31m\\u{202e}b"),
            ("t=t1.abc%3D%3D.SIGNATURE&x", "t=t1.***&x"),
            ("t1.abc%253D.SIGNATURE 100% sure", "t1.*** 100% sure"),
            ("y0_abc%2dDEF, AQVN%41bc", "y0_***, AQVN***"),
            (r#""t1.abc\u003d\u003D.SIGNATURE""#, r#""t1.***""#),
            (r"t1.abc\n.SIGN\r\nATURE end", "t1.*** end"),
            (r"t1.abc\\nSIGN\u000aATU\x0aRE\/x end", "t1.*** end"),
            (r"t1.abc\u001b[0m \x1b[0m", r"t1.***\u001b[0m \x1b[0m"),
            (r"C:\t1.abc\new%zz", r"C:\t1.***%zz"),
        ] {
            assert_eq!(redact(text, &[]), shown);
        }
        assert_eq!(redact("the value hunter2 is wrong", &["hunter2"]), "the value *** is wrong");
        assert!(redact(&"я".repeat(5000), &[]).len() <= MAX_SHOWN + '…'.len_utf8());
    }

    proptest! {
        #[test]
        fn an_escape_inside_a_token_does_not_end_the_mask(
            parts in proptest::collection::vec("[A-Za-z0-9_.-]{1,8}", 2..6),
            escape in prop_oneof![
                "%[0-9A-Fa-f]{2}",
                Just(r"\n".to_owned()),
                Just(r"\r\n".to_owned()),
                Just(r"\\n".to_owned()),
                Just(r"\u003d".to_owned()),
            ],
        ) {
            let shown = redact(&format!("token t1.{} end", parts.join(&escape)), &[]);
            prop_assert_eq!(shown, "token t1.*** end");
        }

        #[test]
        fn no_text_panics_and_no_token_is_shown(before in ".{0,40}", token in "[A-Za-z0-9_.-]{12,60}", after in ".{0,40}") {
            let secret = format!("t1.{token}");
            let text = format!("{before} {secret} {after}");
            prop_assert!(!redact(&text, &[]).contains(&secret[3..]));
        }
    }
}
