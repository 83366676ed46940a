//! Which subject has the role `iam.serviceAccounts.tokenCreator` on which service account.

/// The role assignments.
#[derive(Clone, Debug)]
pub(crate) struct TokenCreators {
    /// The account that every subject may impersonate, if there is no list.
    pub(crate) impersonated: String,
    /// The account that only `impersonated` may impersonate, if there is no list. A nested impersonation uses both.
    pub(crate) nested: String,
    /// Pairs of a caller and an account. The list replaces the two rules above.
    pub(crate) listed: Option<Vec<(String, String)>>,
}

impl TokenCreators {
    /// Whether the caller has the role on the account.
    pub(crate) fn allows(&self, caller: &str, account: &str) -> bool {
        match &self.listed {
            Some(listed) => listed.iter().any(|(creator, target)| creator == caller && target == account),
            None => account == self.impersonated || (account == self.nested && caller == self.impersonated),
        }
    }

    /// Whether an assignment names the account. An account that is named exists.
    pub(crate) fn names(&self, account: &str) -> bool {
        let listed = self.listed.iter().flatten();
        account == self.impersonated
            || account == self.nested
            || listed.into_iter().any(|(_, target)| target == account)
    }
}
