//! What a value is: the one rule for every way in. A variable, a file, a flag, a response and a value in code each have a
//! function here, named after what the place takes.
//!
//! | function | takes | after taking off |
//! |---|---|---|
//! | [`credential`] | an IAM token, an OAuth token, an API key, a key | quotes; around a key also base64, a string, a list, an object |
//! | [`api_key`] | an API key | quotes |
//! | [`iam_token`] | an IAM token | quotes |
//! | [`oauth_token`] | an OAuth token | quotes |
//! | [`login`] | an OAuth token, an IAM token | quotes |
//! | [`jwt`] | a JWT | quotes |
//! | [`key`] | a service account key | quotes, base64, a string, a list, an object |
//! | [`key_or_path`] | a service account key, or a path | the same |
//! | [`refuse_stand_in`] | an id or an address: all but placeholders and unreplaced variables | quotes |
//!
//! A byte order mark and white space around a value never count. At most two layers are taken off, of at most 64 KiB.
//! Everything else is [`Invalid`](crate::ErrorKind::Invalid). The error says what the value is and where it belongs,
//! and shows nothing of it.
//!
//! A private key or an OAuth token never becomes an API key or an IAM token, and a value with a character that no key or
//! token has is never sent.

mod encoding;
mod json;
mod kind;
mod layers;
mod refusal;
#[cfg(test)]
mod tests;
mod words;

use zeroize::Zeroizing;

pub(crate) use self::json::Wiped;
#[cfg(any(test, feature = "service-account-key"))]
pub(crate) use self::json::parse as parse_json;
pub(crate) use self::kind::is_whole_iam_token;
use self::kind::{Kind, Layer, has_oauth_mark, is_jwt, is_word};
pub(crate) use self::layers::MAX_TEXT;
use self::layers::{Unwrapped, unwrap};
use self::refusal::{AS_ISSUED, flaw, invalid, refuse, refuse_name, refuse_path, too_large};
use crate::Error;
use crate::log::log;
use crate::secret::{MAX_VALUE, Secret};

/// The longest API key that is accepted. No documentation gives a length; keys of today have 40 characters.
const MAX_API_KEY: usize = 512;

/// The least length of an IAM token without the mark `t1.`.
const LEAST_UNMARKED: usize = 32;

/// An IAM token, and whether it has the documented mark.
#[derive(Debug)]
pub(crate) struct IamToken {
    secret: Secret,
    /// Whether the token begins with `t`, a digit and a dot.
    is_marked: bool,
}

impl IamToken {
    /// The token. The log gets the warning.
    pub(crate) fn into_secret(self) -> Secret {
        if let Some(warning) = self.warning() {
            log(|| tracing::warn!("{warning}"));
        }
        self.secret
    }

    /// The warning about a token without the documented mark. The format may change, so such a token is sent.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        (!self.is_marked).then_some(
            "the value does not begin as an IAM token does (`t1.…`); it is sent because the format may change",
        )
    }
}

/// A string of the program or of `--auth`, recognized.
pub(crate) enum Credential {
    ApiKey(Secret),
    IamToken(IamToken),
    OAuthToken(Secret),
    Key(Zeroizing<String>),
}

/// The login in a profile of yc.
#[cfg(any(test, feature = "profile"))]
pub(crate) enum Login {
    OAuthToken(Secret),
    IamToken(IamToken),
}

/// The value of a variable that takes a key or the path of its file.
#[cfg(any(test, feature = "service-account-key"))]
pub(crate) enum KeyOrPath {
    Key(Zeroizing<String>),
    Path(Zeroizing<String>),
}

/// An API key: 512 characters of `[A-Za-z0-9._~=-]` at most, of no other kind.
pub(crate) fn api_key(raw: &str) -> Result<Secret, Error> {
    let found = read(raw)?;
    match found.kind {
        Kind::ApiKey | Kind::Other if found.only_quotes() => checked_api_key(&found.text),
        _ => Err(refuse(&found, "an API key")),
    }
}

/// An IAM token.
pub(crate) fn iam_token(raw: &str) -> Result<IamToken, Error> {
    let found = read(raw)?;
    match found.kind {
        Kind::IamToken | Kind::Other if found.only_quotes() => checked_iam_token(&found),
        _ => Err(refuse(&found, IAM_TOKEN)),
    }
}

