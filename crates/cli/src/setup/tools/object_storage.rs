//! The AWS CLI and SDKs, and rclone, with ephemeral keys of Object Storage.
//!
//! Python's SDK splits `credential_process` with `shlex`; the SDKs for Go, JavaScript and Rust, and rclone, give the line to
//! `sh -c`. The quotes of [`CommandLine::for_shell`](super::super::command_line::CommandLine::for_shell) suit both.

use yandex_cloud_auth::Error;

use super::super::context::Context;
use super::super::formats::{Format, Member};
use super::super::merge::{Group, Owner};
use super::super::plan::{Entries, Plan, Step, path};
use super::{below, comment, entries, names, owned, text, whole};

const ENDPOINT: &str = "https://storage.yandexcloud.net";
const REGION: &str = "ru-central1";

/// The profiles of `setup rclone` are not those of `setup aws`.
const FOR_RCLONE: &str = "rclone-";

pub(super) fn aws(context: &Context<'_>) -> Result<Plan, Error> {
    let name = context.name()?;
    let step = profile_step(context, name, "aws", |root| profiles(root, false))?;
    Ok(Plan { steps: vec![step], next: vec![format!("aws --profile {name} s3 ls")], ..Plan::default() })
}

pub(super) fn rclone(context: &Context<'_>) -> Result<Plan, Error> {
    let name = context.name()?;
    let profile = format!("{FOR_RCLONE}{name}");
    let aws = profile_step(context, &profile, "rclone", |root| profiles(root, true))?;
    let file =
        context.path_or("RCLONE_CONFIG", || Ok(context.config_folder()?.join("rclone/rclone.conf")))?;
    let mut group = remote(name);
    group.comment = comment("rclone");
    let remote =
        Step::Entries(Entries { path: file, format: Format::Ini, groups: vec![group], find: remotes });
    Ok(Plan {
        steps: vec![aws, remote],
        next: vec![
            format!("rclone lsd {name}:"),
            format!(
                "rclone before 1.68 takes the profile from a variable: `AWS_PROFILE={profile} rclone lsd {name}:`"
            ),
        ],
        ..Plan::default()
    })
}

/// The profile in the file of the AWS tools.
fn profile_step(
    context: &Context<'_>,
    name: &str,
    tool: &str,
    find: fn(&[Member]) -> Vec<Group>,
) -> Result<Step, Error> {
    context.needs_iam_token()?;
    let file = context.path_or("AWS_CONFIG_FILE", || Ok(context.home()?.join(".aws/config")))?;
    let section = if name == "default" { name.to_owned() } else { format!("profile {name}") };
    let mut group = profile(&section);
    group.comment = comment(tool);
    group.entries[0].1 = text(context.command(&["credential", "aws"]).for_shell());
    Ok(Step::Entries(Entries { path: file, format: Format::Ini, groups: vec![group], find }))
}

fn profile(section: &str) -> Group {
    let section = path(&[section]);
    let owner = Owner::Runs(below(&section, &["credential_process"]));
    let values = entries([
        ("credential_process", text("")),
        ("endpoint_url", text(ENDPOINT)),
        ("region", text(REGION)),
    ]);
    whole(section, owner, values)
}

fn profiles(root: &[Member], of_rclone: bool) -> Vec<Group> {
    let names = names(root, &[]).into_iter();
    let names = names.filter(|name| name.starts_with(&format!("profile {FOR_RCLONE}")) == of_rclone);
    owned(root, names.map(|name| profile(&name)))
}

fn remote(name: &str) -> Group {
    let values = entries([
        ("type", text("s3")),
        ("provider", text("Other")),
        ("env_auth", text("true")),
        ("profile", text(format!("{FOR_RCLONE}{name}"))),
        ("endpoint", text(ENDPOINT)),
        ("region", text(REGION)),
    ]);
    let owner = Owner::Has(values[2..4].to_vec());
    whole(path(&[name]), owner, values)
}

fn remotes(root: &[Member]) -> Vec<Group> {
    owned(root, names(root, &[]).into_iter().map(|name| remote(&name)))
}
