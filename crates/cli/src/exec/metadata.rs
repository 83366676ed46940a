//! `exec --metadata`: a metadata service for one command, which ends with the command.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use yandex_cloud_auth::sdk_internals::new_runtime;
use yandex_cloud_auth_agent::{Agent, Config, IdentityConfig, Limits, ListenConfig, MetadataConfig};

use super::NAME;
use crate::arguments::{ADDRESS_VARIABLES, CREDENTIAL_VARIABLES, ExecOptions};
use crate::credentials;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::program::{self, Program};
use crate::signals::Signals;
use crate::variables::Known;

/// The variables with the address: that of Yandex Cloud's clients, and those of Google's.
const ADDRESSES: [&str; 4] =
    ["YC_METADATA_ADDR", "GCE_METADATA_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT"];

/// Keeps Google's clients from looking for the service first.
const DETECTION: (&str, &str) = ("METADATA_SERVER_DETECTION", "assume-present");

/// Runs the command to its end.
pub(super) fn run(options: &ExecOptions, program: Program<'_>, deadline: Deadline) -> Result<(), Failure> {
    credentials::with_session(&options.auth, deadline, |session| {
        // A command without a token is not started.
        let known = Known::of(session, &options.variables, false)?;
        known.iam_token("--metadata")?;
        session.leave_signals();
        let identity =
            IdentityConfig { name: "default".to_owned(), folder: known.folder, ..IdentityConfig::default() };
        Ok(serve(identity, &session.credentials, options.keep, program))
    })?
}

fn serve(
    identity: IdentityConfig,
    credentials: &yandex_cloud_auth::Credentials,
    keep: bool,
    program: Program<'_>,
) -> Result<(), Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listen = MetadataConfig {
        address,
        identity: None,
        allow_uids: Vec::new(),
        pod_network: false,
        limits: Limits::default(),
    };
    let config = Config {
        identity: vec![identity],
        listen: vec![ListenConfig::Metadata(listen)],
        ..Config::default()
    };
    let runtime = new_runtime().map_err(|error| Failure::Other(format!("{NAME}: cannot start: {error}")))?;
    runtime.block_on(async {
        let signals = Signals::listen();
        let agent = Agent::start(config, |_| Ok(credentials.clone())).await?;
        let address = agent.addresses()[0];
        program.run(|command| set_environment(command, address, keep), signals).await
    })
}

/// Points the command at the service, and takes out the credentials that would win over it.
fn set_environment(command: &mut Command, address: SocketAddr, keep: bool) {
    if !keep {
        for (name, _) in CREDENTIAL_VARIABLES.into_iter().chain(ADDRESS_VARIABLES) {
            command.env_remove(name);
        }
    }
    for name in ADDRESSES {
        command.env(name, address.to_string());
    }
    command.env(DETECTION.0, DETECTION.1);
    program::add_to_no_proxy(command, &[&address.ip().to_string()]);
}
