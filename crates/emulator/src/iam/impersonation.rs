//! Impersonation: which service account a subject may get a token of, by the role
//! `iam.serviceAccounts.tokenCreator`.

use crate::cloud::Cloud;
use crate::identity::{Caller, Issued, Origin, Subject};
use crate::status::Status;

const MAX_ID: usize = 50;

/// Who has the role on which account.
#[derive(Clone, Debug)]
pub(crate) struct TokenCreators {
    /// Everybody has it on this one.
    pub(crate) impersonated: String,
    /// And this one on a second, which shows one impersonation inside another.
    pub(crate) nested: String,
    /// Callers and accounts that take the place of the two rules above.
    pub(crate) listed: Option<Vec<(String, String)>>,
}

impl TokenCreators {
    fn allow(&self, caller: &str, account: &str) -> bool {
        match &self.listed {
            Some(listed) => listed.iter().any(|(who, whom)| who == caller && whom == account),
            None => account == self.impersonated || (account == self.nested && caller == self.impersonated),
        }
    }

    fn know(&self, account: &str) -> bool {
        let listed = self.listed.iter().flatten();
        account == self.impersonated
            || account == self.nested
            || listed.into_iter().any(|(_, whom)| whom == account)
    }
}

/// `IamTokenService.CreateForServiceAccount`. The new token has a life of its own: it outlives the caller's, and
/// the revocation of that.
pub(super) fn create(
    cloud: &Cloud,
    caller: &Caller,
    account: &str,
    same_old: bool,
) -> Result<Issued, Status> {
    if account.is_empty() || account.len() > MAX_ID {
        return Err(Status::invalid(format!("service_account_id is empty or longer than {MAX_ID}")));
    }
    let creators = &cloud.options.token_creators;
    let exists = account == cloud.options.service_account_id
        || creators.know(account)
        || cloud.identity.has_key_of(account)
        || cloud.federation.serves(account);
    // The texts are this emulator's own: the cloud's are not known.
    if !exists {
        return Err(Status::not_found("there is no service account of this id"));
    }
    if !creators.allow(caller.subject.id(), account) {
        return Err(Status::denied(
            "the caller has no role iam.serviceAccounts.tokenCreator on the service account",
        ));
    }
    let subject = Subject::ServiceAccount(account.into());
    cloud.exchange(&subject, &Origin::Impersonation, same_old)
}
