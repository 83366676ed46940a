//! `yc-auth headers`: a JSON object of headers, for clients that run a command for the headers of an MCP server.
//!
//! Claude Code connects without headers if one value is no string, so every value is one.

use std::io::Write;

use serde::Serialize;
use yandex_cloud_auth::sdk_internals::{check_folder_id, new_runtime};
use yandex_cloud_auth::{Error, ErrorKind, Scheme};
use zeroize::Zeroizing;

use crate::arguments::HeadersOptions;
use crate::credentials::Session;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::hosts::{self, Hook, Hosts};
use crate::{hook, output};

/// The variable in which Claude Code names the server.
const VARIABLE: &str = "CLAUDE_CODE_MCP_SERVER_URL";

#[derive(Serialize)]
struct Headers<'a> {
    #[serde(rename = "Authorization", skip_serializing_if = "Option::is_none")]
    authorization: Option<&'a str>,
    #[serde(rename = "Folder-Id", skip_serializing_if = "Option::is_none")]
    folder_id: Option<&'a str>,
}

/// Prints the headers.
pub(crate) fn run(options: &HeadersOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let deadline = deadline.within(options.hook.auth.timeout);
    check_url(options).map_err(Failure::Hook)?;
    if let Some(id) = &options.folder_id {
        check_folder_id(id).map_err(|error| Failure::Hook(error.at("--folder-id")))?;
    }
    let (snapshot, folder) = hook::serve(&options.hook, deadline, |session| {
        let snapshot = hook::token(session)?;
        let folder = match &options.folder_id {
            Some(id) => Some(id.clone()),
            None if options.mcp => folder(session)?,
            None => None,
        };
        Ok((snapshot, folder))
    })?;
    let parts = snapshot.scheme().map(Scheme::as_str).zip(snapshot.expose_secret());
    let authorization = parts.map(|(scheme, secret)| Zeroizing::new([scheme, " ", secret].concat()));
    let authorization = authorization.as_ref().map(|header| header.as_str());
    Ok(output::json(out, &Headers { authorization, folder_id: folder.as_deref() })?)
}

/// Refuses a URL of a host that must not get the headers.
fn check_url(options: &HeadersOptions) -> Result<(), Error> {
    let hosts = Hosts::of(Hook::Headers, &options.hosts.hosts)?;
    let in_variable = std::env::var_os(VARIABLE).filter(|url| !url.is_empty());
    let in_variable = in_variable.map(|url| url.to_string_lossy().into_owned());
    let given = [("--url", &options.url), (VARIABLE, &in_variable)];
    let given: Vec<_> = given.iter().filter_map(|(name, url)| Some((*name, url.as_deref()?))).collect();
    for (name, url) in &given {
        if hosts.of_url(url).is_none() {
            return Err(refusal(name, url));
        }
    }
    match given[..] {
        [] => Err(Error::new(ErrorKind::Invalid, "the URL that the headers are for is missing")
            .at("--url")
            .with_help(format!("give `--url URL`; Claude Code sets {VARIABLE}"))),
        [(_, one), (_, other)] if hosts::shown(one) != hosts::shown(other) => {
            Err(Error::new(ErrorKind::Invalid, format!("{VARIABLE} names another server"))
                .at("--url")
                .with_help("run the set-up again for the server that the client connects to"))
        }
        _ => Ok(()),
    }
}

fn refusal(name: &str, url: &str) -> Error {
    match hosts::shown(url) {
        Some(address) if url.contains("://") => {
            let is_https = address.starts_with("https://");
            let (reason, help) = if is_https {
                (
                    "the header would go to a host that is not Yandex Cloud's",
                    "if the host may have the credentials, add it with `--host HOST`",
                )
            } else {
                ("the header would travel in plain text", "use https; for a loopback host, add `--host HOST`")
            };
            Error::new(ErrorKind::Blocked, reason).at(format!("{name}: {address}")).with_help(help)
        }
        _ => Error::new(ErrorKind::Invalid, "not a URL of a host, without a user")
            .at(name)
            .with_help("give a URL such as `https://toolkit.mcp.cloud.yandex.net/mcp`"),
    }
}

/// The folder of `Folder-Id`.
fn folder(session: &Session<'_>) -> Result<Option<String>, Error> {
    let runtime = new_runtime().map_err(|error| Error::new(ErrorKind::Unavailable, error.to_string()))?;
    let limit = session.deadline.remaining().unwrap_or_default();
    runtime.block_on(session.credentials.folder_id(limit)).map_err(|error| session.explain(error))
}
