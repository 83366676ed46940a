//! One plan for each tool: which file, which entries, which command. The module of a tool says what it knows of the tool.

mod claude_code;
mod codex;
mod git;
mod kubectl;
mod mcp;
mod object_storage;
mod opencode;
mod printed;
mod registries;

use yandex_cloud_auth::Error;

use super::context::Context;
use super::formats::{Content, Member, Value, members_at};
use super::merge::{Group, Owner};
use super::plan::Plan;
use crate::arguments::Tool;

/// The plan for the tool of the options.
pub(super) fn plan(context: &Context<'_>) -> Result<Plan, Error> {
    match context.options.tool {
        Tool::Aws => object_storage::aws(context),
        Tool::ClaudeCode => claude_code::plan(context),
        Tool::Codex => codex::plan(context),
        Tool::Direnv => printed::direnv(context),
        Tool::Docker => registries::docker(context),
        Tool::Git => git::plan(context),
        Tool::Kubectl => kubectl::plan(context),
        Tool::Opencode => opencode::plan(context),
        Tool::Pip => registries::pip(context),
        Tool::Psql => printed::psql(context),
        Tool::Rclone => object_storage::rclone(context),
        Tool::Systemd => printed::systemd(context),
        Tool::Terraform => printed::terraform(context),
        Tool::Uv => registries::uv(context),
    }
}

/// A text as a value.
fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// The names of the tables below a path.
fn names(root: &[Member], path: &[String]) -> Vec<String> {
    let tables = members_at(root, path).iter().filter(|member| matches!(member.content, Content::Table(_)));
    tables.map(|member| member.key.clone()).collect()
}

/// A table that belongs to `setup` as a whole.
fn whole(path: Vec<String>, owner: Owner, entries: Vec<(String, Value)>) -> Group {
    Group { path, entries, owner, is_whole: true, comment: None }
}

/// Keys with values.
fn entries<const N: usize>(entries: [(&str, Value); N]) -> Vec<(String, Value)> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The comment before entries of a tool.
fn comment(tool: &str) -> Option<String> {
    Some(format!("# Written by `yc-auth setup {tool}`; `yc-auth setup {tool} --undo` takes it out."))
}

/// The path with further names.
fn below(path: &[String], names: &[&str]) -> Vec<String> {
    path.iter().cloned().chain(names.iter().map(|name| (*name).to_owned())).collect()
}

/// The groups that `setup` has written.
fn owned(root: &[Member], groups: impl Iterator<Item = Group>) -> Vec<Group> {
    groups.filter(|group| group.is_owned(root)).collect()
}
