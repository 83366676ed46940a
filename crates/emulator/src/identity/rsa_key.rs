//! RSA keys: creates a key, and reads a public key from PEM.
//!
//! ring signs and verifies, but it does not create RSA keys and does not read PEM. The `rsa` crate does both.

use std::io;

use ring::rand::{SecureRandom, SystemRandom};
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::pkcs8::{DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::{PrivateKey, PublicKey};

use crate::wire::status::Status;

/// The size of the keys that `yc iam key create` makes.
const BITS: usize = 2048;
/// The key sizes of the cloud, in bits. ring also refuses smaller keys.
const SIZES: [usize; 2] = [2048, 4096];

/// A new key in PEM.
pub(super) struct RsaKey {
    /// PKCS#8
    pub(super) private_pem: String,
    /// `SubjectPublicKeyInfo`
    pub(super) public_pem: String,
}

impl RsaKey {
    /// Creates a key. This takes a tenth of a second, or a second without optimisation.
    pub(super) fn generate() -> Result<Self, Status> {
        let failed = || Status::internal("cannot create an RSA key");
        let key = PrivateKey::new(&mut SystemSource(SystemRandom::new()), BITS).map_err(|_| failed())?;
        let private_pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|_| failed())?;
        let public_pem = key.to_public_key().to_public_key_pem(LineEnding::LF).map_err(|_| failed())?;
        Ok(Self { private_pem: String::clone(&private_pem), public_pem })
    }
}

/// Converts a public key from PEM to PKCS#1 (DER `RSAPublicKey`), which ring requires.
pub(super) fn public_from_pem(pem: &str) -> Result<Vec<u8>, Status> {
    let invalid = |_| Status::invalid("the public key is not the PEM of an RSA key");
    let key = PublicKey::from_public_key_pem(pem).map_err(invalid)?;
    if !SIZES.contains(&(rsa::traits::PublicKeyParts::size(&key) * 8)) {
        return Err(Status::invalid("the public key has neither 2048 nor 4096 bits"));
    }
    let der = key.to_pkcs1_der().map_err(|_| Status::internal("cannot encode the public key"))?;
    Ok(der.as_bytes().to_vec())
}

/// The operating system's random bytes, for the `rsa` crate.
struct SystemSource(SystemRandom);

impl TryRng for SystemSource {
    type Error = io::Error;

    fn try_next_u32(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.0.fill(bytes).map_err(|_| io::Error::other("the operating system returns no random bytes"))
    }
}

impl TryCryptoRng for SystemSource {}
