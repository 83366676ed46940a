//! TLS: which authorities are trusted, and what a failed handshake says.
//!
//! Nothing here is global: the provider (ring) is named, never installed, and an application's own choice of
//! provider neither changes ours nor is changed.

use std::error::Error as StdError;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_native_certs::{CertificateResult, ErrorKind, load_certs_from_paths, load_native_certs};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::super::Environment;
use super::dial::inner;
use super::{HttpError, HttpFault};

/// The certificates of a PEM text; at least one, each fit to be an authority.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    let refuse = |why: &str| HttpError::new(HttpFault::Tls, format!("the CA certificate is unusable: {why}"));
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| refuse("the PEM text is broken"))?;
    if certificates.is_empty() {
        return Err(refuse("there is no certificate in the PEM text"));
    }
    for certificate in &certificates {
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|_| refuse("it is not an X.509 certificate"))?;
    }
    Ok(certificates)
}

/// Reads the authorities and makes the configuration. Blocks on files.
///
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` take the place of the system's authorities; `extra` comes on top of either.
pub(super) fn configuration(
    environment: &dyn Environment,
    extra: &[CertificateDer<'static>],
) -> Result<Arc<ClientConfig>, HttpError> {
    let loaded = trusted(environment);
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    roots.add_parsable_certificates(extra.iter().cloned());
    if roots.is_empty() {
        let mut message = "there is no CA certificate to trust".to_owned();
        if let Some(error) = loaded.errors.first() {
            let _ = match &error.kind {
                ErrorKind::Io { inner, path } => write!(message, ": {}: {}", path.display(), inner.kind()),
                ErrorKind::Pem(_) => write!(message, ": a file is not PEM"),
                _ => write!(message, ": {}", error.context),
            };
        }
        return Err(HttpError::new(HttpFault::Tls, message));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let configuration = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(configuration))
}

fn trusted(environment: &dyn Environment) -> CertificateResult {
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

/// What a failure during the handshake says.
pub(super) fn failed(error: &(dyn StdError + 'static)) -> HttpError {
    let message = match inner::<rustls::Error>(error) {
        Some(rustls::Error::InvalidCertificate(invalid)) => match invalid {
            CertificateError::UnknownIssuer => {
                "the server's certificate comes from an unknown issuer".to_owned()
            }
            CertificateError::BadSignature => {
                "the server's certificate is not signed by the CA that it names".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the server's certificate is for another name".to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the server's certificate has expired, or the clock is wrong".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the server's certificate is not valid yet, or the clock is wrong".to_owned()
            }
            other => brief("the server's certificate is invalid", other),
        },
        Some(rustls::Error::InvalidMessage(_)) => "the server does not speak TLS".to_owned(),
        Some(other) => brief("TLS failed", other),
        None => match inner::<std::io::Error>(error) {
            Some(error) => format!("the connection broke during the TLS handshake: {}", error.kind()),
            None => "TLS failed: the host is not a name or an address".to_owned(),
        },
    };
    HttpError::new(HttpFault::Tls, message)
}

/// A reason that may quote the other side: one short line of it.
fn brief(what: &str, reason: &dyn std::fmt::Display) -> String {
    let reason: String = reason.to_string().chars().filter(|symbol| !symbol.is_control()).take(160).collect();
    format!("{what}: {reason}")
}
