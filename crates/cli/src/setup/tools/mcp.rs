//! The MCP servers of `--mcp [NAME=]URL`, and the command that makes their headers.

use yandex_cloud_auth::{Error, ErrorKind};

use super::super::command_line::CommandLine;
use super::super::context::{Context, check_name};
use crate::hosts::Hook;

/// A server.
pub(super) struct McpServer {
    pub(super) name: String,
    pub(super) url: String,
}

/// The servers of the options.
///
/// # Errors
/// `Invalid` for an address that must not get a token.
pub(super) fn servers(context: &Context<'_>) -> Result<Vec<McpServer>, Error> {
    context.options.mcp.iter().map(|text| server(context, text)).collect()
}

fn server(context: &Context<'_>, text: &str) -> Result<McpServer, Error> {
    let refused = |reason: &str| {
        Error::new(ErrorKind::Invalid, reason)
            .at("--mcp")
            .with_help("give an address such as `https://toolkit.mcp.cloud.yandex.net/mcp`, or `NAME=URL`")
    };
    let (name, url) = match text.split_once("=https://") {
        Some((name, rest)) => (Some(name.to_owned()), format!("https://{rest}")),
        None => (None, text.trim().to_owned()),
    };
    let parsed: http::Uri = url.parse().map_err(|_| refused("not an address"))?;
    let host = parsed.host().unwrap_or_default();
    if parsed.scheme_str() != Some("https") || host.is_empty() {
        return Err(refused("the address does not begin with `https://`, and a token goes over TLS only"));
    }
    if parsed.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(refused("the address has a user name in it"));
    }
    context.check_host(&url, "--mcp")?;
    let name = name.unwrap_or_else(|| format!("yandex-{}", host.split('.').next().unwrap_or_default()));
    check_name(&name, "--mcp")?;
    Ok(McpServer { name, url })
}

/// The command that prints the headers for a server. A tool may give it no variables, so the folder is an argument.
pub(super) fn headers(context: &Context<'_>, server: &McpServer) -> Result<CommandLine, Error> {
    let mut words = vec!["headers", "--mcp", "--url", &server.url];
    let folder = context.given_folder_id()?;
    if let Some(folder) = &folder {
        words.extend(["--folder-id", folder]);
    }
    context.command_with_hosts(Hook::Headers, &words)
}
