//! The options of `token`.

use clap::{Args, ValueEnum};

use super::ResultOptions;

/// Which token, and how it is printed.
#[derive(Args)]
pub(crate) struct TokenOptions {
    #[command(flatten)]
    pub(crate) result: ResultOptions,

    /// What a repeated call of the same tool means: `renew` takes it for a refusal of the last token
    ///
    /// For tools alone that run the command at their start and after each refusal, and never otherwise, such as Codex with
    /// `refresh_interval_ms = 0`. The command then fetches a new token, as `--renew` does, and prints the shared one if
    /// that fails. Three renewals in a row come at once, later ones at growing intervals.
    #[arg(long, value_name = "ACTION", value_enum, conflicts_with_all = ["no_cache", "renew"])]
    pub(crate) on_repeat: Option<OnRepeat>,
}

/// What a repeated call means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnRepeat {
    /// The last token was refused: fetch a new one
    Renew,
}
