//! The options of `yc-auth cache`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;

/// What to do with the shared tokens.
#[derive(Args)]
pub(crate) struct CacheOptions {
    #[command(subcommand)]
    pub(crate) action: CacheAction,
}

/// What to do with the shared tokens.
#[derive(Subcommand)]
pub(crate) enum CacheAction {
    /// Show whose tokens there are, and until when; never a token
    List {
        /// The folder of the shared tokens
        #[arg(long, value_name = "FOLDER")]
        cache_dir: Option<PathBuf>,
        /// The output format
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Remove all shared tokens
    Clear {
        /// The folder of the shared tokens
        #[arg(long, value_name = "FOLDER")]
        cache_dir: Option<PathBuf>,
    },
}
