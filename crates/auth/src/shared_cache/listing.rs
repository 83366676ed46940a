//! What the folder holds, by what stands in clear: for a person who looks or clears.

use std::io;
use std::time::{Duration, SystemTime};

use super::entry::{Parts, duration};
use crate::secret::redact;
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

/// Removes all entries, and the records and locks that belong to them. Returns the number of entries with a token.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the store cannot be changed.
pub fn clear(store: &dyn CacheStore) -> Result<usize, Error> {
    let names = store.names().map_err(|error| unusable(&error))?;
    let mut removed = 0;
    // Only what this library has written: a folder that was named by mistake keeps its files.
    for name in names.iter().filter(|name| is_ours(name)) {
        store.remove(name).map_err(|error| unusable(&error))?;
        removed += usize::from(name.ends_with(ENTRY));
    }
    Ok(removed)
}

/// Whether a name has the form of ours: 64 hexadecimal digits and a suffix.
fn is_ours(name: &str) -> bool {
    let digits = name.bytes().take_while(u8::is_ascii_hexdigit).count();
    digits == 64 && name[digits..].starts_with('.')
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
