//! Whom the SDK trusts over TLS, for all that it does: calls, discovery, channels, and the credentials that it makes.
//!
//! Nothing here is global: the provider (ring) is named, never installed.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use yandex_cloud_auth::System;
use yandex_cloud_auth::system::{
    BoxFuture, Environment, HttpError, HttpFault, HttpOptions, HttpTransport, HyperTransport,
};

use crate::error::{Error, ErrorKind};
use crate::shared::Shared;

/// What to do where TLS fails.
pub(crate) const TLS_HELP: &str = "for a certificate authority of your own there is `verify`, or SSL_CERT_FILE; plain text to this machine needs `http://`";

/// A file of certificates is a few hundred KiB at the most.
const MAX_FILE: usize = 4 << 20;

/// Which certificate authorities are trusted: what `verify` takes.
///
/// `true`, the default: the system's, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`. A path, or [`Verify::pem`]:
/// those of a PEM file or text too. `false` is refused: there is no TLS without verification here, and plain text goes
/// to this machine alone, by `http://` in the endpoint.
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
pub struct Verify(Which);

#[derive(Clone)]
enum Which {
    System,
    Off,
    File(PathBuf),
    Pem(Arc<[u8]>),
}

impl Verify {
    /// The certificate authorities of a PEM text, beside the system's.
    #[must_use]
    pub fn pem(text: impl AsRef<[u8]>) -> Self {
        Self(Which::Pem(text.as_ref().into()))
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.0 {
            Which::Off => Err(Error::new(ErrorKind::Invalid, "verify: certificates are always verified").with_help(
                "give the file of your certificate authority; plain text, to this machine alone, is `http://` in the endpoint",
            )),
            _ => Ok(()),
        }
    }

    fn is_of_the_system_alone(&self) -> bool {
        matches!(self.0, Which::System | Which::Off)
    }
}

impl Default for Verify {
    fn default() -> Self {
        Self(Which::System)
    }
}

impl From<bool> for Verify {
    fn from(verify: bool) -> Self {
        Self(if verify { Which::System } else { Which::Off })
    }
}

impl From<&str> for Verify {
    fn from(path: &str) -> Self {
        Self(Which::File(path.into()))
    }
}

impl From<String> for Verify {
    fn from(path: String) -> Self {
        Self(Which::File(path.into()))
    }
}

impl From<&Path> for Verify {
    fn from(path: &Path) -> Self {
        Self(Which::File(path.into()))
    }
}

impl From<PathBuf> for Verify {
    fn from(path: PathBuf) -> Self {
        Self(Which::File(path))
    }
}

impl fmt::Debug for Verify {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Which::System => formatter.write_str("true"),
            Which::Off => formatter.write_str("false"),
            Which::File(path) => path.fmt(formatter),
            Which::Pem(_) => formatter.write_str("PEM"),
        }
    }
}

/// The authorities of one SDK object, read from one machine.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    verify: Verify,
    system: System,
}

impl Trust {
    pub(crate) fn new(verify: Verify, system: System) -> Self {
        Self { verify, system }
    }

    /// The machine as the SDK itself and its credentials see it: with a transport that trusts the same authorities.
    pub(crate) fn system(&self) -> System {
        if self.verify.is_of_the_system_alone() {
            return self.system.clone();
        }
        self.system.clone().with_http(Trusting { trust: self.clone(), transport: Shared::default() })
    }

    /// Reads the authorities. Blocks on files.
    pub(crate) fn roots(&self) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(of_system(self.system.environment()).certs);
        if let Some(pem) = self.pem()? {
            let added = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
            let added = added.map_err(|_| self.unusable("the PEM text is broken"))?;
            if added.is_empty() {
                return Err(self.unusable("there is no certificate in it"));
            }
            for certificate in added {
                roots.add(certificate).map_err(|_| self.unusable("it is not an X.509 certificate"))?;
            }
        }
        // None at all is no error here: a server on this machine may be spoken to in plain text.
        Ok(roots)
    }

    /// A configuration for HTTP/1.1 that trusts them.
    pub(crate) fn tls(&self) -> Result<ClientConfig, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new(ErrorKind::Invalid, format!("TLS cannot be set up: {error}")))?;
        let mut tls = builder.with_root_certificates(self.roots()?).with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(tls)
    }

    fn pem(&self) -> Result<Option<Cow<'_, [u8]>>, Error> {
        match &self.verify.0 {
            Which::System | Which::Off => Ok(None),
            Which::Pem(pem) => Ok(Some(Cow::Borrowed(pem))),
            Which::File(path) => match self.system.files().read(path, MAX_FILE) {
                Ok(pem) => Ok(Some(Cow::Owned(pem))),
                Err(error) => Err(self.unusable(&error.to_string())),
            },
        }
    }

    fn unusable(&self, why: &str) -> Error {
        let place = match &self.verify.0 {
            Which::File(path) => format!("verify: {}", path.display()),
            _ => "verify".to_owned(),
        };
        Error::new(ErrorKind::Invalid, format!("{place}: {why}"))
            .with_help("give a PEM file with the certificate of your certificate authority")
    }
}

fn of_system(environment: &dyn Environment) -> CertificateResult {
    let set = |name: &str| environment.variable(name).filter(|value: &OsString| !value.is_empty());
    let (file, directories) = (set("SSL_CERT_FILE").map(PathBuf::from), set("SSL_CERT_DIR"));
    if file.is_none() && directories.is_none() {
        return load_native_certs();
    }
    let mut all = load_certs_from_paths(file.as_deref(), None);
    for directory in directories.iter().flat_map(std::env::split_paths).filter(|path| *path != Path::new(""))
    {
        all.certs.extend(load_certs_from_paths(None, Some(&directory)).certs);
    }
    all
}

/// The auth crate's transport with our authority added, which is read when it is first needed.
struct Trusting {
    trust: Trust,
    transport: Shared<Arc<HyperTransport>>,
}

/// Reads the authority. Blocks on a file.
fn transport(trust: &Trust) -> Result<Arc<HyperTransport>, Error> {
    let environment = Arc::new(Of(trust.system.clone()));
    let pem = trust.pem()?.unwrap_or_default();
    let transport = HyperTransport::new(environment).with_root_certificate_pem(&pem);
    transport.map(Arc::new).map_err(|error| trust.unusable(&error.to_string()))
}

/// Reads what is trusted, beside the executor: files may hang.
pub(crate) async fn aside<T: Send + 'static>(
    trust: Trust,
    read: impl FnOnce(&Trust) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(move || read(&trust)).await;
    done.map_err(|_| Error::new(ErrorKind::Invalid, "the CA certificates could not be read"))?
}

impl HttpTransport for Trusting {
    fn send(
        &self,
        request: http::Request<Vec<u8>>,
        options: HttpOptions,
    ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, HttpError>> {
        Box::pin(async move {
            let read = || aside(self.trust.clone(), transport);
            let transport = self.transport.get(&self.trust.system, read).await;
            let transport = transport.map_err(|error| HttpError::new(HttpFault::Tls, error.to_string()))?;
            let answer = transport.send(request, options).await;
            if answer.as_ref().is_err_and(|error| error.fault() == HttpFault::Tls) {
                // The authority may have been replaced since it was read.
                self.transport.forget();
            }
            answer
        })
    }
}

/// The environment of a system.
struct Of(System);

impl Environment for Of {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.0.environment().variable(name)
    }

    fn variables(&self) -> Vec<(OsString, OsString)> {
        self.0.environment().variables()
    }

    fn stdin_is_terminal(&self) -> bool {
        self.0.environment().stdin_is_terminal()
    }
}
