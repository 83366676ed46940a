//! The options of `doctor`.

use clap::Args;

use super::ResultOptions;

/// What to diagnose.
#[derive(Args)]
pub(crate) struct DoctorOptions {
    #[command(flatten)]
    pub(crate) result: ResultOptions,

    /// Ask AI Studio whether it accepts the credentials
    ///
    /// Sends them with `GET /v1/models` to the host that endpoint discovery names, and with `OpenAI-Project` where the
    /// folder is known: `YC_FOLDER_ID`, else the folder of the credentials. Accepted (200) and known but without a role
    /// (403) are success; refused (401) is exit status 6; no response, 429 and 5xx are 5; anything else is 1. An endpoint
    /// outside Yandex Cloud gets the credentials only if `--endpoint` names it.
    #[arg(long)]
    pub(crate) check: bool,
}
