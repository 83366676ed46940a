//! `yc-auth cache`: what the folder of the shared tokens holds, and how to empty it.
//!
//! The list shows what stands in clear in the entries: method, identity, endpoint, end. JSON is a list of objects with
//! these fields; a field without a value is null.

use std::io::{IsTerminal, Write, stderr};
use std::path::Path;

use serde::Serialize;
use yandex_cloud_auth::shared_cache::{CacheEntry, clear, entries};
use yandex_cloud_auth::system::CacheFolder;
use yandex_cloud_auth::{Error, System};

use crate::arguments::{CacheAction, CacheOptions, Format};
use crate::failure::Failure;
use crate::output;
use crate::shared_cache;

#[derive(Serialize)]
struct EntryOutput<'a> {
    method: &'a str,
    identity: Option<&'a str>,
    endpoint: &'a str,
    audience: Option<&'a str>,
    expires_at: Option<String>,
}

impl<'a> From<&'a CacheEntry> for EntryOutput<'a> {
    fn from(entry: &'a CacheEntry) -> Self {
        Self {
            method: &entry.method,
            identity: entry.identity.as_deref(),
            endpoint: &entry.endpoint,
            audience: entry.audience.as_deref(),
            expires_at: entry.expires_at.and_then(output::rfc3339),
        }
    }
}

/// Lists or clears the shared tokens.
pub(crate) fn run(options: &CacheOptions, out: &mut dyn Write) -> Result<(), Failure> {
    match &options.action {
        CacheAction::List { cache_dir, format } => {
            let folder = folder(cache_dir.as_deref())?;
            let found = match &folder {
                Some(folder) => entries(folder)?,
                None => Vec::new(),
            };
            if found.is_empty() && *format == Format::Text && stderr().is_terminal() {
                let _ = match &folder {
                    Some(folder) => writeln!(stderr(), "no shared tokens in {}", folder.path().display()),
                    None => writeln!(stderr(), "the tokens are not shared: YC_AUTH_CACHE is off"),
                };
            }
            let listed: Vec<_> = found.iter().map(EntryOutput::from).collect();
            match format {
                Format::Json => output::json(out, &listed)?,
                Format::Text => {
                    for entry in listed {
                        let until = entry.expires_at.as_deref().unwrap_or("-");
                        let identity = entry.identity.unwrap_or("-");
                        let mut words = vec![entry.method, "  ", identity, "  ", entry.endpoint, "  ", until];
                        if let Some(audience) = entry.audience {
                            words.extend(["  audience ", audience]);
                        }
                        output::line(out, &words)?;
                    }
                }
            }
        }
        CacheAction::Clear { cache_dir } => {
            if let Some(folder) = folder(cache_dir.as_deref())? {
                clear(&folder)?;
            }
        }
    }
    Ok(())
}

/// The folder. A cache that is off is an empty one.
fn folder(given: Option<&Path>) -> Result<Option<CacheFolder>, Error> {
    shared_cache::named_folder(given, &System::real())
}
