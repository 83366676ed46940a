//! Workload identity federation: a token of an outside issuer, such as GitHub Actions, is exchanged for the IAM
//! token of a service account that is linked to its subject.
//!
//! There is one federation. Its issuer is the emulator's own (`issuer.rs`), or another whose keys were given. The
//! rules are here; `exchange.rs` is the wire, and `github.rs` the place where a workflow gets its token.

mod issuer;
mod jwks;

use std::time::SystemTime;

pub(crate) use issuer::Issuer;
pub(crate) use jwks::Jwks;

use crate::jwt::Jwt;

/// Where the emulator's own issuer is; its keys are below.
pub(crate) const ISSUER_PATH: &str = "/_emulator/oidc";

/// Of a service account: the outside subject that may have its tokens.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub(crate) external_subject: String,
    pub(crate) service_account_id: String,
}

/// Whose tokens are taken, and for whom.
pub(crate) struct Federation {
    pub(crate) issuer: String,
    pub(crate) jwks: Jwks,
    pub(crate) audience: String,
    pub(crate) credentials: Vec<Credential>,
}

/// What a token is refused for.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    /// The token is not good.
    Token(&'static str),
    /// It is, but not for that service account.
    Target(&'static str),
}

impl Federation {
    /// Checks that the token is good and that its subject is linked to the service account.
    ///
    /// The cloud's own texts are not known.
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
        let refusal =
            "no federated credential links the subject of the subject_token to this service account";
        linked.then_some(()).ok_or(Refusal::Target(refusal))
    }

    /// Whether a service account is linked to any subject.
    pub(crate) fn serves(&self, service_account_id: &str) -> bool {
        self.credentials.iter().any(|credential| credential.service_account_id == service_account_id)
    }

    fn subject(&self, token: &str, now: SystemTime) -> Result<String, &'static str> {
        let jwt = Jwt::read(token)?;
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
