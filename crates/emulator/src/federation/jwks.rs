//! The public keys of an issuer: a JSON Web Key Set (RFC 7517) with RSA and P-256 keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

use crate::jwt::Jwt;

pub(crate) struct Jwks(Vec<(String, Key)>);

enum Key {
    /// For RS256.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// For ES256: an uncompressed point of P-256.
    Elliptic(Vec<u8>),
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    kty: String,
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Jwks {
    /// Parses a set. `None` if the text is not a set, or has no supported key. Unsupported keys are skipped.
    pub(crate) fn read(json: &str) -> Option<Self> {
        let set: Set = serde_json::from_str(json).ok()?;
        let keys: Vec<_> = set.keys.into_iter().filter_map(Entry::into_key).collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// Checks that one of the keys signed the token.
    pub(super) fn verify(&self, jwt: &Jwt<'_>) -> Result<(), &'static str> {
        let kid = jwt.header.kid.as_ref().ok_or("the 'kid' is missing from the header of the JWT")?;
        let (_, key) = self
            .0
            .iter()
            .find(|(id, _)| id == kid)
            .ok_or("the issuer has no key with the 'kid' of the JWT")?;
        let good = match (key, jwt.header.alg.as_str()) {
            (Key::Rsa { n, e }, "RS256") => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, jwt.signed, &jwt.signature).is_ok()
            }
            (Key::Elliptic(point), "ES256") => {
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(jwt.signed, &jwt.signature).is_ok()
            }
            _ => return Err("the 'alg' of the JWT does not match its key (RS256 or ES256)"),
        };
        good.then_some(()).ok_or("the signature of the JWT was not made by the key of its 'kid'")
    }
}

impl Entry {
    fn into_key(self) -> Option<(String, Key)> {
        let decoded = |value: Option<String>| URL_SAFE_NO_PAD.decode(value?).ok();
        let key = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Key::Rsa { n: decoded(self.n)?, e: decoded(self.e)? },
            ("EC", Some("P-256")) => {
                let (x, y) = (decoded(self.x)?, decoded(self.y)?);
                // The first byte of an uncompressed point (SEC 1, 2.3.3).
                Key::Elliptic([vec![4], x, y].concat())
            }
            _ => return None,
        };
        Some((self.kid?, key))
    }
}
