//! The options of `whoami`.

use clap::Args;

use super::ResultOptions;

/// Whose identity to show, and who says so.
#[derive(Args)]
pub(crate) struct WhoamiOptions {
    #[command(flatten)]
    pub(crate) result: ResultOptions,

    /// Ask the authorization server for the subject of the IAM token
    ///
    /// Sends the token with `GET /oauth/userinfo` to auth.yandex.cloud, or to `YC_OAUTH_ENDPOINT`. An endpoint outside
    /// the public installation needs this variable. No server tells whose an API key is.
    #[arg(long)]
    pub(crate) ask: bool,
}
