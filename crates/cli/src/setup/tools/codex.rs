//! Codex CLI: `config.toml` in `CODEX_HOME`, else `~/.codex`.
//!
//! Codex runs `auth.command` at its start and, with `refresh_interval_ms = 0`, once after each 401 and at no other time: so a
//! second call is a refusal, and `--on-repeat=renew` is exact. Codex kills the command after 5 s. Its helper for MCP servers
//! is a line for `sh -c` and gets almost no variables.

use yandex_cloud_auth::{Error, ErrorKind};

use super::super::choice::variable;
use super::super::context::Context;
use super::super::formats::{Format, Member, Value};
use super::super::merge::{Group, Owner};
use super::super::plan::{Entries, Plan, Step, path};
use super::{below, comment, entries, mcp, names, text, whole};

pub(super) fn plan(context: &Context<'_>) -> Result<Plan, Error> {
    let file = context.path_or("CODEX_HOME", || Ok(context.home()?.join(".codex")))?.join("config.toml");
    let name = context.name()?;
    let folder = context.folder_id()?;
    // Without shared tokens each call fetches a new one anyway.
    let is_shared = !context.choice.arguments.iter().any(|argument| argument == "--no-cache");
    let on_repeat = is_shared.then_some("--on-repeat=renew");
    let words: Vec<_> = ["token"].into_iter().chain(on_repeat).chain(["--timeout", "4"]).collect();
    let mut command = context.command(&words);
    // One folder for both kinds of commands: the helper has no `XDG_RUNTIME_DIR`.
    command.arguments.extend(context.cache_arguments());
    let mut groups = provider(name);
    groups[0].comment = comment("codex");
    groups[0].entries = entries([
        ("name", text("Yandex Cloud AI Studio")),
        ("base_url", text(context.api_url()?)),
        ("wire_api", text("responses")),
        ("http_headers", Value::Map(entries([("OpenAI-Project", text(&folder))]))),
    ]);
    groups[1].entries = entries([
        ("command", text(command.program)),
        ("args", Value::List(command.arguments)),
        ("refresh_interval_ms", Value::Number(0)),
    ]);
    let servers = mcp::servers(context)?;
    if !servers.is_empty() && !context.choice.variables.is_empty() {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "Codex gives the helper of an MCP server no variable, and these credentials need {}",
                context.choice.variables.join(", ")
            ),
        )
        .at("--mcp")
        .with_help("choose credentials in a file: `--key-file FILE`, or `--auth @FILE`"));
    }
    let mut notes = Vec::new();
    if !servers.is_empty() && (variable("HTTPS_PROXY")?.is_some() || variable("https_proxy")?.is_some()) {
        let note = "Codex gives the helper of an MCP server no variable of a proxy: a shared token works there, and a new one \
                    has to be reachable without the proxy";
        notes.push(note.to_owned());
    }
    for server in servers {
        let mut command = mcp::headers(context, &server)?;
        command.arguments.extend(context.cache_arguments());
        let mut group = mcp_server(&server.name);
        group.comment = comment("codex");
        group.entries =
            entries([("url", text(server.url)), ("http_headers_helper", text(command.for_shell()))]);
        groups.push(group);
    }
    let next = format!("codex -c model_provider={name} -m gpt://{folder}/MODEL/latest");
    let steps = vec![Step::Entries(Entries { path: file, format: Format::Toml, groups, find })];
    Ok(Plan { steps, notes, next: vec![next] })
}

/// The two tables of a provider, without values.
fn provider(name: &str) -> Vec<Group> {
    let table = path(&["model_providers", name]);
    let auth = below(&table, &["auth"]);
    let owner = Owner::Runs(below(&auth, &["command"]));
    let none = || text("");
    let values =
        entries([("name", none()), ("base_url", none()), ("wire_api", none()), ("http_headers", none())]);
    let auth_values = entries([("command", none()), ("args", none()), ("refresh_interval_ms", none())]);
    vec![whole(table, owner.clone(), values), whole(auth, owner, auth_values)]
}

/// The table of an MCP server, without values.
fn mcp_server(name: &str) -> Group {
    let table = path(&["mcp_servers", name]);
    let owner = Owner::Runs(below(&table, &["http_headers_helper"]));
    whole(table, owner, entries([("url", text("")), ("http_headers_helper", text(""))]))
}

fn find(root: &[Member]) -> Vec<Group> {
    let providers = names(root, &path(&["model_providers"])).into_iter().flat_map(|name| provider(&name));
    let servers = names(root, &path(&["mcp_servers"])).into_iter().map(|name| mcp_server(&name));
    super::owned(root, providers.chain(servers))
}
