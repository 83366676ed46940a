//! The JWT that proves the identity of a service account to IAM (docs, "Getting an IAM token for a service account").
//!
//! IAM accepts one algorithm, PS256: RSASSA-PSS with SHA-256 and a salt as long as the hash (RFC 7518, section 3.5).
//! ring signs, because TLS needs ring anyway.

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

/// How far back a JWT is dated, for a server whose clock is behind.
pub(crate) const SKEW: Duration = Duration::from_secs(60);

/// The longest life that IAM allows, from `iat` to `exp`.
pub(crate) const LONGEST: Duration = Duration::from_secs(3600);

/// The shortest life. The times of a JWT are whole seconds, so a shorter life could be over at once.
const SHORTEST: Duration = Duration::from_secs(1);

/// The content of a JWT.
pub(crate) struct Claims<'a> {
    /// The id of the key.
    pub(crate) key_id: &'a str,
    /// The id of the service account.
    pub(crate) issuer: &'a str,
    /// The URL of the exchange.
    pub(crate) audience: &'a str,
    /// The current time, since the epoch.
    pub(crate) now: Duration,
    /// How long the JWT is valid, from now on.
    pub(crate) life: Duration,
}

/// Signs a JWT.
///
/// # Errors
/// `Unavailable` if the operating system gives no random numbers.
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
    // The buffer has room for all parts: a reallocation would leave a copy of the secret in freed memory.
    let bytes = header.len() + body.len() + signature.len();
    let mut jwt = Zeroizing::new(String::with_capacity(bytes * 4 / 3 + 8));
    URL_SAFE_NO_PAD.encode_string(header, &mut jwt);
    jwt.push('.');
    URL_SAFE_NO_PAD.encode_string(body, &mut jwt);
    key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), jwt.as_bytes(), &mut signature).map_err(|_| {
        Error::new(
            ErrorKind::Unavailable,
            "the JWT could not be signed: the operating system gave no random numbers",
        )
    })?;
    jwt.push('.');
    URL_SAFE_NO_PAD.encode_string(&signature, &mut jwt);
    Secret::parse(&jwt).map_err(|reason| Error::new(ErrorKind::Invalid, format!("the JWT: {reason}")))
}
