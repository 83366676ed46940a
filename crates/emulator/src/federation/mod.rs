//! Workload identity federation: the rules for the exchange of an OIDC token, such as GitHub Actions issues, for an IAM
//! token of the service account that is linked to its subject.
//!
//! The emulator has one federation. Its issuer is the emulator's own (`issuer.rs`), or another issuer whose keys the
//! builder has. The requests are in `token_exchange/`.

mod issuer;
mod jwks;

use std::time::SystemTime;

pub(crate) use issuer::Issuer;
pub(crate) use jwks::Jwks;

use crate::jwt::Jwt;

/// The path of the emulator's own issuer. The path of its keys starts with it.
pub(crate) const ISSUER_PATH: &str = "/_emulator/oidc";

/// A link of an OIDC subject to the service account whose tokens the subject may get.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub(crate) external_subject: String,
    pub(crate) service_account_id: String,
}

/// The accepted issuer and audience, and the linked subjects.
pub(crate) struct Federation {
    pub(crate) issuer: String,
    pub(crate) jwks: Jwks,
    pub(crate) audience: String,
    pub(crate) credentials: Vec<Credential>,
}

/// Why a token is refused.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    /// The token is invalid.
    Token(&'static str),
    /// The token is valid, but not for the service account.
    Target(&'static str),
}

impl Federation {
    /// Checks that the token is valid and that its subject is linked to the service account.
    ///
    /// The messages are the emulator's: the messages of the cloud are not known.
    pub(crate) fn check(
        &self,
        token: &str,
        service_account_id: &str,
        now: SystemTime,
    ) -> Result<(), Refusal> {
        let subject = self.subject(token, now).map_err(Refusal::Token)?;
        let linked = self.credentials.iter().any(|credential| {
            credential.external_subject == subject && credential.service_account_id == service_account_id
        });
        let message =
            "no federated credential links the subject of the subject_token to this service account";
        linked.then_some(()).ok_or(Refusal::Target(message))
    }

    /// Whether a service account is linked to any subject.
    pub(crate) fn serves(&self, service_account_id: &str) -> bool {
        self.credentials.iter().any(|credential| credential.service_account_id == service_account_id)
    }

    fn subject(&self, token: &str, now: SystemTime) -> Result<String, &'static str> {
        let jwt = Jwt::read(token)?;
        // Before the claims: nothing in a token without a valid signature is trusted.
        self.jwks.verify(&jwt)?;
        let claims = jwt.claims()?;
        if claims.iss.as_ref() != Some(&self.issuer) {
            return Err("the 'iss' of the JWT is not the issuer of the federation");
        }
        if !claims.audiences().contains(&self.audience) {
            return Err("no 'aud' of the JWT is the audience of the federation");
        }
        claims.check_time(now, None)?;
        claims.sub.ok_or("the required claim 'sub' is missing from the JWT")
    }
}
