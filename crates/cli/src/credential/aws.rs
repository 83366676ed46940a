//! Ephemeral keys of Object Storage for the aws CLI and the AWS SDKs, as `credential_process` gives them (AWS docs,
//! "Sourcing credentials with an external process").

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::Serialize;
use yandex_cloud_auth::{EphemeralAccessKeyOptions, Error, ErrorKind};

use crate::arguments::AwsOptions;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::{hook, output};

/// A policy has at most 2,048 characters. A much longer file is not one.
const LONGEST_FILE: u64 = 16 << 10;

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
    let request = request(options).map_err(Failure::Hook)?;
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

fn request(options: &AwsOptions) -> Result<EphemeralAccessKeyOptions, Error> {
    let request = EphemeralAccessKeyOptions::new(&*options.session_name)
        .map_err(|error| error.at("--session-name"))?
        .duration(options.duration)
        .map_err(|error| error.at("--duration"))?;
    let Some(file) = &options.policy else { return Ok(request) };
    let policy = read(file).map_err(|error| {
        Error::new(ErrorKind::Invalid, format!("cannot be read: {error}"))
            .with_help("give a file with the JSON of a policy")
    });
    let request = policy.and_then(|policy| request.policy(policy));
    request.map_err(|error| error.at(format!("--policy {}", file.display())))
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(LONGEST_FILE).read_to_string(&mut text)?;
    Ok(text)
}