/// An OAuth token.
pub(crate) fn oauth_token(raw: &str) -> Result<Secret, Error> {
    let found = read(raw)?;
    match found.kind {
        Kind::OAuthToken if found.only_quotes() => checked_oauth_token(&found.text),
        _ => Err(refuse(&found, "an OAuth token (`y0_…`)")),
    }
}

/// The login in a profile of yc.
#[cfg(any(test, feature = "profile"))]
pub(crate) fn login(raw: &str) -> Result<Login, Error> {
    let found = read(raw)?;
    match found.kind {
        Kind::OAuthToken if found.only_quotes() => checked_oauth_token(&found.text).map(Login::OAuthToken),
        Kind::IamToken if found.only_quotes() => checked_iam_token(&found).map(Login::IamToken),
        _ => Err(refuse(&found, "an OAuth token or an IAM token")),
    }
}

/// The token of another issuer: three parts of base64url with dots between them (RFC 7515, section 3.1).
pub(crate) fn jwt(raw: &str) -> Result<Secret, Error> {
    let found = read(raw)?;
    match found.kind {
        Kind::Jwt if found.only_quotes() && is_jwt(&found.text) => {
            Secret::parse(&found.text).map_err(|reason| invalid(reason, AS_ISSUED))
        }
        Kind::Jwt if found.only_quotes() => Err(invalid(
            "the value is not a whole JWT (three parts of base64url)",
            "give the OpenID Connect token of the pipeline or the pod, whole, on one line",
        )),
        _ => Err(refuse(&found, "a JWT (three parts of base64url)")),
    }
}

/// The JSON of a service account key. JSON that may be a key with a mistake in it is accepted: the reader of the key
/// names the mistake.
pub(crate) fn key(raw: &str) -> Result<Zeroizing<String>, Error> {
    let found = read(raw)?;
    match found.kind {
        _ if found.layers.contains(&Layer::Hex) => Err(refuse(&found, KEY)),
        Kind::Key | Kind::Json | Kind::BrokenJson => Ok(found.text),
        Kind::Pem => Err(refuse_pem(&found)),
        _ => Err(refuse(&found, KEY)),
    }
}

/// The JSON of a service account key, or the path of a file.
#[cfg(any(test, feature = "service-account-key"))]
pub(crate) fn key_or_path(raw: &str) -> Result<KeyOrPath, Error> {
    let found = read(raw)?;
    match found.kind {
        Kind::Path | Kind::Other if found.only_quotes() => path(found.text).map(KeyOrPath::Path),
        _ => key(raw).map(KeyOrPath::Key),
    }
}

/// Refuses what stands where an id or an address is missing: a placeholder, or a variable that nothing replaced.
pub(crate) fn refuse_stand_in(raw: &str) -> Result<(), Error> {
    let found = read(raw)?;
    match found.kind {
        Kind::Unexpanded | Kind::Placeholder if found.only_quotes() => Err(refuse_name(&found.kind)),
        _ => Ok(()),
    }
}

/// The path of a file, where a secret must not stand.
pub(crate) fn path_only(raw: &str) -> Result<Zeroizing<String>, Error> {
    let found = read(raw)?;
    match found.kind {
        Kind::Path | Kind::Other if found.only_quotes() => path(found.text),
        _ => Err(refuse(&found, "the path of a file")),
    }
}

/// A string of the program or of `--auth`.
pub(crate) fn credential(raw: &str) -> Result<Credential, Error> {
    let found = read(raw)?;
    match found.kind {
        Kind::IamToken if found.only_quotes() => checked_iam_token(&found).map(Credential::IamToken),
        Kind::OAuthToken if found.only_quotes() => {
            checked_oauth_token(&found.text).map(Credential::OAuthToken)
        }
        Kind::ApiKey | Kind::Other if found.only_quotes() => {
            checked_api_key(&found.text).map(Credential::ApiKey)
        }
        Kind::Path => Err(refuse_path()),
        Kind::Key | Kind::Json | Kind::BrokenJson | Kind::Pem => key(raw).map(Credential::Key),
        _ => Err(refuse(&found, "an API key, an IAM token, an OAuth token or a service account key")),
    }
}

