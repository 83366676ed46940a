//! The kinds of text, and the rule that tells them apart. A kind with a mark of its own is decided first, so a value
//! with the mark of a secret never becomes another kind of secret. Text without a mark is [`Kind::Other`], and the
//! place where the text stands decides about it.

use zeroize::Zeroizing;

use super::encoding::{Decoded, decode, hides_private_key};
use super::json;
use super::layers::quoted;
use super::words;
use crate::secret::marks;

/// What one text is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Empty,
    /// `t`, a digit and a dot.
    IamToken,
    /// `y0_` to `y3_`, or `AQAAAA`.
    OAuthToken,
    /// `AQVN`. A key without this mark is `Other`.
    ApiKey,
    /// Three parts of base64url with dots between them, the first one a JSON object; or the beginning of such a text.
    Jwt,
    /// The JSON of a service account key, or of the response that created the key.
    Key,
    /// A private key, a public key or a certificate.
    Pem,
    /// A response, or its text form, with this secret in it.
    Response(Issued),
    /// The id or the secret of a static access key, or the token of a temporary one.
    StaticKey,
    /// 20 lower-case letters and digits.
    Id,
    /// The path of a file.
    Path,
    /// A variable of a shell, a template or a pipeline that nothing replaced.
    Unexpanded,
    /// A word that stands for a missing or hidden value.
    Placeholder,
    /// A page of HTML or another text in tags.
    Html,
    /// `NAME=value`, as in an .env file or a script.
    Setting,
    /// `Bearer …`, `Api-Key …` or a whole header.
    Header,
    /// UTF-16 that was read as bytes.
    Utf16,
    /// A token of another cloud.
    Foreign,
    /// JSON of none of the kinds above.
    Json,
    /// Text that begins as JSON and is not JSON.
    BrokenJson,
    /// Compressed data.
    Compressed,
    /// A text with an encoded text in it.
    Encoded,
    /// A text inside another text.
    Wrapped(Layer, Vec<Zeroizing<String>>),
    /// Text without a mark.
    Other,
}

/// The secret in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issued {
    IamToken,
    ApiKey,
    StaticKey,
    /// A field `token` or `value`, which can be any of them.
    Token,
}

/// What is around a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    Quotes,
    Base64,
    Hex,
    /// A JSON string with JSON in it.
    String,
    List,
    Object,
}

impl Kind {
    /// Tells what a text is.
    pub(super) fn of(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Empty;
        }
        if text.contains('\0') {
            return if is_utf16(text) { Self::Utf16 } else { Self::Other };
        }
        if let Some((layer, inner)) = quoted(text) {
            return Self::Wrapped(layer, vec![inner]);
        }
        if let Some(kind) = words::placeholder(text) {
            return kind;
        }
        if text.starts_with(['{', '[']) {
            return json::kind(text);
        }
        if is_pem(text) {
            return Self::Pem;
        }
        if words::is_header(text) {
            return Self::Header;
        }
        if words::is_html(text) {
            return Self::Html;
        }
        if words::is_unexpanded(text) {
            return Self::Unexpanded;
        }
        if is_named_file_of_a_marked_stem(text) {
            return Self::Path;
        }
        if let Some(kind) = marked(text) {
            return kind;
        }
        if let Some(kind) = words::setting(text) {
            return kind;
        }
        if is_id(text) {
            return Self::Id;
        }
        // Before paths: base64 can begin with a slash.
        match decode(text) {
            Some(Decoded::Text(layer, inner)) => return Self::Wrapped(layer, vec![inner]),
            Some(Decoded::PrivateKey) => return Self::Pem,
            Some(Decoded::Compressed) => return Self::Compressed,
            None => {}
        }
        if words::is_path(text) {
            return Self::Path;
        }
        // The beginning of a JWT, or one that was cut.
        if marks::JWT.begins(text) {
            return Self::Jwt;
        }
        hidden(text).unwrap_or(Self::Other)
    }
}

/// The kinds whose first characters tell them.
pub(super) fn marked(text: &str) -> Option<Kind> {
    let bytes = text.as_bytes();
    if let Some(rest) = marks::IAM_TOKEN.strip(bytes) {
        return Some(match is_whole_iam_token(text) {
            // The body of an IAM token has a fixed beginning of its own, so this is an OAuth token behind a false mark.
            _ if begins_as_oauth(rest) => Kind::OAuthToken,
            true => Kind::IamToken,
            false => hidden(text).unwrap_or(Kind::IamToken),
        });
    }
    if let Some(rest) = marks::API_KEY.strip(bytes) {
        let rest = &text[text.len() - rest.len()..];
        return Some(hidden(text).or_else(|| hidden(rest)).unwrap_or(Kind::ApiKey));
    }
    match text {
        _ if has_oauth_mark(text) => Some(Kind::OAuthToken),
        _ if is_static_key(text) => Some(Kind::StaticKey),
        _ if marks::GOOGLE_TOKEN.begins(text) => Some(Kind::Foreign),
        _ if is_jwt(text) => Some(Kind::Jwt),
        _ => None,
    }
}

