//! The JWT of a service account: checks its signature and its claims before IAM issues a token.
//!
//! IAM's message is known only for a missing `kid`. The other messages are the emulator's.

use std::time::{Duration, SystemTime};

use crate::identity::{Identity, Signer};
use crate::jwt::Jwt;

const ALGORITHM: &str = "PS256";
/// The end of `aud` in every installation of the cloud.
const AUDIENCE: &str = "/iam/v1/tokens";
const LONGEST_LIFE: Duration = Duration::from_secs(3600);

/// The key that signed a valid JWT.
pub(super) fn check(identity: &Identity, jwt: &str, now: SystemTime) -> Result<Signer, &'static str> {
    let jwt = Jwt::read(jwt)?;
    if jwt.header.alg != ALGORITHM {
        return Err("the 'alg' of the JWT is not PS256");
    }
    let kid = jwt.header.kid.as_deref().ok_or("The required field 'kid' is missing from the JWT header")?;
    let signer = identity.signer(kid).ok_or("no key has the 'kid' of the JWT, or the key was deleted")?;
    // Before the claims: nothing in a token without a valid signature is trusted.
    if !signer.has_signed(jwt.signed, &jwt.signature) {
        return Err("the signature of the JWT was not made by the key of its 'kid'");
    }
    let claims = jwt.claims()?;
    let iss = claims.iss.as_deref().ok_or("the required claim 'iss' is missing from the JWT")?;
    if iss != &*signer.service_account_id {
        return Err("the 'iss' of the JWT is not the service account of its key");
    }
    if !claims.audiences().iter().any(|aud| aud.ends_with(AUDIENCE)) {
        return Err("no 'aud' of the JWT ends in /iam/v1/tokens");
    }
    claims.check_time(now, Some(LONGEST_LIFE))?;
    Ok(signer)
}
