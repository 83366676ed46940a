//! Which certificate authorities are trusted, and the TLS configuration that trusts them.
//!
//! The SDK uses the same functions, so that a call and the token for it trust the same authorities. Nothing here is
//! global: the provider (ring) is named, not installed, so an application's own choice of provider stays as it is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::{CertificateResult, ErrorKind, load_certs_from_paths, load_native_certs};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::super::Environment;

/// Reads the certificate authorities of a PEM text: at least one.
///
/// # Errors
/// The reason, where the text holds no certificate or one that cannot be an authority.
#[doc(hidden)]
pub fn parse_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| "the PEM text is invalid")?;
    if certificates.is_empty() {
        return Err("there is no certificate in the PEM text");
    }
    for certificate in &certificates {
        RootCertStore::empty().add(certificate.clone()).map_err(|_| "it is not an X.509 certificate")?;
    }
    Ok(certificates)
}

/// The trusted authorities of an environment.
#[doc(hidden)]
#[derive(Debug)]
pub struct TrustedRoots {
    /// The authorities. May be empty.
    pub store: RootCertStore,
    /// The first file that could not be read.
    pub failure: Option<String>,
}

impl TrustedRoots {
    /// Reads the authorities of `SSL_CERT_FILE` and `SSL_CERT_DIR`, or the operating system's where neither is set,
    /// and adds `extra`. Blocks on files.
    #[must_use]
    pub fn load(environment: &dyn Environment, extra: &[CertificateDer<'static>]) -> Self {
        let loaded = load_certificates(environment);
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(loaded.certs);
        store.add_parsable_certificates(extra.iter().cloned());
        let failure = loaded.errors.first().map(|error| match &error.kind {
            ErrorKind::Io { inner, path } => format!("{}: {}", path.display(), inner.kind()),
            ErrorKind::Pem(_) => "a file is not PEM".to_owned(),
            _ => error.context.to_owned(),
        });
        Self { store, failure }
    }

    /// A client configuration that trusts them.
    ///
    /// # Errors
    /// rustls' own, where the provider offers no protocol version that is safe.
    pub fn into_client_config(self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(builder.with_root_certificates(self.store).with_no_client_auth())
    }
}

fn load_certificates(environment: &dyn Environment) -> CertificateResult {
    let set = |name: &str| environment.variable(name).filter(|value: &OsString| !value.is_empty());
    let (file, directories) = (set("SSL_CERT_FILE").map(PathBuf::from), set("SSL_CERT_DIR"));
    if file.is_none() && directories.is_none() {
        return load_native_certs();
    }
    let mut all = load_certs_from_paths(file.as_deref(), None);
    for directory in directories.iter().flat_map(std::env::split_paths).filter(|path| *path != Path::new(""))
    {
        let more = load_certs_from_paths(None, Some(&directory));
        all.certs.extend(more.certs);
        all.errors.extend(more.errors);
    }
    all
}
