//! What is said about a value that a place refuses: what the value is, and where it belongs. No text shows the value.

use super::kind::{Issued, Kind, Layer};
use super::layers::{MAX_TEXT, Unwrapped};
use crate::{Error, ErrorKind};

/// The error for a value that is not what the place takes. `expected` names what the place takes, as in `an API key`.
pub(super) fn refuse(found: &Unwrapped, expected: &str) -> Error {
    let around = around(&found.layers);
    let (what, help) = describe(&found.kind);
    match found.kind {
        Kind::Empty => invalid(what, help),
        // Without a mark, nothing is known about the value except what it is not.
        Kind::Other => match text_flaw(&found.text) {
            Some(flaw) => invalid(&flaw, AS_ISSUED),
            None => invalid(&format!("the value{around} is not {expected}"), AS_ISSUED),
        },
        _ => {
            let name = what.trim_start_matches("the value is ").split(" (").next().unwrap_or_default();
            match expected.starts_with(name) && !around.is_empty() {
                true => invalid(&format!("{what}{around}, not the bare one"), AS_ISSUED),
                false => invalid(&format!("{what}{around}, not {expected}"), help),
            }
        }
    }
}

/// The error for what stands in the place of an id or an address, which are no secrets.
pub(super) fn refuse_name(kind: &Kind) -> Error {
    let (what, help) = describe(kind);
    match kind {
        Kind::Placeholder => invalid(
            what,
            "give the value itself: the word is from an example, or a program printed it for a value that is missing",
        ),
        _ => invalid(what, help),
    }
}

/// The error for a path where a key or a token must stand.
pub(super) fn refuse_path() -> Error {
    invalid(
        "the value is the path of a file, not a key or a token",
        "did you mean `@…`? `yc-auth token --auth @FILE` reads the file; in code, give the content of the file, or the path \
         to the constructor of its kind",
    )
}

/// The error for a value that is too long to be read.
pub(super) fn too_large() -> Error {
    let reason = format!("the value is larger than {} KiB", MAX_TEXT >> 10);
    invalid(&reason, "check the source of the value: a key has about 3 KiB, a token less")
}

/// The error for a file in UTF-16.
pub(super) fn utf16() -> Error {
    invalid("the file is not text in UTF-8, but in UTF-16", SAVE_AS_UTF8)
}

const SAVE_AS_UTF8: &str = "save the file as UTF-8; in PowerShell: `Out-File -Encoding ascii`";

pub(super) fn invalid(reason: &str, help: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, reason).with_help(help)
}

/// The help for a value that is nearly right.
pub(super) const AS_ISSUED: &str = "give the bare value, on one line, as it was issued";

fn around(layers: &[Layer]) -> String {
    let name = |layer: &Layer| match layer {
        Layer::Quotes => " in quotes",
        Layer::Base64 => " in base64",
        Layer::Hex => " in hexadecimal",
        Layer::String => " in a JSON string",
        Layer::List => " in a JSON list",
        Layer::Object => " in a JSON object",
    };
    layers.iter().rev().map(name).collect()
}

