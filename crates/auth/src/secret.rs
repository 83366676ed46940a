//! Secrets: how a value is checked when it enters, kept while it is here, and hidden when text leaves.

use std::fmt;

use zeroize::Zeroizing;

/// The longest value that is taken for a credential. IAM allows 4,000 bytes for an OAuth token and 4,096 for an
/// IAM token (`iam_token_service.proto`); API keys are shorter.
pub(crate) const MAX_VALUE: usize = 8192;

/// The longest piece of outside text that is shown, in bytes.
const MAX_SHOWN: usize = 1024;

/// A secret string: an IAM token, an API key. `Debug` does not print it, there is no `Display`, and its memory is wiped
/// when it is dropped.
///
/// ```
/// use yandex_cloud_auth::{ApiKeyAuth, Credentials};
///
/// let credentials = Credentials::from(ApiKeyAuth::new("AQVN-fake")?);
/// let key = credentials.blocking().token()?.unwrap();
/// assert_eq!(key.expose_secret(), "AQVN-fake");
/// assert_eq!(format!("{key:?}"), "Secret(***)");
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value as a person or a file gives it: trimmed, and checked to be able to stand in a header.
    ///
    /// The error says what is wrong without showing the value.
    pub(crate) fn parse(raw: &str) -> Result<Self, &'static str> {
        let value = raw.trim();
        if value.is_empty() {
            return Err("the value is empty");
        }
        if value.len() > MAX_VALUE {
            return Err("the value is longer than 8192 bytes");
        }
        let lower = value.get(..8).unwrap_or(value).to_ascii_lowercase();
        if lower.starts_with("bearer ")
            || lower.starts_with("api-key ")
            || matches!(&*lower, "bearer" | "api-key")
        {
            return Err("the value begins with a scheme (`Bearer ` or `Api-Key `); give the bare value");
        }
        if !value.is_ascii() {
            return Err("the value has a character outside ASCII");
        }
        if value.bytes().any(|byte| byte.is_ascii_control()) {
            return Err("the value has a control character (a line break, perhaps) inside");
        }
        if value.contains(' ') {
            return Err("the value has a space inside");
        }
        Ok(Self(Zeroizing::new(value.to_owned())))
    }

    /// The secret of a header that was made of a `Secret`.
    pub(crate) fn from_checked(value: &str) -> Self {
        Self(Zeroizing::new(value.to_owned()))
    }

    /// The text of the secret. Any reader of this text can act for its owner.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

/// What kind of secret a value looks like, by its first characters (facts: `t1.` for an IAM token, `y0_` to `y3_`
/// for an OAuth token; an API key has no documented shape).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    IamToken,
    OAuthToken,
    Unknown,
}

impl Shape {
    pub(crate) fn of(value: &str) -> Self {
        match value.as_bytes() {
            [b't', digit, b'.', ..] if digit.is_ascii_digit() => Self::IamToken,
            [b'y', b'0'..=b'3', b'_', next, ..] if is_word(*next) => Self::OAuthToken,
            _ => Self::Unknown,
        }
    }
}

