//! What a subject token says about itself, for a diagnosis: a federation has to accept exactly this.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::recognize::Wiped;
use crate::secret::{Secret, shows_as_it_is};
use crate::sync::{Arc, Mutex, lock};

/// The claims of a subject token that a federation compares, and the service account of the exchange. None is a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectClaims {
    /// The issuer (`iss`).
    pub issuer: Option<String>,
    /// The audiences (`aud`).
    pub audiences: Vec<String>,
    /// The subject (`sub`).
    pub subject: Option<String>,
    /// The service account for which the token is exchanged.
    pub service_account_id: String,
}

impl SubjectClaims {
    /// Reads the claims. The signature is not checked. A claim that cannot be shown as it is counts as unknown.
    pub(super) fn of(token: &Secret, service_account_id: &str) -> Self {
        let mut known = Self { service_account_id: service_account_id.to_owned(), ..Self::default() };
        let Some(claims) = claims(token) else { return known };
        let text = |value: &Value| value.as_str().filter(|text| shows_as_it_is(text)).map(str::to_owned);
        known.issuer = claims.0.get("iss").and_then(text);
        known.subject = claims.0.get("sub").and_then(text);
        known.audiences = match claims.0.get("aud") {
            Some(Value::Array(audiences)) => audiences.iter().filter_map(text).collect(),
            Some(audience) => text(audience).into_iter().collect(),
            None => Vec::new(),
        };
        known
    }
}

/// The payload of a JWT. The claims can name a person or a repository, so they are wiped.
pub(super) fn claims(token: &Secret) -> Option<Wiped> {
    let claims = token.expose().split('.').nth(1)?;
    let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(claims).ok()?);
    Some(Wiped(serde_json::from_slice(&claims).ok()?))
}

/// The claims of the last subject token of one method, for a program that explains a refusal. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ClaimsRecord(Arc<Mutex<Option<SubjectClaims>>>);

impl ClaimsRecord {
    /// The claims of the last subject token; `None` before the first exchange.
    #[must_use]
    pub fn last(&self) -> Option<SubjectClaims> {
        lock(&self.0).clone()
    }

    pub(super) fn set(&self, claims: SubjectClaims) {
        *lock(&self.0) = Some(claims);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognize::jwt as parse;

    fn of(claims: &str) -> SubjectClaims {
        let token = format!("eyJhbGciOiJSUzI1NiJ9.{}.FAKE", URL_SAFE_NO_PAD.encode(claims));
        SubjectClaims::of(&parse(&token).unwrap(), "ajefake")
    }

    #[test]
    fn claims_are_read_as_they_are() {
        let claims =
            of(r#"{"iss":"https://a.example","aud":["x","y"],"sub":"repo:O@1/R@2:ref:refs/heads/main"}"#);
        assert_eq!(claims.issuer.as_deref(), Some("https://a.example"));
        assert_eq!(claims.audiences, ["x", "y"]);
        assert_eq!(claims.subject.as_deref(), Some("repo:O@1/R@2:ref:refs/heads/main"));
        assert_eq!(of(r#"{"aud":"x"}"#).audiences, ["x"]);
        for unknown in [
            r#"{"iss":1,"aud":{},"sub":null}"#,
            r#"{"sub":"a\u001b[31m","iss":"a\u202eb","aud":["\n"]}"#,
            "[]",
            "{",
        ] {
            let only_the_account =
                SubjectClaims { service_account_id: "ajefake".to_owned(), ..SubjectClaims::default() };
            assert_eq!(of(unknown), only_the_account, "{unknown}");
        }
    }
}
