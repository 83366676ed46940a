//! `yc-auth credential TOOL`: credentials in the protocol of a tool that runs a command for them.
//!
//! Standard output belongs to the protocol. A host that is not the tool's gets the protocol's "not found". A failure is one
//! line on standard error, because tools show it among their own messages, some of them several times.

mod aws;
mod docker;
mod git;
mod http;
mod keyring;
mod kubernetes;
mod next_keyring;

use std::io::Write;

use crate::arguments::{CredentialOptions, CredentialTool};
use crate::deadline::Deadline;
use crate::failure::Failure;

/// Answers the tool.
pub(crate) fn run(
    options: &CredentialOptions,
    deadline: Deadline,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let deadline = deadline.within(options.tool.hook().auth.timeout);
    match &options.tool {
        CredentialTool::Docker(options) => docker::run(options, deadline, out),
        CredentialTool::Kubernetes(options) => kubernetes::run(options, deadline, out),
        CredentialTool::Aws(options) => aws::run(options, deadline, out),
        CredentialTool::Http(options) => http::run(options, deadline, out),
        CredentialTool::Git(options) => git::run(options, deadline, out),
        CredentialTool::Keyring(options) => keyring::run(options, deadline, out),
    }
}
