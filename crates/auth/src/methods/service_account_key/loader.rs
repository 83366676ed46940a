//! The key behind the method: given whole, or read from its file for each exchange.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ring::digest::{Digest, SHA256, digest};

#[cfg(feature = "shared-cache")]
use super::key_file::KeyParts;
use super::key_file::{MAX_FILE, ServiceAccountKey};
use crate::log::log;
use crate::methods::secret_file::{SecretFile, read_within};
use crate::system::System;
use crate::{Error, ErrorKind};

/// A key, or the file that the key is read from each time.
pub(super) enum KeyLoader {
    Whole(Arc<ServiceAccountKey>),
    File {
        file: SecretFile,
        /// The hash of the last content, and the key in it: parsing an RSA key is expensive.
        last: Mutex<Option<(Digest, Arc<ServiceAccountKey>)>>,
        /// Whether the log already has the warning about the mode of the file.
        warned: Arc<AtomicBool>,
    },
}

impl KeyLoader {
    /// The key in a file.
    pub(super) fn file(file: SecretFile, warned: &Arc<AtomicBool>) -> Self {
        Self::File { file, last: Mutex::default(), warned: Arc::clone(warned) }
    }

    /// The current key.
    pub(super) async fn key(&self, system: &System) -> Result<Arc<ServiceAccountKey>, Error> {
        let (file, last, warned) = match self {
            Self::Whole(key) => return Ok(Arc::clone(key)),
            Self::File { file, last, warned } => (file, last, warned),
        };
        let text = file.read(system, MAX_FILE, ErrorKind::Invalid).await?;
        let hash = digest(&SHA256, text.as_bytes());
        // The guard is dropped at the end of this line: a lock must not be held over an await or over parsing.
        let known = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, key)) = known.filter(|(of, _)| of.as_ref() == hash.as_ref()) {
            return Ok(key);
        }
        let key = ServiceAccountKey::parse(&text).map(Arc::new).map_err(|error| error.at(file.location()))?;
        let before = last.lock().unwrap_or_else(PoisonError::into_inner).replace((hash, Arc::clone(&key)));
        if let Some((_, before)) = before
            && before.service_account_id != key.service_account_id
        {
            let (now, before) = (&key.service_account_id, &before.service_account_id);
            log(|| {
                tracing::warn!(
                    file = file.location(),
                    "the key in the file now belongs to the service account {now}; the last key belonged to {before}"
                );
            });
        }
        // `swap` makes the check and the mark one step, so two fetches at once log one warning.
        if let Some(warning) = file.mode_warning(system).await
            && !warned.swap(true, Ordering::Relaxed)
        {
            log(|| tracing::warn!(file = file.location(), "{warning}"));
        }
        Ok(key)
    }

    /// The parts of the key that name an entry of the shared cache and open it: the account, the id of the key, and a
    /// digest of the private key.
    #[cfg(feature = "shared-cache")]
    pub(super) async fn cache_parts(
        &self,
        system: &System,
    ) -> Option<(String, String, zeroize::Zeroizing<Vec<u8>>)> {
        match self {
            Self::Whole(key) => Some((key.service_account_id.clone(), key.id.clone(), key.digest.clone())),
            Self::File { file, .. } => {
                let text = file.read(system, MAX_FILE, ErrorKind::Invalid).await.ok()?;
                // Without the check of the numbers, which takes as long as a signature: a damaged key opens no entry.
                let parts = KeyParts::parse(&text).ok()?;
                Some((parts.service_account_id.clone(), parts.id.clone(), parts.digest()))
            }
        }
    }

    /// The warning about the mode of the file.
    pub(super) async fn warning(&self, system: &System) -> Option<String> {
        match self {
            Self::Whole(_) => None,
            Self::File { file, .. } => file.mode_warning(system).await,
        }
    }

    /// The current key, if the file can be read within `limit`.
    pub(super) async fn key_within(
        &self,
        limit: Duration,
        system: &System,
    ) -> Result<Arc<ServiceAccountKey>, Error> {
        match self {
            Self::Whole(key) => Ok(Arc::clone(key)),
            Self::File { file, .. } => read_within(limit, system, &file.location(), self.key(system)).await,
        }
    }
}
