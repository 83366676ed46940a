//! What a subject token shows without its issuer: its expiry.

use serde_json::Value;

use super::claims::claims;
use crate::secret::Secret;

/// The expiry in the token (`exp`), in seconds since 1970. The signature is not checked.
pub(super) fn expiry(subject: &Secret) -> Option<i64> {
    let claims = claims(subject)?;
    let expiry = claims.0.get("exp").and_then(Value::as_f64);
    #[allow(clippy::cast_possible_truncation, reason = "a float beyond the range becomes its end")]
    expiry.map(|seconds| seconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognize::jwt as parse;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    fn jwt(claims: &str) -> String {
        format!("eyJhbGciOiJSUzI1NiJ9.{}.FAKE", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn the_expiry_is_read_if_there_is_one() {
        for (claims, expiry_is) in [
            (r#"{"exp":1795478400}"#, Some(1_795_478_400)),
            (r#"{"exp":1795478400.9,"sub":"x"}"#, Some(1_795_478_400)),
            (r#"{"exp":"soon"}"#, None),
            (r#"{"exp":1e300}"#, Some(i64::MAX)),
            ("{}", None),
            ("[]", None),
            ("{", None),
        ] {
            assert_eq!(expiry(&parse(&jwt(claims)).unwrap()), expiry_is, "{claims}");
        }
        assert_eq!(expiry(&parse("eyJ.bc.d").unwrap()), None, "not base64 of JSON");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,60}", part in "[A-Za-z0-9_-]{1,40}") {
            let _ = parse(&text);
            let _ = parse(&format!("eyJ{part}.{part}.{part}")).map(|subject| expiry(&subject));
        }
    }
}
