//! The emulator's own OIDC issuer, which takes the role of GitHub, GitLab or a Kubernetes cluster.
//!
//! The issuer signs with ES256, because such a key is fast to create.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::clock::{later, seconds};
use crate::identity;
use crate::wire::status::Status;

pub(crate) struct Issuer {
    /// The URL of the issuer: the `iss` of its tokens.
    pub(crate) url: String,
    kid: String,
    key: EcdsaKeyPair,
}

impl Issuer {
    pub(crate) fn new(url: String) -> Result<Self, Status> {
        let failed = |_| Status::internal("cannot create the key of the issuer");
        let random = SystemRandom::new();
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).map_err(failed)?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        let key = key.map_err(|_| Status::internal("cannot read the key of the issuer"))?;
        Ok(Self { url, kid: identity::hex::<16>()?, key })
    }

    /// A token with this subject and this audience.
    pub(crate) fn issue(
        &self,
        subject: &str,
        audience: &str,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<String, Status> {
        let header = json!({ "alg": "ES256", "kid": self.kid, "typ": "JWT" });
        let claims = json!({
            "iss": self.url,
            "sub": subject,
            "aud": audience,
            "iat": seconds(now),
            "nbf": seconds(now),
            "exp": seconds(later(now, lifetime)),
            "jti": identity::hex::<16>()?,
        });
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        let signature =
            signature.map_err(|_| Status::internal("the operating system returns no random bytes"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The public keys, as a JSON Web Key Set.
    pub(crate) fn jwks(&self) -> Value {
        // An uncompressed point: one byte for the format, then two coordinates (SEC 1, 2.3.3).
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let key = json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid, "x": x, "y": y,
        });
        json!({ "keys": [key] })
    }
}
