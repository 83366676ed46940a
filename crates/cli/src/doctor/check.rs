//! `doctor --check`: whether AI Studio accepts the credentials, and the exit status of each response.

use serde::Serialize;
use yandex_cloud_auth::sdk_internals::{ApiCheck, new_runtime};
use yandex_cloud_auth::{Error, ErrorKind};

use crate::credentials::Session;

/// The variable with the folder.
const FOLDER: &str = "YC_FOLDER_ID";

/// What the check gave.
pub(super) struct Check {
    /// The response; `None` if there is none.
    pub(super) output: Option<CheckOutput>,
    pub(super) verdict: Verdict,
}

pub(super) enum Verdict {
    /// The service knows the credentials; in these words.
    Known(String),
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
    let asked = runtime.and_then(|runtime| {
        runtime.block_on(async {
            let asked = session.credentials.check_with_api(limit).await?;
            Ok((asked, session.credentials.folder_id(limit).await?))
        })
    });
    match asked {
        Err(error) => Check { output: None, verdict: Verdict::Failed(session.explain(error)) },
        Ok((ApiCheck::NotPossible(reason), _)) => Check { output: None, verdict: Verdict::Undecided(reason) },
        Ok((ApiCheck::Answered { url, status, message }, folder)) => {
            let output = CheckOutput { url, status, message };
            let verdict = output.verdict(folder.as_deref());
            Check { output: Some(output), verdict }
        }
    }
}

/// What a 403 says. The folder may be the wrong one, so its id is shown, with its source.
fn known_without_role(folder: Option<&str>) -> String {
    let is_set = std::env::var_os(FOLDER).is_some_and(|value| !value.is_empty());
    let of_folder = match (folder, is_set) {
        (Some(folder), true) => {
            format!("for the folder {folder} ({FOLDER}): check the id, or grant the role")
        }
        (Some(folder), false) => format!("for the folder {folder}: grant the role"),
        (None, _) => format!("for the folder, which is not known: set {FOLDER}, or grant the role"),
    };
    format!("the credentials are known, and lack a role or a scope {of_folder} `ai.languageModels.user`")
}

impl CheckOutput {
    fn verdict(&self, folder: Option<&str>) -> Verdict {
        let failed = |kind, help: &'static str| {
            Verdict::Failed(Error::new(kind, self.response()).at(&self.url).with_help(help))
        };
        match self.status {
            200 => Verdict::Known("the credentials are accepted".to_owned()),
            403 => Verdict::Known(known_without_role(folder)),
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
