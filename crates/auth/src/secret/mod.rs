//! Secrets: how a value is checked on entry, stored, and redacted in text that leaves the library ([`redact()`]).

mod echo;
mod pasted;
mod redact;

use std::fmt;

use zeroize::Zeroizing;

pub(crate) use self::pasted::is_pasted_secret;
pub(crate) use self::redact::masked;
pub use self::redact::redact;

/// The longest value that is accepted as a credential. IAM allows 4,000 bytes for an OAuth token and 4,096 for an
/// IAM token (`iam_token_service.proto`); API keys are shorter.
pub(crate) const MAX_VALUE: usize = 8192;

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
    /// A value as a person or a file gives it: trimmed, and checked to be valid in a header.
    ///
    /// The error says what is wrong and does not show the value.
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
            return Err("the value begins with a scheme (`Bearer ` or `Api-Key `)");
        }
        if !value.is_ascii() {
            return Err("the value has a character outside ASCII");
        }
        if value.bytes().any(|byte| byte.is_ascii_control()) {
            return Err("the value has a control character inside, such as a line break");
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

/// What kind of secret a value is, by its first characters: `t1.` for an IAM token, `y0_` to `y3_` for an OAuth token
/// (docs). An API key has no documented shape.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_invalid_credential_is_refused_and_not_shown() {
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
    fn the_first_characters_give_the_shape() {
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
    fn the_documented_shape_of_an_iam_token_is_recognized() {
        let whole = |signature: usize, tail: &str| format!("t1.9euelZq_-x==.{}{tail}", "Z".repeat(signature));
        assert!(is_whole_iam_token(&whole(86, "")) && is_whole_iam_token(&whole(86, "==")));
        for wrong in
            [whole(85, ""), whole(87, ""), whole(86, "==="), "t1..x".into(), "t1.abc".into(), "x".into()]
        {
            assert!(!is_whole_iam_token(&wrong), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,100}") {
            let _ = Secret::parse(&text);
            let _ = Shape::of(&text);
            let _ = is_whole_iam_token(&text);
        }
    }
}
