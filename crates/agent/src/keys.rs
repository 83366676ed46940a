//! The keys by which a listener knows its clients. A key is the agent's own, and worth nothing elsewhere.

use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use ring::digest::{Digest, SHA256, digest};
use yandex_cloud_auth::{Error, ErrorKind};
use zeroize::Zeroizing;

use crate::config::KeyConfig;
use crate::secret_file;
use crate::service::{Body, text};

/// The keys of a listener, as digests: a comparison takes the same time wherever the first difference is.
pub(crate) struct Keys(Vec<Digest>);

impl Keys {
    /// Reads the file of each key. If there is no file, makes one with a random key.
    ///
    /// # Errors
    /// `Invalid` if a file cannot be read or made, if others can read it, or if it holds no key.
    pub(crate) fn load(keys: &[KeyConfig]) -> Result<Self, Error> {
        let load = |key: &KeyConfig| match &key.value {
            Some(value) => of_value(key, value),
            None => load(&key.file),
        };
        let loaded = keys.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        refuse_twice(keys, &loaded)?;
        Ok(Self(loaded))
    }

    /// The digests of the keys.
    pub(crate) fn digests(&self) -> &[Digest] {
        &self.0
    }

    /// Whether a request has one of the keys, or needs none.
    pub(crate) fn allow(&self, headers: &HeaderMap) -> bool {
        self.0.is_empty() || self.of(headers).is_some()
    }

    /// The key that a request has: its place in the configuration, and its text.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Option<(usize, Zeroizing<String>)> {
        self.known(sent(headers)?)
    }

    /// The place of a key in the configuration, and the key, if it is one of the keys.
    pub(crate) fn known(&self, sent: Zeroizing<String>) -> Option<(usize, Zeroizing<String>)> {
        Some((self.place(&sent)?, sent))
    }

    /// The place of a key in the configuration. All keys are compared in any case.
    fn place(&self, sent: &str) -> Option<usize> {
        let sent = digest(&SHA256, sent.as_bytes());
        let places = self.0.iter().enumerate();
        places
            .fold(None, |found, (place, key)| if key.as_ref() == sent.as_ref() { Some(place) } else { found })
    }
}

/// How credentials of the scheme `Basic` begin.
const SCHEME: &[u8] = b"basic ";

/// The headers in which clients send a key alone.
const ALONE: [HeaderName; 2] = [HeaderName::from_static("api-key"), HeaderName::from_static("x-api-key")];

/// The key of a request: `Bearer KEY` or `Api-Key KEY`, the password of `Basic`, as a browser sends it, or a header with the
/// key alone.
pub(crate) fn sent(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok()?,
        (None, _) => {
            let value = ALONE.iter().find_map(|name| headers.get(name))?;
            return Some(Zeroizing::new(value.to_str().ok()?.trim().to_owned()));
        }
        _ => return None,
    };
    if let Some(decoded) = basic(value.as_bytes()) {
        let (_, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        return Some(Zeroizing::new(password.to_owned()));
    }
    let (scheme, value) = value.split_once(' ')?;
    let is_known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("api-key");
    is_known.then(|| Zeroizing::new(value.trim().to_owned()))
}

/// The credentials in the value of a header that has the scheme `Basic`: `user:password`. Other values are not decoded.
pub(crate) fn basic(value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (scheme, encoded) = value.split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    STANDARD.decode(encoded.trim_ascii()).ok().map(Zeroizing::new)
}

/// The response to a request without a key, or with a wrong one.
pub(crate) fn key_wanted() -> Response<Body> {
    let mut response =
        text(StatusCode::UNAUTHORIZED, "the key is missing or wrong: send `Authorization: Bearer KEY`\n");
    let scheme = HeaderValue::from_static("Basic realm=\"yc-auth\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    response
}

/// Checks each key. Makes no file.
///
/// # Errors
/// As [`Keys::load`].
pub(crate) fn check(keys: &[KeyConfig]) -> Result<(), Error> {
    let missing = |path: &Path| secret_file::can_be_made(path).map(|()| None);
    let one = |key: &KeyConfig| match &key.value {
        Some(value) => of_value(key, value).map(Some),
        None => read(&key.file, missing),
    };
    let read = keys.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    let (known, loaded): (Vec<_>, Vec<_>) =
        keys.iter().zip(read).filter_map(|(key, read)| Some((key.clone(), read?))).unzip();
    refuse_twice(&known, &loaded)
}

/// Refuses a key that is there twice: its client would have two identities.
fn refuse_twice(keys: &[KeyConfig], loaded: &[Digest]) -> Result<(), Error> {
    let is_known = |place: usize| loaded[..place].iter().any(|key| key.as_ref() == loaded[place].as_ref());
    match (0..loaded.len()).find(|place| is_known(*place)) {
        Some(place) => Err(Error::new(ErrorKind::Invalid, "another file holds the same key")
            .at(keys[place].file.display().to_string())
            .with_help("give each client a key of its own")),
        None => Ok(()),
    }
}

/// What a key looks like.
const SHAPE: &str = "a key has at least 16 visible characters, and no spaces";

/// The digest of a text that can be a key.
fn checked(text: &str) -> Option<Digest> {
    let key = text.trim();
    let is_key = key.len() >= secret_file::MIN_SECRET && key.bytes().all(|byte| byte.is_ascii_graphic());
    is_key.then(|| digest(&SHA256, key.as_bytes()))
}

/// The key of a value that stands in the place of a file.
fn of_value(key: &KeyConfig, value: &str) -> Result<Digest, Error> {
    let error = || Error::new(ErrorKind::Invalid, "the value is no key").at(key.file.display().to_string());
    checked(value).ok_or_else(|| error().with_help(SHAPE))
}

fn load(path: &Path) -> Result<Digest, Error> {
    let made = |path: &Path| create(path).map(Some);
    read(path, made)?.ok_or_else(|| Error::new(ErrorKind::Invalid, "there is no key"))
}

/// The key of a file. `missing` gives the text where there is no file.
fn read(
    path: &Path,
    missing: impl FnOnce(&Path) -> io::Result<Option<Zeroizing<String>>>,
) -> Result<Option<Digest>, Error> {
    let error = |reason: String| {
        Error::new(ErrorKind::Invalid, reason).at(path.display().to_string()).with_help(
            "the file holds the key alone, at least 16 visible characters, and has mode 0600; the agent makes a new file if \
             there is none",
        )
    };
    let text = match secret_file::read(path) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => missing(path),
        read => read.map(Some),
    };
    let Some(text) = text.map_err(|reason| error(reason.to_string()))? else { return Ok(None) };
    checked(&text).map(Some).ok_or_else(|| error(format!("the file holds no key: {SHAPE}")))
}

/// A random key, in a new file.
fn create(path: &Path) -> io::Result<Zeroizing<String>> {
    let key = secret_file::random()?;
    let key = secret_file::create(path, &key)?;
    tracing::info!(path = %path.display(), "made the key");
    Ok(key)
}
