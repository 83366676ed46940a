//! The marks of secrets: the first characters that tell what a text is. The one table of them.
//!
//! A mark decides what a value is (`recognize/`), what is masked in text from outside, and what is refused in the place of
//! an address. These three differ in how much has to follow the mark: any word can begin like a secret.

/// The first characters of one kind of secret.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// `#` stands for any digit, `^` for any capital letter.
    pattern: &'static [u8],
    /// How many characters of a token have to follow in text from outside; `None` if such text is not masked.
    pub(super) in_text: Option<usize>,
    /// How many bytes have to follow in the place of a host; `None` if a host can begin so.
    pub(super) as_host: Option<usize>,
}

/// An IAM token (docs, "IAM token"). A host can begin so too: see [`is_pasted_secret`](super::is_pasted_secret).
pub(crate) const IAM_TOKEN: Mark = Mark { pattern: b"t#.", in_text: Some(1), as_host: Some(1) };

/// An OAuth token (docs, "OAuth token"): the digits 0 to 3 are in use.
pub(crate) const OAUTH_TOKEN: Mark = Mark { pattern: b"y#_", in_text: Some(1), as_host: Some(1) };

/// An OAuth token of the older form.
pub(crate) const OLD_OAUTH_TOKEN: Mark = Mark { pattern: b"AQAAAA", in_text: Some(8), as_host: Some(2) };

/// An API key. Its form is not documented, and keys without this mark are valid.
pub(crate) const API_KEY: Mark = Mark { pattern: b"AQVN", in_text: Some(1), as_host: Some(4) };

/// base64url of `{"`, with which most JWTs begin.
pub(crate) const JWT: Mark = Mark { pattern: b"eyJ", in_text: Some(1), as_host: Some(5) };

/// The id of a static key (docs, "Static access keys"). It is no secret.
pub(crate) const STATIC_KEY_ID: Mark = Mark { pattern: b"YCAJE", in_text: None, as_host: Some(3) };

/// The secret of a static key: 40 characters.
pub(crate) const STATIC_KEY: Mark = Mark { pattern: b"YC^", in_text: Some(37), as_host: Some(37) };

/// The token of a temporary static key (docs, "Ephemeral access keys"). Names of hosts begin so: `s3.…`.
pub(crate) const SESSION_TOKEN: Mark = Mark { pattern: b"s#.", in_text: None, as_host: None };

/// A token of Google Cloud.
pub(crate) const GOOGLE_TOKEN: Mark = Mark { pattern: b"ya##.", in_text: Some(1), as_host: None };

pub(super) const ALL: [Mark; 9] = [
    IAM_TOKEN,
    OAUTH_TOKEN,
    OLD_OAUTH_TOKEN,
    API_KEY,
    JWT,
    STATIC_KEY_ID,
    STATIC_KEY,
    SESSION_TOKEN,
    GOOGLE_TOKEN,
];

impl Mark {
    /// What follows the mark at the beginning of `text`; `None` if the text does not begin with the mark.
    pub(crate) fn strip(self, text: &[u8]) -> Option<&[u8]> {
        let (begin, rest) = text.split_at_checked(self.pattern.len())?;
        let fits = self.pattern.iter().zip(begin).all(|(pattern, byte)| match pattern {
            b'#' => byte.is_ascii_digit(),
            b'^' => byte.is_ascii_uppercase(),
            _ => pattern == byte,
        });
        fits.then_some(rest)
    }

    /// Whether `text` begins with the mark.
    pub(crate) fn begins(self, text: &str) -> bool {
        self.strip(text.as_bytes()).is_some()
    }
}
