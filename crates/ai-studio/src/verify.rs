//! Which certificate authorities the SDK trusts for everything it does: calls, discovery, channels, and the
//! credentials that it makes.
//!
//! The auth crate has the rules. This file has the option `verify`, which adds an authority to them.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
#[cfg(feature = "grpc")]
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use yandex_cloud_auth::System;
use yandex_cloud_auth::sdk_internals::{SharedWork, in_seconds};
use yandex_cloud_auth::system::transport_policy::{TrustedRoots, parse_pem};
use yandex_cloud_auth::system::{HttpError, HttpFault};

use crate::error::{Error, ErrorKind};

/// The help of errors of TLS.
pub(crate) const TLS_HELP: &str = "for a private certificate authority use `verify` or SSL_CERT_FILE; for plain text to loopback write `http://`";

/// The maximum size of a certificate file, in bytes. Real ones have a few hundred KiB.
const MAX_FILE: usize = 4 << 20;

/// How long a call waits for the files with certificate authorities.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The trusted certificate authorities: the value of the option `verify`.
///
/// `true`, the default: those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, or the operating system's where neither is set. A
/// path, or [`Verify::pem`]: those of a PEM file or text, too. `false` is refused: the SDK always verifies
/// certificates. Plain text goes to loopback only, by `http://` in the endpoint.
///
/// ```
/// use yandex_ai_studio_sdk::{AiStudio, Verify};
///
/// AiStudio::builder().auth("AQVN-fake").verify("/etc/ssl/corp-ca.pem").build()?;
/// AiStudio::builder().auth("AQVN-fake").verify(Verify::pem("-----BEGIN CERTIFICATE-----…")).build()?;
/// assert!(AiStudio::builder().auth("AQVN-fake").verify(false).build().is_err());
/// # Ok::<(), yandex_ai_studio_sdk::Error>(())
/// ```
#[derive(Clone)]
pub struct Verify(Source);

#[derive(Clone)]
enum Source {
    System,
    Off,
    File(PathBuf),
    Pem(Arc<[u8]>),
}

impl Verify {
    /// Also trusts the certificate authorities of a PEM text.
    #[must_use]
    pub fn pem(text: impl AsRef<[u8]>) -> Self {
        Self(Source::Pem(text.as_ref().into()))
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.0 {
            Source::Off => Err(Error::new(ErrorKind::Invalid, "verify: certificates are always verified").with_help(
                "give the file of your certificate authority; for plain text to loopback write `http://` in the endpoint",
            )),
            _ => Ok(()),
        }
    }

    fn adds_nothing(&self) -> bool {
        matches!(self.0, Source::System | Source::Off)
    }
}

impl Default for Verify {
    fn default() -> Self {
        Self(Source::System)
    }
}

impl From<bool> for Verify {
    fn from(verify: bool) -> Self {
        Self(if verify { Source::System } else { Source::Off })
    }
}

impl From<&str> for Verify {
    fn from(path: &str) -> Self {
        Self(Source::File(path.into()))
    }
}

impl From<String> for Verify {
    fn from(path: String) -> Self {
        Self(Source::File(path.into()))
    }
}

impl From<&Path> for Verify {
    fn from(path: &Path) -> Self {
        Self(Source::File(path.into()))
    }
}

impl From<PathBuf> for Verify {
    fn from(path: PathBuf) -> Self {
        Self(Source::File(path))
    }
}

impl fmt::Debug for Verify {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::System => formatter.write_str("true"),
            Source::Off => formatter.write_str("false"),
            Source::File(path) => path.fmt(formatter),
            Source::Pem(_) => formatter.write_str("PEM"),
        }
    }
}

/// The certificate authorities that one SDK object trusts, read through its `System`.
#[derive(Clone, Debug)]
pub(crate) struct TrustStore {
    verify: Verify,
    system: System,
    reads: Arc<Reads>,
}

/// The read of the authorities that is under way. A file that hangs costs one thread, however often it is asked for.
type Reads = SharedWork<(), Result<Arc<TrustedRoots>, Error>>;

