//! `yc-auth revoke`: revokes an IAM token.
//!
//! Text is one line with the subject of the token. JSON is `{"method","subject_id"}`; the id is null where IAM did not
//! return it.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;
use yandex_cloud_auth::{Method, RevokeOptions};

use crate::arguments::{AuthOptions, Format};
use crate::credentials;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct RevocationOutput {
    method: Option<&'static str>,
    subject_id: Option<String>,
}

/// Revokes the token.
pub(crate) fn run(options: &AuthOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let revocation = credentials::with_session(options, deadline, |session| {
        let (credentials, deadline) = (session.credentials.blocking(), session.deadline);
        let explained = |error| session.explain(error);
        // First the token: fetching it and revoking it share the time limit of the command.
        credentials.get(deadline.options()).map_err(explained)?;
        let revoke_options = match deadline.remaining() {
            Some(remaining) => RevokeOptions::new().timeout(remaining.max(Duration::from_millis(1))),
            None => RevokeOptions::new(),
        };
        let revoked = credentials.revoke(revoke_options).map_err(explained)?;
        let method = session.credentials.method().map(Method::name);
        Ok(RevocationOutput { method, subject_id: revoked.subject_id })
    })?;
    match options.format {
        Format::Json => output::json(out, &revocation)?,
        Format::Text => {
            let subject = revocation.subject_id.as_deref().map_or_else(String::new, |id| format!(" of {id}"));
            output::line(out, &["revoked: an IAM token", &subject])?;
        }
    }
    Ok(())
}
