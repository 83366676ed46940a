//! What the folder holds, by what stands in clear: for a person who looks or clears.

use std::io;
use std::time::{Duration, SystemTime};

use super::entry::{Parts, duration, token_digest};
use crate::secret::{Secret, redact};
use crate::system::CacheStore;
use crate::{Error, ErrorKind};

/// The suffix of the entries with a token.
pub(super) const ENTRY: &str = ".entry";

/// An entry of the shared cache, by what stands in clear in its file. Nothing of it is authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheEntry {
    /// The method that made the token.
    pub method: String,
    /// The addresses that the token belongs to.
    pub endpoint: String,
    /// The audience; for impersonation the service account.
    pub audience: Option<String>,
    /// The public id of the identity, if it has one.
    pub identity: Option<String>,
    /// When the token ends.
    pub expires_at: Option<SystemTime>,
}

/// The entries of a store. Files that are no entries are left out.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the store cannot be read.
///
/// ```
/// use yandex_cloud_auth::shared_cache::entries;
/// use yandex_cloud_auth::system::CacheFolder;
/// assert!(entries(&CacheFolder::new("/nonexistent/yc-auth"))?.is_empty());
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
pub fn entries(store: &dyn CacheStore) -> Result<Vec<CacheEntry>, Error> {
    let names = store.names().map_err(|error| unusable(&error))?;
    let names = names.iter().filter(|name| name.ends_with(ENTRY));
    Ok(names.filter_map(|name| parse(&store.read(name).ok()??)).collect())
}

/// Removes the entry of a token that was revoked, whichever credential made the token.
pub(crate) fn remove_token(store: &dyn CacheStore, revoked: &Secret) -> io::Result<()> {
    let digest = token_digest(revoked);
    for name in store.names()?.iter().filter(|name| name.ends_with(ENTRY)) {
        let Ok(Some(text)) = store.read(name) else { continue };
        let is_it = Parts::of(&text).is_some_and(|parts| {
            parts.fields.get("digest").and_then(|found| found.as_str()) == Some(&digest)
        });
        if is_it {
            store.remove(name)?;
        }
    }
    Ok(())
}

/// Removes all entries, and the records and locks that belong to them. Returns the number of entries with a token.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the store cannot be changed.
pub fn clear(store: &dyn CacheStore) -> Result<usize, Error> {
    let names = store.names().map_err(|error| unusable(&error))?;
    let (mut removed, mut failure) = (0, None);
    // Only what this library has written: a folder that was named by mistake keeps its files.
    for name in names.iter().filter(|name| is_ours(name)) {
        match store.remove(name) {
            Ok(()) => removed += usize::from(name.ends_with(ENTRY)),
            // The others are removed all the same.
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(removed), |error| Err(unusable(&error)))
}

/// The suffixes of what the library and the command write.
const SUFFIXES: [&str; 6] = ["answer", "entry", "failure", "hook", "lock", "takeover"];

/// Whether a name is one of ours: 64 hexadecimal digits in lower case and a suffix, and for a file that was not finished
/// two numbers and `new`.
fn is_ours(name: &str) -> bool {
    let mut parts = name.split('.');
    let is_digest = parts.next().is_some_and(|digits| {
        digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    });
    let is_known = parts.next().is_some_and(|suffix| SUFFIXES.contains(&suffix));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let rest: Vec<&str> = parts.collect();
    let is_whole = match rest[..] {
        [] => true,
        [process, write, "new"] => is_number(process) && is_number(write),
        _ => false,
    };
    is_digest && is_known && is_whole
}

fn parse(text: &[u8]) -> Option<CacheEntry> {
    let fields = Parts::of(text)?.fields;
    let text = |name: &str| {
        let text = fields.get(name)?.as_str()?;
        (!text.is_empty()).then(|| redact(text, &[]))
    };
    let expires_at = fields.get("expires_at_ms").and_then(duration);
    let at = |since: Duration| SystemTime::UNIX_EPOCH.checked_add(since);
    Some(CacheEntry {
        method: text("method")?,
        endpoint: text("endpoint")?,
        audience: text("audience"),
        identity: text("identity"),
        expires_at: expires_at.and_then(at),
    })
}

fn unusable(error: &io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the shared cache cannot be used: {error}"))
        .with_help("name another folder with YC_AUTH_CACHE_DIR; it has to be yours alone (mode 0700)")
}
