//! `doctor --check`: whether AI Studio accepts the credentials, and the exit status of each response.

use serde::Serialize;
use yandex_cloud_auth::sdk_internals::{ApiCheck, new_runtime};
use yandex_cloud_auth::{Error, ErrorKind};

use crate::credentials::Session;

/// What the check gave.
pub(super) struct Check {
    /// The response; `None` if there is none.
    pub(super) output: Option<CheckOutput>,
    pub(super) verdict: Verdict,
}

pub(super) enum Verdict {
    /// The service knows the credentials; in these words.
    Known(&'static str),
    /// The service refuses them, or there is no response.
    Failed(Error),
    /// Nothing is known about them, for this reason.
    Undecided(String),
}

/// The response, in JSON.
#[derive(Serialize)]
pub(super) struct CheckOutput {
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) message: Option<String>,
}

/// Asks the service.
pub(super) fn run(session: &Session<'_>) -> Check {
    let runtime = new_runtime().map_err(|error| Error::new(ErrorKind::Unavailable, error.to_string()));
    let limit = session.deadline.remaining().unwrap_or_default();
    let asked = runtime.and_then(|runtime| runtime.block_on(session.credentials.check_with_api(limit)));
    match asked {
        Err(error) => Check { output: None, verdict: Verdict::Failed(session.explain(error)) },
        Ok(ApiCheck::NotPossible(reason)) => Check { output: None, verdict: Verdict::Undecided(reason) },
        Ok(ApiCheck::Answered { url, status, message }) => {
            let output = CheckOutput { url, status, message };
            let verdict = output.verdict();
            Check { output: Some(output), verdict }
        }
    }
}

impl CheckOutput {
    fn verdict(&self) -> Verdict {
        let failed = |kind, help: &'static str| {
            Verdict::Failed(Error::new(kind, self.response()).at(&self.url).with_help(help))
        };
        match self.status {
            200 => Verdict::Known("the credentials are accepted"),
            403 => Verdict::Known(
                "the credentials are known, and lack a role or a scope for this folder (`ai.languageModels.user`)",
            ),
            401 => failed(
                ErrorKind::Refused,
                "the key or token is wrong, expired, revoked, or of another installation",
            ),
            429 | 500.. => failed(
                ErrorKind::Unavailable,
                "the service cannot tell now whether it accepts the credentials: try again later",
            ),
            300..=399 => failed(
                ErrorKind::Unavailable,
                "the response does not come from the service: check for a captive portal or a proxy",
            ),
            _ => Verdict::Undecided(format!(
                "{}: {}; this says nothing about the credentials",
                self.url,
                self.response()
            )),
        }
    }

    /// The status, with the message of the server.
    pub(super) fn response(&self) -> String {
        match &self.message {
            Some(message) => format!("HTTP {}: {message}", self.status),
            None => format!("HTTP {}", self.status),
        }
    }
}