/// Whether a text begins as an OAuth token does (docs, "OAuth token"; older ones begin with `AQAAAA`).
pub(super) fn has_oauth_mark(text: &str) -> bool {
    begins_as_oauth(text.as_bytes())
        || marks::OLD_OAUTH_TOKEN.strip(text.as_bytes()).is_some_and(|rest| !rest.is_empty())
}

fn begins_as_oauth(bytes: &[u8]) -> bool {
    let rest = marks::OAUTH_TOKEN.strip(bytes).filter(|_| matches!(bytes[1], b'0'..=b'3'));
    rest.and_then(<[u8]>::first).is_some_and(|next| is_word(*next))
}

/// The secret inside a text that begins otherwise: an OAuth token, a private key, or an encoded text between two dots.
fn hidden(text: &str) -> Option<Kind> {
    if has_oauth_token(text) {
        return Some(Kind::OAuthToken);
    }
    if hides_private_key(text) {
        return Some(Kind::Pem);
    }
    let is_encoded = text.split(['.', '~', '=']).any(|part| decode(part).is_some());
    is_encoded.then_some(Kind::Encoded)
}

/// Whether an OAuth token stands anywhere in a text: after a character that no base64url has, or, as a word can hold its
/// first characters by chance, with the length of a real one (58 characters; 39 with the older mark).
pub(super) fn has_oauth_token(text: &str) -> bool {
    const LENGTHS: std::ops::RangeInclusive<usize> = 39..=100;
    const OLD_LENGTH: usize = 39;
    let bytes = text.as_bytes();
    let length = |rest: &[u8]| rest.iter().take_while(|byte| is_word(**byte)).count();
    (0..bytes.len()).filter(|at| text.is_char_boundary(*at)).any(|at| {
        let begins_a_word = at == 0 || !is_word(bytes[at - 1]);
        begins_a_word && has_oauth_mark(&text[at..])
            || begins_as_oauth(&bytes[at..]) && LENGTHS.contains(&length(&bytes[at..]))
            || marks::OLD_OAUTH_TOKEN.strip(&bytes[at..]).is_some() && length(&bytes[at..]) == OLD_LENGTH
    })
}

/// `YCAJE…`, the id of a static key; `YC…` with 40 to 43 characters, its secret; `s1.…`, the token of a temporary key
/// (docs, "Static access keys", "Ephemeral access keys").
fn is_static_key(text: &str) -> bool {
    let bytes = text.as_bytes();
    marks::STATIC_KEY_ID.begins(text)
        || marks::STATIC_KEY.begins(text)
            && (40..=43).contains(&text.len())
            && bytes.iter().all(|byte| is_word(*byte))
        || marks::SESSION_TOKEN.strip(bytes).is_some_and(|rest| !rest.is_empty())
}

/// Three parts of base64url (RFC 7515, section 3.1) whose first one is a JSON object.
pub(super) fn is_jwt(text: &str) -> bool {
    let mut parts = text.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_word);
    // base64url of `{` and a space, and of `{` and a line break.
    let is_object = marks::JWT.begins(header)
        || ["eyA", "eyI", "ewo", "ewk", "ew0"].iter().any(|begin| header.starts_with(begin));
    is_object && [header, claims, signature].into_iter().all(is_part)
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

/// A PEM block, or a part of one that a copy has cut.
pub(super) fn is_pem(text: &str) -> bool {
    ["-----BEGIN", "-----END", "PRIVATE KEY-----"].iter().any(|mark| text.contains(mark))
}

fn is_id(text: &str) -> bool {
    text.len() == 20
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// `t1.json` and the like: a whole name of a file that begins as an IAM token does.
fn is_named_file_of_a_marked_stem(text: &str) -> bool {
    text.len() > 3 && text.as_bytes()[..3] != *b"../" && {
        let (stem, ending) = text.split_at(text.find('.').unwrap_or(text.len()));
        stem.len() == 2 && words::ENDINGS.contains(&ending)
    }
}

/// Every other byte is NUL, as in UTF-16 of ASCII.
fn is_utf16(text: &str) -> bool {
    text.matches('\0').count() * 3 >= text.len()
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}