/// The token of another service, sent to that service alone. Its format is not ours, but it is no secret of Yandex Cloud.
pub(crate) fn foreign_token(raw: &str) -> Result<Secret, Error> {
    let found = read(raw)?;
    match found.kind {
        Kind::OAuthToken | Kind::Pem | Kind::Key | Kind::Wrapped(..) | Kind::Encoded => {
            Err(refuse(&found, "the token of that service"))
        }
        _ => Secret::parse(raw).map_err(|reason| invalid(reason, AS_ISSUED)),
    }
}

/// The text of a file: UTF-8, without a byte order mark.
pub(crate) fn text(bytes: &[u8]) -> Result<Zeroizing<String>, Error> {
    if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return Err(refusal::utf16());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Zeroizing::new(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())),
        Err(_) => Err(invalid(
            "the file is not text (not UTF-8)",
            "check the program that writes the file, and its encoding",
        )),
    }
}

const IAM_TOKEN: &str = "an IAM token (`t1.…`)";
const KEY: &str = "a service account key";

impl Unwrapped {
    /// Whether nothing but quotes was around the text.
    fn only_quotes(&self) -> bool {
        self.layers.iter().all(|layer| *layer == Layer::Quotes)
    }
}

fn read(raw: &str) -> Result<Unwrapped, Error> {
    if raw.len() > MAX_TEXT { Err(too_large()) } else { Ok(unwrap(raw)) }
}

fn checked_api_key(text: &str) -> Result<Secret, Error> {
    let is_allowed = |byte: u8| is_word(byte) || matches!(byte, b'.' | b'~' | b'=');
    if let Some(flaw) = flaw(text, is_allowed) {
        return Err(invalid(&flaw, AS_ISSUED));
    }
    if text.len() > MAX_API_KEY {
        return Err(invalid("the value is longer than an API key (512 characters)", AS_ISSUED));
    }
    Ok(Secret::from_checked(text))
}

fn checked_iam_token(found: &Unwrapped) -> Result<IamToken, Error> {
    let text = &found.text;
    let is_marked = found.kind == Kind::IamToken;
    let is_allowed = |byte: u8| is_word(byte) || matches!(byte, b'.' | b'=');
    if is_marked && text.len() == 3 || !is_marked && text.len() < LEAST_UNMARKED {
        let unknown = Unwrapped { kind: Kind::Other, text: text.clone(), layers: Vec::new() };
        return Err(refuse(&unknown, IAM_TOKEN));
    }
    if let Some(flaw) = flaw(text, is_allowed) {
        return Err(invalid(&flaw, AS_ISSUED));
    }
    if text.len() > MAX_VALUE {
        return Err(invalid("the value is longer than 8192 bytes", AS_ISSUED));
    }
    Ok(IamToken { secret: Secret::from_checked(text), is_marked })
}

fn checked_oauth_token(text: &str) -> Result<Secret, Error> {
    let is_allowed = |byte: u8| is_word(byte) || matches!(byte, b'.' | b'~' | b'=');
    if let Some(flaw) = flaw(text, is_allowed) {
        return Err(invalid(&flaw, AS_ISSUED));
    }
    // A token behind other text, such as `token-y0_…`.
    if !has_oauth_mark(text) {
        return Err(invalid("the value has an OAuth token (`y0_…`) inside, and more text", AS_ISSUED));
    }
    if text.len() > MAX_VALUE {
        return Err(invalid("the value is longer than 8192 bytes", AS_ISSUED));
    }
    Ok(Secret::from_checked(text))
}

/// A PEM in the place of a key. A certificate, a public key and an encrypted key are told by the reader of the key.
fn refuse_pem(found: &Unwrapped) -> Error {
    match found.layers.is_empty() {
        true => invalid(
            "the key is a bare PEM: the ids of the key and of its service account are missing",
            "give the whole JSON file that `yc iam key create` wrote",
        ),
        false => refuse(found, KEY),
    }
}

/// A path. A `~` is not replaced: only a shell does that.
fn path(text: Zeroizing<String>) -> Result<Zeroizing<String>, Error> {
    if text.starts_with('~') {
        return Err(invalid(
            "the path begins with `~`, which only a shell replaces by the home folder",
            "give the whole path of the file",
        ));
    }
    if text.contains(['\n', '\r', '\0']) {
        return Err(invalid("the value has several lines, so it is not the path of a file", AS_ISSUED));
    }
    Ok(text)
}
