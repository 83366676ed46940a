//! The TLS configuration of a transport: read once, shared by all requests, read again after a TLS failure.
//!
//! A file with certificates that hangs costs one thread, and each request waits no longer than its own limit. A child
//! that a fork made reads the files itself: a read that the parent had begun would never end in the child.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ClientConfig;

use super::super::per_process::PerProcess;
use super::super::shared_work::SharedWork;
use super::{HttpError, HttpFault};

/// The configuration, once it was read.
pub(super) struct CachedConfig {
    /// `None` before the first use and after a TLS failure: the authorities may have been replaced.
    current: PerProcess<Mutex<Option<Arc<ClientConfig>>>>,
    reads: SharedWork<(), Result<Arc<ClientConfig>, HttpError>>,
}

impl CachedConfig {
    pub(super) fn new() -> Self {
        Self { current: PerProcess::new(Mutex::default), reads: SharedWork::new() }
    }

    /// The configuration that `load` reads, or the one that was read before.
    pub(super) async fn get(
        &self,
        load: impl FnOnce() -> Result<Arc<ClientConfig>, HttpError> + Send + 'static,
    ) -> Result<Arc<ClientConfig>, HttpError> {
        let current = self.current.get();
        if let Some(config) = &*lock(&current) {
            return Ok(Arc::clone(config));
        }
        let load = move || {
            let config = load()?;
            *lock(&current) = Some(Arc::clone(&config));
            Ok(config)
        };
        let read = self.reads.run((), load).await;
        read.unwrap_or_else(|error| {
            Err(HttpError::new(HttpFault::Tls, format!("the CA certificates could not be read: {error}")))
        })
    }

    /// Forgets `failed`, unless another request has read a newer configuration.
    pub(super) fn forget(&self, failed: &Arc<ClientConfig>) {
        let owned = self.current.get();
        let mut current = lock(&owned);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, failed)) {
            *current = None;
        }
    }
}

fn lock(current: &Mutex<Option<Arc<ClientConfig>>>) -> MutexGuard<'_, Option<Arc<ClientConfig>>> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}
