//! What a person puts into place: the line of direnv, the commands of psql and Terraform, a unit of systemd.

use std::env;

use yandex_cloud_auth::{Error, ErrorKind};

use super::super::choice::{OF_A_JOB, variable};
use super::super::command_line::CommandLine;
use super::super::context::Context;
use super::super::plan::{OwnLine, Plan, Step};

const DIRENV_MARK: &str = "# yc-auth setup direnv";

/// A line in the `.envrc` of the current folder. If the command fails, the line sets nothing: `export X=$(…)` would set an
/// empty value.
pub(super) fn direnv(context: &Context<'_>) -> Result<Plan, Error> {
    let folder = env::current_dir().map_err(|error| {
        Error::new(ErrorKind::Invalid, format!("the current folder is not known: {error}"))
    })?;
    let command = context.command(&["env", "--format", "sh"]).for_shell();
    let line = format!("eval \"$({command})\" {DIRENV_MARK}");
    let lines = OwnLine { path: folder.join(".envrc"), line, mark: DIRENV_MARK };
    let next = vec![
        "direnv allow".to_owned(),
        "direnv runs the line on entry only: after 12 hours, run `direnv reload`".to_owned(),
    ];
    Ok(Plan { steps: vec![Step::Line(lines)], next, ..Plan::default() })
}

/// psql asks for the password at each connection: a file that `exec` keeps fresh has it.
pub(super) fn psql(context: &Context<'_>) -> Result<Plan, Error> {
    context.needs_iam_token()?;
    let hosts = context.hosts()?;
    let host = hosts.first().copied().unwrap_or("c-CLUSTER.rw.mdb.yandexcloud.net");
    let command = context.command(&["exec", "--postgres"]).for_shell();
    Ok(printed(format!("PGHOST={host} PGPORT=6432 {command} -- psql DATABASE\n")))
}

pub(super) fn terraform(context: &Context<'_>) -> Result<Plan, Error> {
    context.needs_iam_token()?;
    let command = context.command(&["exec", "--terraform"]).for_shell();
    Ok(printed(format!("{command} -- terraform plan\n")))
}

/// A unit. systemd hands the file with the secret to the service alone (`%d` is the folder of its credentials).
pub(super) fn systemd(context: &Context<'_>) -> Result<Plan, Error> {
    let file = context.choice.file.as_deref();
    let command = context.command(&["exec"]);
    let mut words = CommandLine { program: command.program, arguments: Vec::new() }.for_systemd();
    for argument in &command.arguments {
        let word = match file {
            Some(file) if argument == file => "%d/yc-auth".to_owned(),
            Some(file) if argument.strip_prefix('@') == Some(file) => "@%d/yc-auth".to_owned(),
            _ => CommandLine { program: argument.clone(), arguments: Vec::new() }.for_systemd(),
        };
        words = format!("{words} {word}");
    }
    let mut unit = "[Service]\n".to_owned();
    if let Some(file) = file {
        let word = CommandLine { program: format!("yc-auth:{file}"), arguments: Vec::new() }.for_systemd();
        unit += &format!("LoadCredential={word}\n");
    }
    for name in &context.choice.variables {
        // The variables of a job are not those of a service.
        if let Some(value) = variable(name)?.filter(|_| !OF_A_JOB.contains(name)) {
            let word =
                CommandLine { program: format!("{name}={value}"), arguments: Vec::new() }.for_systemd();
            unit += &format!("Environment={word}\n");
        }
    }
    unit += &format!("ExecStart={words} -- /path/to/program\n");
    Ok(printed(unit))
}

fn printed(text: String) -> Plan {
    Plan { steps: vec![Step::Print(text)], ..Plan::default() }
}
