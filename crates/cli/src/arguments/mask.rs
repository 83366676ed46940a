//! Masks what a parser error would repeat: a secret that was typed in the wrong place must not reach a terminal's
//! scrollback or a build log.

use clap::error::{ContextKind, ContextValue};
use yandex_cloud_auth::{Error, ErrorKind};

/// The same error, with `***` for each argument that could be a secret.
pub(super) fn masked(mut error: clap::Error) -> clap::Error {
    for kind in [
        ContextKind::InvalidArg,
        ContextKind::InvalidSubcommand,
        ContextKind::InvalidValue,
        ContextKind::TrailingArg,
    ] {
        if let Some(ContextValue::String(text)) = error.get(kind)
            && !is_harmless(text)
        {
            error.insert(kind, ContextValue::String("***".to_owned()));
        }
    }
    error
}

/// Whether this is an option, a placeholder or a short word, and is not shaped like a secret.
pub(super) fn is_harmless(text: &str) -> bool {
    let is_option = text.starts_with("--") && text.len() <= 40 && !text.contains('=');
    let is_word =
        text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte));
    let is_placeholder = text.starts_with('<') || text.contains(" <");
    // The library masks anything shaped like a secret in an error's reason.
    let shown = Error::new(ErrorKind::Invalid, text);
    (is_option || is_word || is_placeholder) && shown.reason() == text
}
