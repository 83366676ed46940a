//! The options of `yc-auth emulator`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::seconds::seconds;

/// How the emulator listens, which files it writes, and which command it runs.
#[derive(Args)]
pub(crate) struct EmulatorOptions {
    /// The address of the API; default: a free port of 127.0.0.1
    #[arg(long, value_name = "ADDRESS", value_parser = socket_address, default_value = "127.0.0.1:0", hide_default_value = true)]
    pub(crate) listen: SocketAddr,

    /// The address of the metadata service; default: a free port of 127.0.0.1
    #[arg(long, value_name = "ADDRESS", value_parser = socket_address, default_value = "127.0.0.1:0", hide_default_value = true)]
    pub(crate) metadata_listen: SocketAddr,

    /// Accept these host names too, in requests and in the certificate: for containers, and for clients whose addresses
    /// are fixed
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) host_name: Vec<String>,

    /// Serve the API over TLS; `--ca-file` receives the certificate authority
    #[arg(long, requires = "ca_file")]
    pub(crate) tls: bool,

    /// Write the certificate authority to this file, such as `emulator-ca.pem`
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Write an authorized key of the emulator's service account to this file, such as `emulator-key.json`
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,

    /// Write the variables to this file, for `docker --env-file`, systemd's `EnvironmentFile` and `set -a; . FILE`
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,

    /// The lifetime of new IAM tokens, in seconds; default: 12 hours
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) token_lifetime: Option<Duration>,

    /// Allow addresses outside loopback: every host that reaches the emulator gets its tokens
    #[arg(long)]
    pub(crate) allow_non_loopback: bool,

    /// A command to run with the variables; the emulator ends with it
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Parses an address with its port.
pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let example = match text.trim().trim_start_matches(':').parse::<u16>() {
        Ok(port) => format!("127.0.0.1:{port}"),
        Err(_) => "127.0.0.1:8443".to_owned(),
    };
    text.trim().parse().map_err(|_| format!("give ADDRESS:PORT, such as {example}; names are not resolved"))
}

impl EmulatorOptions {
    /// Why these options are invalid together, where the parser cannot know. `ends_with_dashes`: the last argument is
    /// `--`.
    pub(super) fn conflict(&self, ends_with_dashes: bool) -> Option<String> {
        // A variable with the command can be empty. The emulator would wait for a signal instead.
        (ends_with_dashes && self.command.is_empty()).then(|| "the command after `--` is missing".to_owned())
    }
}
