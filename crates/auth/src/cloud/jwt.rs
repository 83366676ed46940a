//! The JWT by which a service account proves itself to IAM (docs, "Getting an IAM token for a service account").
//!
//! PS256 is the only algorithm that IAM takes: RSASSA-PSS with SHA-256 and a salt as long as the hash (RFC 7518,
//! section 3.5). The signature is made by ring, which does TLS as well.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PSS_SHA256;
use serde_json::json;
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::{Error, ErrorKind};

/// How far back a JWT is dated, for servers whose clock is behind.
pub(crate) const SKEW: Duration = Duration::from_secs(60);

/// The longest life that IAM allows, from `iat` to `exp`.
pub(crate) const LONGEST: Duration = Duration::from_secs(3600);

/// A shorter one would have ended when it is made, since its times are whole seconds.
const SHORTEST: Duration = Duration::from_secs(1);

/// What a JWT says.
pub(crate) struct Claims<'a> {
    /// The id of the key.
    pub(crate) key_id: &'a str,
    /// The id of the service account.
    pub(crate) issuer: &'a str,
    /// The URL that it is exchanged at.
    pub(crate) audience: &'a str,
    /// Since the epoch.
    pub(crate) now: Duration,
    /// How long it is good for, from now on.
    pub(crate) life: Duration,
}

/// Signs it.
///
/// # Errors
/// `Unavailable` where the machine has no random numbers to give.
pub(crate) fn sign(claims: &Claims<'_>, key: &KeyPair) -> Result<Secret, Error> {
    let issued = claims.now.saturating_sub(SKEW);
    let ends = claims.now.saturating_add(claims.life.max(SHORTEST)).min(issued.saturating_add(LONGEST));
    let header = json!({ "alg": "PS256", "kid": claims.key_id, "typ": "JWT" }).to_string();
    let body = json!({
        "iss": claims.issuer,
        "aud": claims.audience,
        "iat": issued.as_secs(),
        "exp": ends.as_secs(),
    })
    .to_string();
    let mut signature = vec![0; key.public().modulus_len()];
    // Room for all of it: a text that grew would leave copies behind, which nobody wipes.
    let bytes = header.len() + body.len() + signature.len();
    let mut jwt = Zeroizing::new(String::with_capacity(bytes * 4 / 3 + 8));
    URL_SAFE_NO_PAD.encode_string(header, &mut jwt);
    jwt.push('.');
    URL_SAFE_NO_PAD.encode_string(body, &mut jwt);
    key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), jwt.as_bytes(), &mut signature)
        .map_err(|_| Error::new(ErrorKind::Unavailable, "the JWT could not be signed: no random numbers"))?;
    jwt.push('.');
    URL_SAFE_NO_PAD.encode_string(&signature, &mut jwt);
    Secret::parse(&jwt).map_err(|reason| Error::new(ErrorKind::Invalid, format!("the JWT: {reason}")))
}