impl TrustStore {
    pub(crate) fn new(verify: Verify, system: System) -> Self {
        Self { verify, system, reads: Arc::default() }
    }

    /// The `System` for the SDK and its credentials: its transport trusts the same authorities.
    pub(crate) fn system(&self) -> System {
        if self.verify.adds_nothing() {
            return self.system.clone();
        }
        let store = self.clone();
        self.system.clone().with_root_loader(move || {
            store.added().map_err(|error| HttpError::new(HttpFault::NoAuthorities, error.to_string()))
        })
    }

    /// The authorities. An empty store is no error here: the SDK may only talk plain text to loopback.
    #[cfg(feature = "grpc")]
    pub(crate) async fn roots(&self) -> Result<RootCertStore, Error> {
        Ok(self.load().await?.store)
    }

    /// A TLS configuration for HTTP/1.1 that trusts the authorities.
    pub(crate) async fn client_config(&self) -> Result<ClientConfig, Error> {
        let config = self.load().await?.into_client_config();
        let mut config = config
            .map_err(|error| Error::new(ErrorKind::Invalid, format!("TLS cannot be set up: {error}")))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Reads the authorities, on a thread that callers share: a file may be a pipe, or on a server that is down.
    async fn load(&self) -> Result<TrustedRoots, Error> {
        let store = self.clone();
        let read = self.reads.run((), move || {
            let added = store.added()?;
            Ok(Arc::new(TrustedRoots::load(store.system.environment(), &added)))
        });
        let unread = |why: String| {
            Error::new(ErrorKind::Unavailable, format!("the CA certificates {why}")).with_help(TLS_HELP)
        };
        match tokio::time::timeout(READ_TIMEOUT, read).await {
            Ok(Ok(roots)) => roots.map(|roots| TrustedRoots::clone(&roots)),
            Ok(Err(error)) => Err(unread(format!("could not be read: {error}"))),
            Err(_) => Err(unread(format!("were not read within {}", in_seconds(READ_TIMEOUT)))),
        }
    }

    /// The authorities that `verify` adds.
    fn added(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let pem = match &self.verify.0 {
            Source::System | Source::Off => return Ok(Vec::new()),
            Source::Pem(pem) => Cow::Borrowed(&**pem),
            Source::File(path) => {
                let read = self.system.files().read(path, MAX_FILE);
                Cow::Owned(read.map_err(|error| self.unusable(&error.to_string()))?)
            }
        };
        parse_pem(&pem).map_err(|why| self.unusable(why))
    }

    fn unusable(&self, why: &str) -> Error {
        let place = match &self.verify.0 {
            Source::File(path) => format!("verify: {}", path.display()),
            _ => "verify".to_owned(),
        };
        Error::new(ErrorKind::Invalid, format!("{place}: {why}"))
            .with_help("give a PEM file with the certificate of your certificate authority")
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, channel};
    use std::sync::{Mutex, PoisonError};

    use yandex_cloud_auth::system::Files;

    use super::*;

    /// A file that hangs while the sender exists, and the number of reads.
    struct Hanging(Mutex<Receiver<()>>, Arc<AtomicUsize>);

    impl Files for Hanging {
        fn read(&self, _path: &Path, _limit: usize) -> io::Result<Vec<u8>> {
            self.1.fetch_add(1, Ordering::SeqCst);
            let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).recv();
            Err(io::ErrorKind::NotFound.into())
        }

        fn is_executable(&self, _path: &Path) -> bool {
            false
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_hangs_costs_one_thread_and_no_call_waits_for_it_for_ever() {
        let (release, held) = channel();
        let reads = Arc::new(AtomicUsize::new(0));
        let system = System::real().with_files(Hanging(Mutex::new(held), Arc::clone(&reads)));
        let store = TrustStore::new("/ca.pem".into(), system);
        for _ in 0..3 {
            let error = store.client_config().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(error.to_string().contains("the CA certificates were not read within 5 s"), "{error}");
        }
        drop(release);
        assert!(reads.load(Ordering::SeqCst) <= 1, "{reads:?}");
    }
}
