//! Secrets: how a value is checked on entry, stored, and redacted in text that leaves the library ([`redact()`]).

mod echo;
pub(crate) mod marks;
mod pasted;
mod redact;

use std::fmt;

use zeroize::Zeroizing;

pub(crate) use self::pasted::is_pasted_secret;
pub use self::redact::redact;
pub(crate) use self::redact::{masked, shows_as_it_is};

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

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,100}") {
            let _ = Secret::parse(&text);
        }
    }
}
