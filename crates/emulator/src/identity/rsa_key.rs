//! RSA keys in PEM: a fake key for a service account, and the reader of public keys.
//!
//! ring signs and verifies, but it reads and writes no PEM.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pem::{EncodeConfig, LineEnding, Pem};
use ring::rsa::KeyPair;
use yasna::models::ObjectIdentifier;
use yasna::{ASN1Error, ASN1ErrorKind, ASN1Result};

use super::fake_keys::FAKE_KEYS;
use crate::wire::status::Status;

/// The key sizes of the cloud, in bits. ring also refuses smaller keys.
const SIZES: [usize; 2] = [2048, 4096];
/// `rsaEncryption` (RFC 8017, appendix A.1)
const RSA: [u64; 7] = [1, 2, 840, 113_549, 1, 1, 1];

/// A key in PEM.
pub(super) struct RsaKey {
    /// PKCS#8
    pub(super) private_pem: String,
    /// `SubjectPublicKeyInfo`
    pub(super) public_pem: String,
}

impl RsaKey {
    /// A fake key by its number. The keys repeat after the last one.
    pub(super) fn fake(number: usize) -> Result<Self, Status> {
        let failed = || Status::internal("cannot read a fake RSA key");
        let private = STANDARD.decode(FAKE_KEYS[number % FAKE_KEYS.len()]).map_err(|_| failed())?;
        let pair = KeyPair::from_pkcs8(&private).map_err(|_| failed())?;
        Ok(Self {
            private_pem: to_pem("PRIVATE KEY", private),
            public_pem: to_pem("PUBLIC KEY", public_key_info(pair.public().as_ref())),
        })
    }
}

fn to_pem(label: &str, der: Vec<u8>) -> String {
    pem::encode_config(&Pem::new(label, der), EncodeConfig::new().set_line_ending(LineEnding::LF))
}

/// `SubjectPublicKeyInfo` around PKCS#1's `RSAPublicKey` (RFC 3279, section 2.3.1).
fn public_key_info(pkcs1: &[u8]) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|info| {
            info.next().write_sequence(|algorithm| {
                algorithm.next().write_oid(&ObjectIdentifier::from_slice(&RSA));
                algorithm.next().write_null();
            });
            info.next().write_bitvec_bytes(pkcs1, pkcs1.len() * 8);
        });
    })
}

/// Converts a public key from PEM to PKCS#1 (DER `RSAPublicKey`), which ring requires.
pub(super) fn public_from_pem(pem: &str) -> Result<Vec<u8>, Status> {
    let parsed = pem::parse(pem).ok().filter(|pem| pem.tag() == "PUBLIC KEY");
    let pkcs1 = parsed.and_then(|pem| pkcs1_of(pem.contents()).ok());
    let key = pkcs1.and_then(|pkcs1| Some((bits_of(&pkcs1).ok()?, pkcs1)));
    let (bits, pkcs1) = key.ok_or_else(|| Status::invalid("the public key is not the PEM of an RSA key"))?;
    if !SIZES.contains(&bits) {
        return Err(Status::invalid("the public key has neither 2048 nor 4096 bits"));
    }
    Ok(pkcs1)
}

fn pkcs1_of(public_key_info: &[u8]) -> ASN1Result<Vec<u8>> {
    yasna::parse_der(public_key_info, |reader| {
        reader.read_sequence(|info| {
            let algorithm = info.next().read_sequence(|algorithm| {
                let id = algorithm.next().read_oid()?;
                algorithm.next().read_null()?;
                Ok(id)
            })?;
            if algorithm.components()[..] != RSA {
                return Err(ASN1Error::new(ASN1ErrorKind::Invalid));
            }
            Ok(info.next().read_bitvec_bytes()?.0)
        })
    })
}

/// The size of the modulus.
fn bits_of(pkcs1: &[u8]) -> ASN1Result<usize> {
    yasna::parse_der(pkcs1, |reader| {
        reader.read_sequence(|key| {
            let (modulus, positive) = key.next().read_bigint_bytes()?;
            let (_, exponent_is_positive) = key.next().read_bigint_bytes()?;
            if !positive || !exponent_is_positive {
                return Err(ASN1Error::new(ASN1ErrorKind::Invalid));
            }
            // A zero byte stands before a modulus whose first bit is set: DER integers have a sign.
            let digits = modulus.iter().skip_while(|byte| **byte == 0);
            let leading = digits.clone().next().map_or(0, |byte| byte.leading_zeros() as usize);
            Ok(digits.count() * 8 - leading)
        })
    })
}
