//! `yc-auth revoke`: an IAM token that Yandex Cloud is to take no more.
//!
//! Text is one line that says whose token it was; JSON is `{"method","subject_id"}`, the id null where IAM did not say.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;
use yandex_cloud_auth::{Method, RevokeOptions};

use crate::arguments::{Asked, Format};
use crate::credentials::{self, Deadline};
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Answer {
    method: Option<&'static str>,
    subject_id: Option<String>,
}

/// Revokes the token.
pub(crate) fn run(asked: &Asked, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let answer = credentials::using(asked, deadline, |credentials, deadline| {
        let told = |error| deadline.explain(error, credentials);
        // First the token, so that its time and that of IAM are one time.
        credentials.blocking().get(deadline.options()).map_err(told)?;
        let options = match deadline.remaining() {
            Some(remaining) => RevokeOptions::new().timeout(remaining.max(Duration::from_millis(1))),
            None => RevokeOptions::new(),
        };
        let revoked = credentials.blocking().revoke(options).map_err(told)?;
        let method = credentials.method().map(Method::name);
        Ok(Answer { method, subject_id: revoked.subject_id })
    })?;
    match asked.format {
        Format::Json => output::json(out, &answer)?,
        Format::Text => {
            let whose = answer.subject_id.as_deref().map_or_else(String::new, |id| format!(" of {id}"));
            output::line(out, &["revoked: an IAM token", &whose])?;
        }
    }
    Ok(())
}
