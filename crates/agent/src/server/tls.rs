//! The certificate of a listener.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use yandex_cloud_auth::{Error, ErrorKind};
use zeroize::Zeroizing;

use super::socket::Stream;
use crate::config::TlsConfig;
use crate::secret_file;
use crate::service::Protocol;

/// The largest file.
const MAX_FILE: u64 = 1 << 20;

/// A certificate with its key, ready for handshakes.
#[derive(Clone)]
pub(crate) struct Tls(TlsAcceptor);

impl Tls {
    /// Reads the two files. `protocol`: what the handshake offers.
    ///
    /// # Errors
    /// `Invalid` if one cannot be read, if they do not go together, or if others can read the key.
    pub(crate) fn load(config: &TlsConfig, protocol: Protocol) -> Result<Self, Error> {
        let certificates =
            CertificateDer::pem_slice_iter(&read(&config.certificate, secret_file::open_regular)?)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| wrong(&config.certificate, reason(&error)))?;
        if certificates.is_empty() {
            return Err(wrong(&config.certificate, "there is no certificate in it".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(&read(&config.key, secret_file::open)?)
            .map_err(|error| wrong(&config.key, reason(&error)))?;
        let mut server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => {
                    let reason = format!(
                        "the key does not belong to the certificate {}",
                        config.certificate.display()
                    );
                    wrong(&config.key, reason)
                }
                error => wrong(&config.certificate, error.to_string()),
            })?;
        server.alpn_protocols = match protocol {
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
            Protocol::Both => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        Ok(Self(TlsAcceptor::from(Arc::new(server))))
    }

    pub(super) async fn accept(&self, stream: Box<dyn Stream>) -> io::Result<TlsStream<Box<dyn Stream>>> {
        self.0.accept(stream).await
    }
}

/// The content of a file, which `open` opens if it is fit for this.
fn read(path: &Path, open: fn(&Path) -> io::Result<File>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut text = Zeroizing::new(Vec::new());
    let read = open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut text));
    read.map_err(|error| wrong(path, error.to_string()))?;
    Ok(text)
}

/// Without what stands in the file: a key in the wrong place stays secret.
fn reason(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "there is no certificate or no private key in it".to_owned(),
        _ => "it is no PEM file".to_owned(),
    }
}

fn wrong(path: &Path, reason: String) -> Error {
    Error::new(ErrorKind::Invalid, reason).at(path.display().to_string()).with_help(
        "`certificate` is a PEM file with the certificate and those of its issuers, `key` one with its private key, of mode 0600",
    )
}
