//! `yc-auth revoke`: revokes an IAM token.
//!
//! Text is one line with the subject of the token, and with what stays valid. JSON is `{"method","subject_id"}`; the id
//! is null where IAM did not return it.

use std::io::Write;
use std::time::Duration;

use serde::{Serialize, Serializer};
use yandex_cloud_auth::{Method, RevokeOptions};

use crate::arguments::{Format, ResultOptions};
use crate::credentials;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct RevocationOutput {
    #[serde(serialize_with = "name_of")]
    method: Option<Method>,
    subject_id: Option<String>,
    /// Whether other processes of this machine use the same token.
    #[serde(skip)]
    is_shared: bool,
}

/// Revokes the token.
pub(crate) fn run(options: &ResultOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let revocation = credentials::with_session(&options.auth, deadline, |session| {
        let (credentials, deadline) = (session.credentials.blocking(), session.deadline);
        let explained = |error| session.explain(error);
        // First the token: fetching it and revoking it share the time limit of the command.
        credentials.get(deadline.options()).map_err(explained)?;
        let revoke_options = match deadline.remaining() {
            Some(remaining) => RevokeOptions::new().timeout(remaining.max(Duration::from_millis(1))),
            None => RevokeOptions::new(),
        };
        let revoked = credentials.revoke(revoke_options).map_err(explained)?;
        let method = session.credentials.method();
        Ok(RevocationOutput { method, subject_id: revoked.subject_id, is_shared: session.shares_tokens() })
    })?;
    match options.format {
        Format::Json => output::json(out, &revocation)?,
        Format::Text => {
            let subject = revocation.subject_id.as_deref().map_or_else(String::new, |id| format!(" of {id}"));
            let (is_exchanged, still_valid) = revocation.method.map_or((false, ""), effect);
            let (token, others) = match (is_exchanged, revocation.is_shared) {
                (true, true) => (
                    "the IAM token that the processes of this machine share,",
                    "; programs that use it are refused from now on",
                ),
                (true, false) => ("a new IAM token", ""),
                (false, _) => ("an IAM token", ""),
            };
            output::line(out, &["revoked: ", token, &subject, others, still_valid])?;
        }
    }
    Ok(())
}

/// Whether the token was exchanged for another secret, and what stays valid: such a secret still gives new tokens.
fn effect(method: Method) -> (bool, &'static str) {
    match method {
        Method::OAuthToken => {
            (true, "; the OAuth token stays valid: delete it at https://id.yandex.com/personal/data-access")
        }
        Method::ServiceAccountKey => {
            (true, "; the authorized key stays valid: delete it with `yc iam key delete KEY-ID`")
        }
        Method::WorkloadIdentity => {
            (true, "; the federated credential stays valid: delete it if the subject may get no more tokens")
        }
        Method::Impersonation => (true, "; the credentials that impersonate stay valid"),
        Method::Profile => (false, "; a key or an OAuth token of the profile stays valid"),
        _ => (false, ""),
    }
}

fn name_of<S: Serializer>(method: &Option<Method>, serializer: S) -> Result<S::Ok, S::Error> {
    method.map(Method::name).serialize(serializer)
}
