//! A temporary certificate authority, and a certificate that it signs for the addresses of the emulator.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

pub(crate) struct Tls {
    pub(crate) ca_pem: String,
    pub(crate) acceptor: TlsAcceptor,
}

impl Tls {
    /// A certificate for localhost, 127.0.0.1, `::1`, the host of `authority`, and these names.
    pub(crate) fn new(authority: &str, names: &[String]) -> io::Result<Self> {
        Self::make(authority, names).map_err(|error| io::Error::other(format!("cannot set up TLS: {error}")))
    }

    fn make(authority: &str, names: &[String]) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.distinguished_name.push(DnType::CommonName, "FAKE-EMULATOR CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate()?;
        let ca_pem = ca.self_signed(&ca_key)?.pem();
        let issuer = Issuer::new(ca, ca_key);

        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let own = ["localhost", "127.0.0.1", "::1", host.trim_matches(['[', ']'])];
        let names: BTreeSet<String> =
            own.into_iter().map(str::to_owned).chain(names.iter().cloned()).collect();
        let mut leaf = CertificateParams::new(Vec::from_iter(names))?;
        leaf.distinguished_name.push(DnType::CommonName, "FAKE-EMULATOR");
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let leaf_key = KeyPair::generate()?;
        let certificate = leaf.signed_by(&leaf_key, &issuer)?;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(leaf_key.serialize_der())?,
            )?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { ca_pem, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}
