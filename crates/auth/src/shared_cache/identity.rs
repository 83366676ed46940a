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
