//! A credential helper of docker (docker-credential-helpers, "Development"): `get` reads the bare name of the server.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;
use yandex_cloud_auth::{Error, ErrorKind};

use crate::arguments::{DockerOperation, DockerOptions};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::hosts::{Hook, Hosts};
use crate::{hook, input, output};

/// What docker takes for "no credentials", word for word, on standard output. Any other failure is an error.
const NOT_FOUND: &str = "credentials not found in native keychain";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Login<'a> {
    #[serde(rename = "ServerURL")]
    server_url: &'a str,
    username: &'a str,
    secret: &'a str,
}

pub(super) fn run(options: &DockerOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let hosts = Hosts::of(Hook::Docker, &options.hosts.hosts).map_err(Failure::Hook)?;
    match options.operation {
        DockerOperation::Get => get(options, &hosts, deadline, out),
        // A failing `store` would fail `docker login`.
        DockerOperation::Store | DockerOperation::Erase => {
            input::drain(deadline);
            Ok(())
        }
        DockerOperation::List => {
            // docker asks for each of them with `get`, which gives the user.
            let users: BTreeMap<_, _> = hosts.names().map(|host| (host, hook::IAM_USER)).collect();
            Ok(output::json(out, &users)?)
        }
        DockerOperation::Version => {
            let version = env!("CARGO_PKG_VERSION");
            Ok(output::line(out, &["docker-credential-yc-auth (yc-auth) v", version])?)
        }
    }
}

fn get(
    options: &DockerOptions,
    hosts: &Hosts,
    deadline: Deadline,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let question = input::read_question(deadline, |_| false).map_err(Failure::Hook)?;
    let server = question.trim();
    if server.is_empty() {
        return Err(Failure::Hook(
            Error::new(ErrorKind::Invalid, "the name of the server is missing")
                .at("standard input")
                .with_help("docker writes it there: `echo cr.yandex | yc-auth credential docker get`"),
        ));
    }
    let snapshot = match hosts.of_server(server) {
        Some(_) => hook::serve(&options.hook, deadline, hook::token)?,
        None => return not_found(out),
    };
    match hook::login(&snapshot) {
        Some((username, secret)) => Ok(output::json(out, &Login { server_url: server, username, secret })?),
        None => not_found(out),
    }
}

fn not_found(out: &mut dyn Write) -> Result<(), Failure> {
    output::line(out, &[NOT_FOUND])?;
    Err(Failure::NotFound)
}
