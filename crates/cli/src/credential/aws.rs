//! Ephemeral keys of Object Storage for the aws CLI and the AWS SDKs, as `credential_process` gives them (AWS docs,
//! "Sourcing credentials with an external process").

use std::io::Write;

use serde::Serialize;
use yandex_cloud_auth::{EphemeralAccessKeyOptions, Error};

use crate::arguments::{AuthValue, AwsOptions};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::{hook, input, output};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials<'a> {
    /// A number: some clients refuse a string.
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    /// Without it, clients take the keys for permanent ones.
    expiration: String,
}

pub(super) fn run(options: &AwsOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let request = request(options, deadline).map_err(Failure::Hook)?;
    let key = hook::serve(&options.hook, deadline, |session| {
        let left = session.deadline.remaining().unwrap_or_default();
        let key = session.credentials.blocking().ephemeral_access_key(request.timeout(left));
        let key = key.map_err(|error| session.explain(error))?;
        session.check_flags(true)?;
        Ok(key)
    })?;
    let credentials = Credentials {
        version: 1,
        access_key_id: &key.access_key_id,
        secret_access_key: key.secret.expose_secret(),
        session_token: key.session_token.expose_secret(),
        expiration: output::rfc3339(key.expires_at).unwrap_or_default(),
    };
    Ok(output::json(out, &credentials)?)
}

fn request(options: &AwsOptions, deadline: Deadline) -> Result<EphemeralAccessKeyOptions, Error> {
    let request = EphemeralAccessKeyOptions::new(&*options.session_name)
        .map_err(|error| error.at("--session-name"))?
        .duration(options.duration)
        .map_err(|error| error.at("--duration"))?;
    let Some(file) = &options.policy else { return Ok(request) };
    let location = format!("--policy {}", file.display());
    // In time and in size as any input: the file can be a pipe.
    let policy = input::read(&AuthValue::File(file.clone()), deadline);
    let policy = policy.map_err(|error| error.with_help("give a file with the JSON of a policy"));
    let request = policy.and_then(|policy| request.policy(&*policy.text));
    request.map_err(|error| error.at(location))
}