/// Whether a value has the whole documented shape of an IAM token:
/// `t1\.[A-Z0-9a-z_-]+[=]{0,2}\.[A-Z0-9a-z_-]{86}[=]{0,2}` (docs, "IAM token").
pub(crate) fn is_whole_iam_token(value: &str) -> bool {
    let Some((body, signature)) = value.strip_prefix("t1.").and_then(|rest| rest.split_once('.')) else {
        return false;
    };
    let unpadded = |part: &str| {
        let bare = part.trim_end_matches('=');
        (part.len() - bare.len() <= 2 && bare.bytes().all(is_word)).then_some(bare.len())
    };
    unpadded(body).is_some_and(|length| length > 0) && unpadded(signature) == Some(86)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Makes text from outside fit to show in an error or a log: secrets masked as their prefix and `***`, control
/// characters escaped, at most 1 KiB.
///
/// Masked are the secrets in `own`, where they are at least four bytes long, and whatever is shaped like one: IAM and
/// OAuth tokens, API keys, JWTs, PEM blocks, `user:password@`. Every [`Error`](crate::Error) of this crate is made so.
///
/// ```
/// use yandex_cloud_auth::redact;
/// assert_eq!(redact("bad token t1.fake.token\n", &[]), "bad token t1.***");
/// assert_eq!(redact("no such key: hunter2", &["hunter2"]), "no such key: ***");
/// ```
#[must_use]
pub fn redact(text: &str, own: &[&str]) -> String {
    let mut text = text.trim().to_owned();
    for secret in own.iter().filter(|secret| secret.len() >= 4) {
        text = text.replace(secret, &masked(secret));
    }
    let text = mask_shapes(&text);
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

/// Characters that reorder or hide their neighbours on a terminal.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A secret as its documented prefix and `***`.
pub(crate) fn masked(secret: &str) -> String {
    let prefix = SHAPES.iter().find_map(|shape| shape.prefix(secret.as_bytes()));
    format!("{}***", prefix.map_or("", |length| &secret[..length]))
}

struct MaskShape {
    /// The first bytes, where `#` stands for any digit.
    pattern: &'static [u8],
    /// How many more characters of a token must follow, so that a word of prose stays.
    least: usize,
}

impl MaskShape {
    fn prefix(&self, text: &[u8]) -> Option<usize> {
        let fits = text.len() >= self.pattern.len()
            && self.pattern.iter().zip(text).all(|(pattern, byte)| match pattern {
                b'#' => byte.is_ascii_digit(),
                _ => pattern == byte,
            });
        fits.then_some(self.pattern.len())
    }
}

const SHAPES: [MaskShape; 6] = [
    MaskShape { pattern: b"t#.", least: 1 },
    MaskShape { pattern: b"y#_", least: 1 },
    MaskShape { pattern: b"AQVN", least: 1 },
    MaskShape { pattern: b"eyJ", least: 1 },
    MaskShape { pattern: b"AQAAAA", least: 8 },
    MaskShape { pattern: b"ya##.", least: 1 },
];

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
            && let Some((prefix, length)) = SHAPES.iter().find_map(|shape| {
                let prefix = shape.prefix(rest.as_bytes())?;
                let length = token_length(&rest.as_bytes()[prefix..]);
                (length >= shape.least).then_some((prefix, length))
            })
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

/// Whether a word that began before goes on here. The end of an escape is no word, though it looks like one: `\n`,
/// `%20`, `\x1b`, `\u000a` and the colours of a terminal stand directly before what they precede.
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

/// The length of what belongs to a token: its characters, as they are or escaped, and line breaks that were escaped,
/// since whatever folded the token may have put them there.
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

/// The length of a backslash's escape, or of one that was escaped again, where it stands for a character of a token
/// or for a line break. The colours of a terminal, for one, do not.
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

/// The length of a PEM block, or of all that is left where its end is missing.
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

/// The length of `user:password` before an `@`, where no scheme announces it.
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
    fn refuses_what_cannot_be_a_credential_without_showing_it() {
        for raw in [
            "",
            " \n",
            "Bearer t1.a",
            "bEaReR x",
            "API-KEY k",
            "api-key",
            "a\nb",
            "a\0b",
            "ключ",
            "a b",
            "a\u{7f}",
        ] {
            let reason = Secret::parse(raw).unwrap_err();
            assert!(
                raw.trim().len() < 4 || !reason.contains(raw.trim()) || raw == "api-key",
                "{raw:?}: {reason}"
            );
        }
        assert!(Secret::parse(&"a".repeat(MAX_VALUE + 1)).is_err());
        assert_eq!(Secret::parse(" t1.a\r\n").unwrap().expose(), "t1.a");
    }

    #[test]
    fn tells_shapes_apart() {
        for (value, shape) in [
            ("t1.x", Shape::IamToken),
            ("t9.", Shape::IamToken),
            ("y0_x", Shape::OAuthToken),
            ("y3_-", Shape::OAuthToken),
            ("y4_x", Shape::Unknown),
            ("y0_", Shape::Unknown),
            ("AQVNx", Shape::Unknown),
            ("t1", Shape::Unknown),
        ] {
            assert_eq!(Shape::of(value), shape, "{value}");
        }
    }

    #[test]
    fn knows_the_whole_shape_of_an_iam_token() {
        let whole = |signature: usize, tail: &str| format!("t1.9euelZq_-x==.{}{tail}", "Z".repeat(signature));
        assert!(is_whole_iam_token(&whole(86, "")) && is_whole_iam_token(&whole(86, "==")));
        for wrong in
            [whole(85, ""), whole(87, ""), whole(86, "==="), "t1..x".into(), "t1.abc".into(), "x".into()]
        {
            assert!(!is_whole_iam_token(&wrong), "{wrong}");
        }
    }

    #[test]
    fn masks_what_looks_like_a_secret() {
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
        fn no_escape_inside_a_token_shows_what_follows(
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
        fn never_panics_and_never_leaks(before in ".{0,40}", token in "[A-Za-z0-9_.-]{12,60}", after in ".{0,40}") {
            let secret = format!("t1.{token}");
            let text = format!("{before} {secret} {after}");
            prop_assert!(!redact(&text, &[]).contains(&secret[3..]));
            let _ = Secret::parse(&text);
            let _ = Shape::of(&text);
            let _ = is_whole_iam_token(&text);
        }
    }
}