/// What is said about a kind, and where a value of the kind belongs.
fn describe(kind: &Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::IamToken => ("the value is an IAM token (`t1.…`)", "put the token into YC_IAM_TOKEN"),
        Kind::OAuthToken => (
            "the value is an OAuth token (`y0_…`)",
            "put the token into YC_OAUTH_TOKEN; the library exchanges it for IAM tokens",
        ),
        Kind::ApiKey => ("the value is an API key (`AQVN…`)", "put the key into YC_API_KEY"),
        Kind::Jwt => (
            "the value is a JWT (`eyJ…`)",
            "for a token of another issuer, use the method workload-identity (YC_OIDC_TOKEN, YC_OIDC_TOKEN_FILE)",
        ),
        Kind::Key => (
            "the value is the JSON of a service account key",
            "set YC_SERVICE_ACCOUNT_KEY_FILE to the key or to the path of its file",
        ),
        Kind::Pem => (
            "the value is a key or a certificate (PEM)",
            "for a service account key, set YC_SERVICE_ACCOUNT_KEY_FILE to the JSON file that `yc iam key create` wrote",
        ),
        Kind::Response(Issued::IamToken) => (
            "the value is a response with an IAM token in it",
            "give the token only: the field `iamToken`, `iam_token` or `access_token` of the response",
        ),
        Kind::Response(Issued::ApiKey) => (
            "the value is a response with an API key in it",
            "give the key only: the field `secret` of the response",
        ),
        Kind::Response(Issued::StaticKey) => {
            ("the value is a response with a static access key in it", NO_STATIC_KEYS)
        }
        Kind::Response(Issued::Token) => (
            "the value is JSON with a secret in it",
            "give the secret only: the text of its field, without the JSON around it",
        ),
        Kind::StaticKey => ("the value is a static access key (`YCAJE…`)", NO_STATIC_KEYS),
        Kind::Id => (
            "the value is an id of 20 characters",
            "give the secret itself, which is shown once, when a key is created; an id is not secret",
        ),
        Kind::Path => (
            "the value is the path of a file",
            "give the content of the file, or its path in the variable whose name ends in `_FILE` (YC_API_KEY_FILE, \
             YC_OAUTH_TOKEN_FILE, YC_IAM_TOKEN_FILE, YC_OIDC_TOKEN_FILE; for a key in JSON YC_SERVICE_ACCOUNT_KEY_FILE)",
        ),
        Kind::Unexpanded => (
            "the value is a variable that was not replaced by its value",
            "check the quotes around it, and the shell, template or pipeline that should replace it",
        ),
        Kind::Placeholder => (
            "the value is a placeholder",
            "give the secret itself: the text comes from an example, or a program printed the text for a value that is \
             missing or hidden",
        ),
        Kind::Html => (
            "the value is HTML",
            "check the program that fetches the value: it may have got a page of a proxy",
        ),
        Kind::Setting => (
            "the value is a line of settings (`NAME=value`)",
            "give the value only, without the name of the variable before it",
        ),
        Kind::Header => (
            "the value begins with a scheme (`Bearer `, `Api-Key `) or is a whole header",
            "give the bare value, without the scheme before it",
        ),
        Kind::Utf16 => ("the value is text in UTF-16", SAVE_AS_UTF8),
        Kind::Foreign => {
            ("the value is a token of another cloud (`ya29.…`)", "check where the token comes from")
        }
        Kind::Json => (
            "the value is JSON",
            "give the text of the key or token only; a service account key goes into YC_SERVICE_ACCOUNT_KEY_FILE",
        ),
        Kind::BrokenJson => (
            "the value is the beginning of JSON, or damaged JSON",
            "copy the whole value again, without changes",
        ),
        Kind::Compressed => ("the value is compressed data", "unpack the value before it is given"),
        Kind::Wrapped(_, inner) if inner.len() > 1 => {
            ("the value is more than one key", "give one key: the library does not choose between identities")
        }
        Kind::Wrapped(..) => (
            "the value is behind more than two layers of quotes or encodings",
            "give the bare value, as it was issued",
        ),
        Kind::Encoded => ("the value is a text with an encoded text in it", AS_ISSUED),
        Kind::Empty => (
            "the value is empty",
            "give the value, or unset the variable; an empty file may be half written: write to another file and rename it into place",
        ),
        Kind::Other => ("the value is a text of an unknown kind", AS_ISSUED),
    }
}

const NO_STATIC_KEYS: &str = "static keys are for Object Storage and other services with an AWS interface; make an API \
                              key: `yc iam api-key create --service-account-name NAME`";

/// What makes a text unfit as any key or token.
pub(super) fn text_flaw(text: &str) -> Option<String> {
    flaw(text, |byte| byte.is_ascii_graphic())
}

/// What makes a text unfit to be sent; `None` for a text of characters that `is_allowed`.
pub(super) fn flaw(text: &str, is_allowed: fn(u8) -> bool) -> Option<String> {
    let character = text.chars().find(|next| !u8::try_from(*next).is_ok_and(is_allowed))?;
    Some(match character {
        next if next.is_control() => {
            "the value has a control character inside, such as a line break".to_owned()
        }
        next if next.is_whitespace() => "the value has a space inside".to_owned(),
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{ad}' => {
            format!("the value has an invisible character inside (U+{:04X})", u32::from(character))
        }
        next if !next.is_ascii() => "the value has a character outside ASCII".to_owned(),
        '"' | '\'' | '`' => "the value has a quote that belongs to no pair".to_owned(),
        '%' => "the value is percent-encoded, or has a `%` inside".to_owned(),
        next => format!("the value has the character `{next}`, which no key or token has"),
    })
}
