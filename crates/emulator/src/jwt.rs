//! JSON Web Tokens in compact form: parsing, and the time checks that apply to every token.
//!
//! The caller checks the signature and decides what the token permits. Errors never contain parts of the token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// How far the issuer's clock may be ahead of this clock.
const LEEWAY: Duration = Duration::from_secs(60);

/// A well-formed token. Nothing else is checked.
pub(crate) struct Jwt<'a> {
    pub(crate) header: Header,
    /// The signed bytes.
    pub(crate) signed: &'a [u8],
    pub(crate) signature: Vec<u8>,
    payload: Vec<u8>,
}

#[derive(Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) kid: Option<String>,
    typ: Option<String>,
    /// Extensions that a reader has to support (RFC 7515, 4.1.11). The emulator supports none.
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    pub(crate) sub: Option<String>,
    aud: Option<Audience>,
    iat: Option<f64>,
    nbf: Option<f64>,
    exp: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl<'a> Jwt<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, &'static str> {
        const MALFORMED: &str = "the JWT does not have three base64url parts separated by dots";
        let (signed, signature) = text.rsplit_once('.').ok_or(MALFORMED)?;
        let (header, payload) = signed.split_once('.').ok_or(MALFORMED)?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| MALFORMED);
        let (header, payload, signature) = (decoded(header)?, decoded(payload)?, decoded(signature)?);
        let header: Header = serde_json::from_slice(&header)
            .map_err(|_| "the header of the JWT is not JSON or has no 'alg'")?;
        if header.typ.as_ref().is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err("the 'typ' of the JWT is not JWT");
        }
        if header.crit.is_some() {
            return Err("the JWT has a 'crit' header, which the emulator does not support");
        }
        Ok(Self { header, signed: signed.as_bytes(), signature, payload })
    }

    /// The claims. Check the signature before.
    pub(crate) fn claims(&self) -> Result<Claims, &'static str> {
        serde_json::from_slice(&self.payload)
            .map_err(|_| "the claims of the JWT are not JSON, or a claim has the wrong type")
    }
}

impl Claims {
    pub(crate) fn audiences(&self) -> &[String] {
        match &self.aud {
            None => &[],
            Some(Audience::One(one)) => std::slice::from_ref(one),
            Some(Audience::Many(many)) => many,
        }
    }

    /// Checks that the token is valid now and that its lifetime is at most `longest`.
    pub(crate) fn check_time(&self, now: SystemTime, longest: Option<Duration>) -> Result<(), &'static str> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let iat = self.iat.ok_or("the required claim 'iat' is missing from the JWT")?;
        let exp = self.exp.ok_or("the required claim 'exp' is missing from the JWT")?;
        let soon = now + LEEWAY.as_secs_f64();
        if iat > soon || self.nbf.is_some_and(|nbf| nbf > soon) {
            return Err("the 'iat' or 'nbf' of the JWT is in the future by the clock of this service");
        }
        if exp <= now {
            return Err("the JWT is expired");
        }
        if exp <= iat {
            return Err("the 'exp' of the JWT is not after its 'iat'");
        }
        if longest.is_some_and(|longest| exp - iat > longest.as_secs_f64()) {
            return Err("the 'exp' of the JWT is too long after its 'iat'");
        }
        Ok(())
    }
}
