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
        Ok(RevocationOutput { method, subject_id: revoked.subject_id })
    })?;
    match options.format {
        Format::Json => output::json(out, &revocation)?,
        Format::Text => {
            let subject = revocation.subject_id.as_deref().map_or_else(String::new, |id| format!(" of {id}"));
            let (token, still_valid) = match revocation.method {
                Some(method) => effect(method),
                None => ("an IAM token", ""),
            };
            output::line(out, &["revoked: ", token, &subject, still_valid])?;
        }
    }
    Ok(())
}

/// Which token was revoked, and what stays valid: most methods hold a secret that still gives new tokens.
fn effect(method: Method) -> (&'static str, &'static str) {
    match method {
        Method::OAuthToken => (
            "a new IAM token",
            "; the OAuth token stays valid: delete it at https://id.yandex.com/personal/data-access",
        ),
        Method::ServiceAccountKey => {
            ("a new IAM token", "; the authorized key stays valid: delete it with `yc iam key delete KEY-ID`")
        }
        Method::WorkloadIdentity => (
            "a new IAM token",
            "; the federated credential stays valid: delete it if the subject may get no more tokens",
        ),
        Method::Impersonation => ("a new IAM token", "; the credentials that impersonate stay valid"),
        Method::Profile => ("an IAM token", "; a key or an OAuth token of the profile stays valid"),
        _ => ("an IAM token", ""),
    }
}

fn name_of<S: Serializer>(method: &Option<Method>, serializer: S) -> Result<S::Ok, S::Error> {
    method.map(Method::name).serialize(serializer)
}
