//! The check of the `authorization` header, for REST and gRPC.

use std::fmt;
use std::time::SystemTime;

use http::{HeaderMap, header};

use super::{Grant, Identity, Subject, hash};
use crate::sync::lock;
use crate::wire::status::Status;

/// The credentials that a service accepts.
#[derive(Clone, Copy)]
pub(crate) struct Accepts {
    /// API keys with one of these scopes.
    pub(crate) api_key: Option<&'static [&'static str]>,
    /// API keys with the scheme `Bearer`, which OpenAI's libraries send.
    pub(crate) api_key_as_bearer: bool,
}

impl Accepts {
    pub(crate) const IAM_TOKEN: Self = Self { api_key: None, api_key_as_bearer: false };
}

/// The subject of a call and its credential.
pub(crate) struct Caller {
    pub(crate) subject: Subject,
    /// When the IAM token ends.
    pub(crate) expires_at: Option<SystemTime>,
    proof: Proof,
}

enum Proof {
    ApiKey,
    IamToken(Grant),
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proof = match &self.proof {
            Proof::ApiKey => "api-key",
            Proof::IamToken(Grant::Issued) => "iam-token",
            Proof::IamToken(Grant::OAuth) => "iam-token from oauth-token",
            Proof::IamToken(Grant::ServiceAccountKey(_)) => "iam-token from service-account-key",
            Proof::IamToken(Grant::Impersonation) => "iam-token from impersonation",
            Proof::IamToken(Grant::WorkloadIdentity) => "iam-token from workload-identity",
            Proof::IamToken(Grant::Control) => "iam-token from control",
            Proof::IamToken(Grant::Metadata) => "iam-token from metadata",
        };
        write!(f, "{} by {proof}", self.subject)
    }
}

/// What the gateway of the cloud says about a missing header, and about a scheme that it does not know (recorded).
const NOTHING_PASSED: &str = "IAM token or API key has to be passed in request";

impl Identity {
    /// The caller of a request.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`: the header is missing, repeated or invalid. `PERMISSION_DENIED`: the API key lacks the scope.
    pub(crate) fn authenticate(&self, headers: &HeaderMap, accepts: Accepts) -> Result<Caller, Status> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Err(Status::unauthenticated(NOTHING_PASSED));
        };
        if values.next().is_some() {
            return Err(Status::unauthenticated("the request has more than one authorization header"));
        }
        let (scheme, secret) =
            value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(|| {
                Status::unauthenticated(format!("{NOTHING_PASSED}: the authorization header has no scheme"))
            })?;
        let secret = secret.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            // OpenAI's libraries send an API key as Bearer. Every IAM token starts with `t1.`, so the prefix decides.
            if accepts.api_key_as_bearer && !secret.starts_with("t1.") {
                return self.by_api_key(secret, accepts);
            }
            self.by_iam_token(secret)
        } else if scheme.eq_ignore_ascii_case("api-key") {
            self.by_api_key(secret, accepts)
        } else {
            let problem = "the authorization scheme is neither Bearer nor Api-Key";
            Err(Status::unauthenticated(format!("{NOTHING_PASSED}: {problem}")))
        }
    }

    fn by_iam_token(&self, token: &str) -> Result<Caller, Status> {
        let now = self.clock.now();
        // One lock for the token and its key: a deletion of the key between two locks would be missed.
        let known = lock(&self.known);
        match known.iam.get(&hash(token)) {
            Some(token) if token.expires_at > now && !token.is_revoked(&known.keys) => Ok(Caller {
                subject: token.subject.clone(),
                expires_at: Some(token.expires_at),
                proof: Proof::IamToken(token.grant.clone()),
            }),
            _ => Err(Status::unauthenticated("The token is invalid")),
        }
    }

    fn by_api_key(&self, key: &str, accepts: Accepts) -> Result<Caller, Status> {
        let Some(needed) = accepts.api_key else {
            return Err(Status::unauthenticated("this service accepts IAM tokens, not API keys"));
        };
        let known = lock(&self.known);
        let key = known.api_keys.get(&hash(key)).filter(|key| !key.revoked);
        let key = key.ok_or_else(|| Status::unauthenticated("Unknown api key"))?;
        let allowed = key
            .scopes
            .as_ref()
            .is_none_or(|scopes| scopes.iter().any(|scope| needed.contains(&scope.as_str())));
        if !allowed {
            return Err(Status::denied(format!("the API key has none of the scopes {}", needed.join(", "))));
        }
        Ok(Caller { subject: key.subject.clone(), expires_at: None, proof: Proof::ApiKey })
    }
}
