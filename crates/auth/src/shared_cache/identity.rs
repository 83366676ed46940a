//! Whose token an entry is, and the credential that opens it.

use std::fmt;

use zeroize::Zeroizing;

use crate::Method;

/// What tells one entry from another.
pub struct CacheIdentity {
    pub(crate) method: Method,
    /// The addresses that the credential and the token belong to.
    pub(crate) endpoint: String,
    pub(crate) audience: Option<String>,
    /// The public id of the identity, its key included; `None` where only the secret is known.
    pub(crate) identity: Option<String>,
    /// What proves the identity: the private key, the OAuth token, or the token of another issuer.
    pub(crate) credential: Zeroizing<Vec<u8>>,
}

impl CacheIdentity {
    /// The identity that this one impersonates.
    pub(crate) fn impersonating(mut self, id: &str) -> Self {
        let via = self.identity.take().map(|via| format!("{id} via {via}"));
        Self {
            method: Method::Impersonation,
            // Without a public id the name of the entry depends on the credential, and on what the audience says.
            audience: Some(match self.audience.take() {
                Some(audience) => format!("{id} via {audience}"),
                None => id.to_owned(),
            }),
            identity: via,
            ..self
        }
    }

    /// What stands in clear in the entry, and in its name.
    pub(super) fn public_parts(&self) -> [&str; 4] {
        let [audience, identity] = [&self.audience, &self.identity].map(|part| part.as_deref().unwrap_or(""));
        [self.method.name(), &self.endpoint, audience, identity]
    }
}

impl fmt::Debug for CacheIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("CacheIdentity").field(&self.public_parts()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn underlying(identity: Option<&str>) -> CacheIdentity {
        CacheIdentity {
            method: Method::ServiceAccountKey,
            endpoint: "https://api.example".to_owned(),
            audience: None,
            identity: identity.map(str::to_owned),
            credential: Zeroizing::new(b"fake-credential".to_vec()),
        }
    }

    #[test]
    fn an_impersonated_account_is_named_with_all_that_it_is_impersonated_via() {
        let of = |via: CacheIdentity| via.impersonating("ajefirst").impersonating("ajesecond");
        for (via, identity) in [(Some("ajekey/ajk"), "ajesecond via ajefirst via ajekey/ajk"), (None, "")] {
            assert_eq!(
                of(underlying(via)).public_parts(),
                ["impersonation", "https://api.example", "ajesecond via ajefirst", identity]
            );
        }
    }
}
