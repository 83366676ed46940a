use yandex_cloud_auth::redact;

use crate::support::{assert_hidden, with_secrets};

/// Text from outside in an error. The first line is a secret of our own, which the text may repeat.
pub fn redaction(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (own, text) = text.split_once('\n').unwrap_or(("", text));
    let (own, text) = (with_secrets(own), with_secrets(text));
    let shown = redact(&text, &[&own]);
    // What an escape of the last character may add is little.
    assert!(shown.len() <= 1024 + 16, "{} bytes", shown.len());
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
    assert_hidden(&shown);
    // A secret of dots and stars, or a mark without anything behind it, stands in the mask itself.
    if own.len() >= 8 && own.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        assert!(!shown.contains(&own), "{shown:?}");
    }
}
