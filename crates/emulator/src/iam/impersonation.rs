//! Impersonation: a token of a service account for a subject with the role `iam.serviceAccounts.tokenCreator`.

use crate::cloud::Cloud;
use crate::identity::{Caller, Grant, Issued, Subject};
use crate::wire::status::Status;

const MAX_ID: usize = 50;

/// `IamTokenService.CreateForServiceAccount`. The new token does not depend on the token of the caller: it stays valid
/// after that token expires or is revoked.
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
        || creators.names(account)
        || cloud.identity.has_key_of(account)
        || cloud.federation.serves(account);
    // The messages are the emulator's: the messages of the cloud are not known.
    if !exists {
        return Err(Status::not_found("no service account has this id"));
    }
    if !creators.allows(caller.subject.id(), account) {
        return Err(Status::denied(
            "the caller does not have the role iam.serviceAccounts.tokenCreator on the service account",
        ));
    }
    let subject = Subject::ServiceAccount(account.into());
    cloud.exchange(&subject, &Grant::Impersonation, same_old)
}
