//! Container Registry and Cloud Registry: docker, pip and uv.
//!
//! docker runs `docker-credential-NAME`, and pip and uv run `keyring`, each from PATH and with arguments of its own. So the
//! choice of credentials is in a script.

use std::path::PathBuf;

use yandex_cloud_auth::Error;

use super::super::context::Context;
use super::super::formats::{Content, Format, Member, Value, members_at};
use super::super::merge::{Group, Owner};
use super::super::plan::{Entries, OwnFile, Plan, Step, path};
use super::{comment, entries, text};
use crate::hosts::Hook;

const INDEX: &str = "https://iam@registry.yandexcloud.net/pypi/REGISTRY/simple/";

pub(super) fn docker(context: &Context<'_>) -> Result<Plan, Error> {
    let file = context.path_or("DOCKER_CONFIG", || Ok(context.home()?.join(".docker")))?.join("config.json");
    let hosts = context.known_hosts(Hook::Docker)?;
    let entries: Vec<_> = match context.is_undo() && context.is_named() {
        true => context.hosts()?.into_iter().map(str::to_owned).collect(),
        false => hosts.names().map(str::to_owned).collect(),
    };
    let entries = entries.into_iter().map(|host| (host, text("yc-auth"))).collect();
    let format = Format::Json { comments: false };
    let step =
        Step::Entries(Entries { path: file, format, groups: vec![helpers(entries)], find: find_helpers });
    let command = context.command_with_hosts(Hook::Docker, &["credential", "docker"])?;
    let mut steps = vec![step];
    // The other hosts need the script.
    if !(context.is_undo() && context.is_named()) {
        steps.push(Step::File(context.script("docker-credential-yc-auth", &command)?));
    }
    Ok(Plan { steps, next: vec!["docker pull cr.yandex/REGISTRY/IMAGE".to_owned()], ..Plan::default() })
}

fn helpers(entries: Vec<(String, Value)>) -> Group {
    Group { path: path(&["credHelpers"]), entries, owner: Owner::Entry, is_whole: false, comment: None }
}

fn find_helpers(root: &[Member]) -> Vec<Group> {
    let members = members_at(root, &path(&["credHelpers"])).iter();
    let own = members
        .filter(|member| matches!(&member.content, Content::Value(value) if *value == text("yc-auth")));
    let entries: Vec<_> = own.map(|member| (member.key.clone(), text("yc-auth"))).collect();
    if entries.is_empty() { Vec::new() } else { vec![helpers(entries)] }
}

pub(super) fn pip(context: &Context<'_>) -> Result<Plan, Error> {
    let group = Group { comment: comment("pip"), ..provider("global") };
    let find = |root: &[Member]| find_provider(root, "global");
    let step =
        Step::Entries(Entries { path: pip_file(context)?, format: Format::Ini, groups: vec![group], find });
    let mut keyring = keyring(context)?;
    keyring.kept_for = Some((uv_file(context)?, "# Written by `yc-auth setup uv`", "uv"));
    Ok(Plan {
        steps: vec![step, Step::File(keyring)],
        next: vec![format!("pip install --index-url {INDEX} PACKAGE")],
        ..Plan::default()
    })
}

pub(super) fn uv(context: &Context<'_>) -> Result<Plan, Error> {
    let group = Group { comment: comment("uv"), ..provider("") };
    let find = |root: &[Member]| find_provider(root, "");
    let step =
        Step::Entries(Entries { path: uv_file(context)?, format: Format::Toml, groups: vec![group], find });
    let mut keyring = keyring(context)?;
    keyring.kept_for = Some((pip_file(context)?, "# Written by `yc-auth setup pip`", "pip"));
    Ok(Plan {
        steps: vec![step, Step::File(keyring)],
        next: vec![format!("uv pip install --index-url {INDEX} PACKAGE")],
        ..Plan::default()
    })
}

fn pip_file(context: &Context<'_>) -> Result<PathBuf, Error> {
    context.path_or("PIP_CONFIG_FILE", || {
        let folder = context.config_folder()?.join("pip");
        let of_mac = context.home()?.join("Library/Application Support/pip");
        let is_mac = cfg!(target_os = "macos") && of_mac.is_dir();
        Ok(if is_mac { of_mac } else { folder }.join("pip.conf"))
    })
}

fn uv_file(context: &Context<'_>) -> Result<PathBuf, Error> {
    context.path_or("UV_CONFIG_FILE", || Ok(context.config_folder()?.join("uv/uv.toml")))
}

/// `keyring-provider` in a section, or before the first table.
fn provider(section: &str) -> Group {
    let section = if section.is_empty() { Vec::new() } else { path(&[section]) };
    let values = entries([("keyring-provider", text("subprocess"))]);
    Group { path: section, entries: values, owner: Owner::Entry, is_whole: false, comment: None }
}

fn find_provider(root: &[Member], section: &str) -> Vec<Group> {
    super::owned(root, std::iter::once(provider(section)))
}

fn keyring(context: &Context<'_>) -> Result<OwnFile, Error> {
    let command = context.command_with_hosts(Hook::Keyring, &["credential", "keyring"])?;
    context.script("keyring", &command)
}
