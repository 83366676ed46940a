//! A token that stands in a variable: read again for every request, made into a header only when it has changed.
//!
//! Something else keeps it fresh (DataSphere does), so it is used as long as it stands there, and never once it
//! does not: the last value is not a fallback.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use zeroize::Zeroizing;

use super::cached_header::{CachedHeader, Scheme};
use super::notifier::Notifier;
use super::schedule::Schedule;
use crate::secret::Secret;
use crate::system::System;
use crate::{Error, Method};

/// Reads and checks the value of a variable.
pub(crate) type Reader = fn(&System, &str) -> Result<Secret, Error>;

/// The variable and the header made of its last value.
pub(crate) struct Variable {
    name: String,
    read: Reader,
    ready: ArcSwapOption<CachedHeader>,
    generation: AtomicU64,
    making: Mutex<()>,
}

impl Variable {
    pub(crate) fn new(name: String, read: Reader) -> Self {
        Self {
            name,
            read,
            ready: ArcSwapOption::empty(),
            generation: AtomicU64::new(0),
            making: Mutex::new(()),
        }
    }

    /// The header for the value that stands there now.
    pub(crate) fn read(&self, system: &System, changes: &Notifier) -> Result<Arc<CachedHeader>, Error> {
        let raw = system.environment().variable(&self.name);
        let value = raw.and_then(|raw| raw.into_string().ok()).map(Zeroizing::new);
        let value = value.as_ref().map_or("", |value| value.trim());
        let is_same = |ready: &Arc<CachedHeader>| !value.is_empty() && ready.secret() == Some(value);
        if let Some(ready) = self.ready.load_full().filter(is_same) {
            return ready.check_unrevoked().map(|()| ready);
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = self.ready.load_full().filter(is_same) {
            return ready.check_unrevoked().map(|()| ready);
        }
        let secret = (self.read)(system, &self.name).map_err(|error| error.of(Method::EnvIamToken))?;
        let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        let now = system.clock().now();
        let ready = CachedHeader::new(
            Method::EnvIamToken,
            Some((Scheme::Bearer, &secret)),
            generation,
            Schedule::FOREVER,
            now,
        );
        let ready = Arc::new(ready);
        self.ready.store(Some(Arc::clone(&ready)));
        if generation > 1 {
            changes.notify();
        }
        ready.check_unrevoked().map(|()| ready)
    }
}
