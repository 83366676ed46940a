//! `yc-auth man`: one page for the command and all subcommands, made from the definitions of the command line.

use std::io::{self, Write};

use clap_mangen::Man;

use crate::arguments::{EXIT_STATUS, auth_options, definitions, variables};
use crate::failure::Failure;

/// Prints the page, as roff.
pub(crate) fn run(out: &mut dyn Write) -> Result<(), Failure> {
    out.write_all(&page()?)?;
    out.flush()?;
    Ok(())
}

fn page() -> io::Result<Vec<u8>> {
    let mut command = definitions();
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone()).manual("Yandex Cloud authentication");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    page.extend_from_slice(b".SH COMMANDS\n");
    let mut first = None;
    for (name, subcommand) in with_nested(&command, "yc-auth") {
        writeln!(page, ".SS {}", escaped(&name))?;
        let man = Man::new(subcommand.clone());
        page.extend(body(|part| man.render_synopsis_section(part))?);
        page.extend_from_slice(b".PP\n");
        page.extend(body(|part| man.render_description_section(part))?);
        // Most subcommands share the options of authentication: the page lists them once.
        let own = match first {
            Some(first) if authenticates(subcommand) => {
                let own = without_auth_options(subcommand);
                let and = if has_options(&own) { ", and:" } else { "." };
                let first = escaped(&format!("yc-auth {first}"));
                writeln!(page, ".PP\nThe options of authentication are those of {first}{and}")?;
                own
            }
            _ => subcommand.clone(),
        };
        if first.is_none() && authenticates(subcommand) {
            first = Some(subcommand.get_name());
        }
        if has_options(&own) {
            page.extend(body(|part| Man::new(own).render_options_section(part))?);
        }
    }
    page.extend_from_slice(b".SH \"EXIT STATUS\"\n");
    for (status, meaning) in EXIT_STATUS {
        writeln!(page, ".TP\n\\fB{status}\\fR\n{}", escaped(meaning))?;
    }
    page.extend_from_slice(b".SH ENVIRONMENT\nAn empty variable counts as unset.\n");
    for (name, meaning) in variables() {
        writeln!(page, ".TP\n\\fB{}\\fR\n{}", escaped(name), escaped(meaning))?;
    }
    page.extend_from_slice(b".SH \"EXAMPLES AND SECRETS\"\n.nf\n");
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    for line in after.lines().filter(|line| !line.starts_with("Examples:") && !line.contains("--help")) {
        writeln!(page, "{}", escaped(line))?;
    }
    page.extend_from_slice(b".fi\n");
    Ok(page)
}

/// The subcommands of a command, each with its name and followed by its own subcommands.
fn with_nested<'a>(command: &'a clap::Command, parent: &str) -> Vec<(String, &'a clap::Command)> {
    let is_top = parent == "yc-auth";
    let mut all = Vec::new();
    // `help` has a copy of every command below it.
    for subcommand in command.get_subcommands().filter(|own| is_top || own.get_name() != "help") {
        let name = format!("{parent} {}", subcommand.get_name());
        let nested = match subcommand.get_name() {
            "help" => Vec::new(),
            _ => with_nested(subcommand, &name),
        };
        all.push((name, subcommand));
        all.extend(nested);
    }
    all
}

/// Whether the subcommand shows options beside `--help`.
fn has_options(subcommand: &clap::Command) -> bool {
    let mut shown = subcommand.get_arguments().filter(|argument| !argument.is_hide_set());
    shown.any(|argument| argument.get_id() != "help")
}

/// Whether the subcommand has the options of authentication.
fn authenticates(subcommand: &clap::Command) -> bool {
    auth_options()
        .get_arguments()
        .all(|shared| subcommand.get_arguments().any(|own| own.get_id() == shared.get_id()))
}

/// The subcommand, with the options of authentication and `--help` hidden.
fn without_auth_options(subcommand: &clap::Command) -> clap::Command {
    let shared = auth_options();
    subcommand.clone().mut_args(|argument| {
        let is_shared = shared.get_arguments().any(|shared| shared.get_id() == argument.get_id());
        let hide = is_shared || argument.get_id() == "help" || argument.is_hide_set();
        argument.hide(hide)
    })
}

/// A section without its heading and the roff definitions before it.
fn body(render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let mut section = Vec::new();
    render(&mut section)?;
    let heading = section.windows(4).position(|window| window == b".SH ");
    let start =
        heading.and_then(|at| section[at..].iter().position(|byte| *byte == b'\n').map(|end| at + end + 1));
    Ok(section.split_off(start.unwrap_or(section.len())))
}

/// Text that roff does not read as a request or an escape.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_command_status_and_variable() {
        let page = String::from_utf8(page().unwrap()).unwrap();
        for command in definitions().get_subcommands() {
            assert!(
                page.contains(&format!(".SS yc\\-auth {}", command.get_name())),
                "{}",
                command.get_name()
            );
        }
        for (_, meaning) in EXIT_STATUS {
            assert!(page.contains(&escaped(meaning)), "{meaning}");
        }
        for (name, _) in variables() {
            assert!(page.contains(&escaped(name)), "{name}");
        }
        assert!(page.contains("The options of authentication are those of yc\\-auth token, and:"));
        assert!(page.contains(".SS yc\\-auth credential docker\n"));
        assert!(!page.contains(".SS yc\\-auth help token"));
    }
}
