//! Claude Code: MCP servers in `~/.claude.json`, and a gateway for the models in `~/.claude/settings.json`.
//!
//! `headersHelper` and `apiKeyHelper` are lines for `/bin/sh -c`. Claude Code speaks another API than AI Studio, so
//! `apiKeyHelper` makes sense with a gateway alone, and the key goes to nobody else.

use yandex_cloud_auth::{Error, ErrorKind};

use super::super::choice::variable;
use super::super::context::Context;
use super::super::formats::{Format, Member};
use super::super::merge::{Group, Owner};
use super::super::plan::{Entries, Plan, Step, path};
use super::{below, entries, mcp, names, owned, text, whole};
use crate::hosts::is_protected;

pub(super) fn plan(context: &Context<'_>) -> Result<Plan, Error> {
    let own = variable("CLAUDE_CONFIG_DIR")?;
    let folder = context.path_or("CLAUDE_CONFIG_DIR", || Ok(context.home()?.join(".claude")))?;
    let servers_file =
        if own.is_some() { folder.join(".claude.json") } else { context.home()?.join(".claude.json") };
    let (mut plan, mut groups) = (Plan::default(), Vec::new());
    for server in mcp::servers(context)? {
        let mut group = mcp_server(&server.name);
        let command = mcp::headers(context, &server)?;
        group.entries = entries([
            ("type", text("http")),
            ("url", text(server.url)),
            ("headersHelper", text(command.for_shell())),
        ]);
        groups.push(group);
    }
    let format = Format::Json { comments: false };
    // An undo without a name takes out everything.
    let is_whole_undo = context.is_undo() && !context.is_named();
    if is_whole_undo || !groups.is_empty() {
        plan.steps.push(Step::Entries(Entries { path: servers_file, format, groups, find: find_servers }));
        plan.next.push("restart Claude Code, and look at the servers with /mcp".to_owned());
    }
    if is_whole_undo || context.options.gateway.is_some() {
        let url = context.options.gateway.as_deref().unwrap_or_default().trim();
        if !context.is_undo() && !is_protected(url) {
            return Err(Error::new(
                ErrorKind::Invalid,
                "not an address over TLS, and no address of this machine",
            )
            .at("--gateway")
            .with_help("give the address of the gateway, such as `https://gateway.example.com`"));
        }
        let mut groups = gateway();
        groups[0].entries = entries([("ANTHROPIC_BASE_URL", text(url))]);
        // Claude Code runs a helper that fails several times in a row, and its user waits.
        let key = context.command(&["token", "--timeout", "4"]);
        groups[1].entries = entries([("apiKeyHelper", text(key.for_shell()))]);
        let find = |root: &[Member]| owned(root, gateway().into_iter());
        plan.steps.push(Step::Entries(Entries { path: folder.join("settings.json"), format, groups, find }));
    }
    Ok(plan)
}

fn mcp_server(name: &str) -> Group {
    let table = path(&["mcpServers", name]);
    let owner = Owner::Runs(below(&table, &["headersHelper"]));
    whole(table, owner, entries([("type", text("")), ("url", text("")), ("headersHelper", text(""))]))
}

fn find_servers(root: &[Member]) -> Vec<Group> {
    owned(root, names(root, &path(&["mcpServers"])).into_iter().map(|name| mcp_server(&name)))
}

/// The address, and the command for its key.
fn gateway() -> Vec<Group> {
    let owner = Owner::Runs(path(&["apiKeyHelper"]));
    let group = |path, entries| Group { path, entries, owner: owner.clone(), is_whole: false, comment: None };
    vec![
        group(path(&["env"]), entries([("ANTHROPIC_BASE_URL", text(""))])),
        group(Vec::new(), entries([("apiKeyHelper", text(""))])),
    ]
}
