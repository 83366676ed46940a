//! git: a credential helper for the hosts of `--host`, and for no other host.
//!
//! git gives a password that has worked to all its helpers, to be stored. The empty helper before ours ends the list of those
//! that would store the token.

use yandex_cloud_auth::Error;

use super::super::context::Context;
use super::super::formats::{Format, Member};
use super::super::merge::{Group, Owner};
use super::super::plan::{Entries, Plan, Step, path};
use super::{below, comment, entries, names, owned, text, whole};
use crate::hosts::Hook;

pub(super) fn plan(context: &Context<'_>) -> Result<Plan, Error> {
    let file = context.path_or("GIT_CONFIG_GLOBAL", || {
        let file = context.home()?.join(".gitconfig");
        let other = context.config_folder()?.join("git/config");
        // git reads both, and writes to the second one only if the first one does not exist.
        Ok(if !file.exists() && other.exists() { other } else { file })
    })?;
    let group = |host: &str| {
        let command = context.command(&["credential", "git", "--host", host]);
        let mut group = helper(&format!("credential \"https://{host}\""));
        group.entries[1].1 = text(format!("!{}", command.for_shell()));
        group.comment = comment("git");
        group
    };
    context.known_hosts(Hook::Git)?;
    let hosts = context.hosts()?;
    let groups = hosts.iter().map(|host| group(host)).collect();
    let next = hosts.iter().map(|host| format!("git ls-remote https://{host}/REPOSITORY")).collect();
    let steps = vec![Step::Entries(Entries { path: file, format: Format::Git, groups, find })];
    Ok(Plan { steps, next, ..Plan::default() })
}

fn helper(section: &str) -> Group {
    let section = path(&[section]);
    let owner = Owner::Runs(below(&section, &["helper"]));
    whole(section, owner, entries([("helper", text("")), ("helper", text(""))]))
}

fn find(root: &[Member]) -> Vec<Group> {
    let sections = names(root, &[]).into_iter().filter(|name| name.starts_with("credential \""));
    owned(root, sections.map(|name| helper(&name)))
}
