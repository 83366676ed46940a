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
        let kept = lock(&self.current.get()).clone();
        match kept {
            Some(config) => Ok(config),
            None => self.read(load).await,
        }
    }

    /// The configuration of the read that is under way, else the one that `load` reads.
    async fn read(
        &self,
        load: impl FnOnce() -> Result<Arc<ClientConfig>, HttpError> + Send + 'static,
    ) -> Result<Arc<ClientConfig>, HttpError> {
        let current = self.current.get();
        let load = move || {
            // A read may have ended after the caller found no configuration. Its files may be gone by now.
            let kept = lock(&current).clone();
            if let Some(config) = kept {
                return Ok(config);
            }
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

#[cfg(test)]
mod tests {
    use super::super::super::doubles::TestEnvironment;
    use super::super::roots::TrustedRoots;
    use super::*;

    #[tokio::test]
    async fn a_caller_that_comes_as_a_read_ends_does_not_read_again() {
        let roots = TrustedRoots::load(&TestEnvironment::new([("SSL_CERT_FILE", "/nonexistent")]), &[]);
        let config = Arc::new(roots.into_client_config().unwrap());
        let cached = CachedConfig::new();
        let read = Arc::clone(&config);
        assert!(Arc::ptr_eq(&cached.get(move || Ok(read)).await.unwrap(), &config));
        // The state of a caller that looked before the read had ended.
        let late = cached.read(|| panic!("the files were read again")).await;
        assert!(Arc::ptr_eq(&late.unwrap(), &config));
    }
}
