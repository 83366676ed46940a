//! Carries out a plan: first everything is read and merged, then written. Returns the text for the user.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use yandex_cloud_auth::{Error, ErrorKind};

use super::context::Context;
use super::file::{self, ToolFile, invalid};
use super::kubectl_user::{self, KubectlUser, Present};
use super::merge::{self, Merged};
use super::plan::{Entries, OwnFile, OwnLine, Plan, Step};

/// What to do with the plan.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Show,
    Write,
    Undo,
}

/// A step whose result is known, and not written yet.
struct Ready<'a> {
    /// What the user reads before it is written.
    preview: String,
    action: Action<'a>,
}

enum Action<'a> {
    Nothing,
    Edit {
        file: ToolFile,
        merged: Merged,
        keeps_copy: bool,
    },
    Create(&'a OwnFile),
    Delete(&'a Path),
    /// `is_new`: there is no such user yet.
    SetUser {
        user: &'a KubectlUser,
        is_new: bool,
    },
    DeleteUser(&'a KubectlUser),
}

/// Prints, writes or undoes.
pub(super) fn run(plan: &Plan, mode: Mode, context: &Context<'_>) -> Result<String, Error> {
    let ready: Result<Vec<_>, _> = plan.steps.iter().map(|step| prepare(step, mode)).collect();
    let ready = ready?;
    let tool = context.options.tool.name();
    let mut text = String::new();
    let is_done = ready.iter().all(|step| matches!(step.action, Action::Nothing));
    for step in ready {
        match mode {
            Mode::Show => text.push_str(&step.preview),
            _ => text.push_str(&carry_out(step, mode)?),
        }
    }
    let writes = plan.steps.iter().any(|step| !matches!(step, Step::Print(_)));
    match mode {
        Mode::Undo if !writes => {
            text = format!("{tool}: nothing to undo: `setup` writes no file for {tool}\n");
        }
        Mode::Undo => {}
        _ => {
            for name in &context.choice.variables {
                let _ = writeln!(text, "note: {tool} has to run with {name}, as this shell has it");
            }
            for remark in context.choice.remarks.iter().chain(&plan.notes) {
                let _ = writeln!(text, "note: {remark}");
            }
            for line in &plan.next {
                let _ = writeln!(text, "next: {line}");
            }
            if mode == Mode::Show && writes && !is_done {
                text.push_str("Nothing is written yet: `--write` writes.\n");
            }
        }
    }
    Ok(text)
}

fn prepare(step: &Step, mode: Mode) -> Result<Ready<'_>, Error> {
    match step {
        Step::Entries(entries) => prepare_entries(entries, mode),
        Step::File(file) => prepare_file(file, mode),
        Step::Line(line) => prepare_line(line, mode),
        Step::Kubectl(user) => prepare_user(user, mode),
        Step::Print(text) => Ok(Ready { preview: text.clone(), action: Action::Nothing }),
    }
}

fn prepare_entries(entries: &Entries, mode: Mode) -> Result<Ready<'static>, Error> {
    let mut file = ToolFile::read(&entries.path)?;
    let wrong = |reason: String| {
        invalid(&entries.path, reason).with_help("mend the file, or move the entry away; nothing was written")
    };
    let root = entries.format.read(file.text()).map_err(wrong)?;
    let own = (entries.find)(&root);
    // A copy with entries of `setup` does not say what was there before `setup`.
    let has_own = |text: &str| entries.format.read(text).is_ok_and(|root| !(entries.find)(&root).is_empty());
    if file.before().is_some_and(has_own) {
        file.ignore_copy();
    }
    let without = merge::undo(entries.format, file.text(), &own, file.before()).map_err(wrong)?;
    if mode == Mode::Undo {
        return ready(file, without, false, mode);
    }
    let merged = merge::write(entries.format, file.text(), &entries.groups).map_err(wrong)?;
    let keeps_copy = keeps_copy(&file, !own.is_empty(), &without.text);
    ready(file, merged, keeps_copy, mode)
}

/// A copy of the file before `setup` is worth more than one of the file with its entries, and what `setup` has created
/// needs none.
fn keeps_copy(file: &ToolFile, has_own: bool, without: &str) -> bool {
    !has_own || (file.before().is_none() && !is_blank(without))
}

fn prepare_line(own: &OwnLine, mode: Mode) -> Result<Ready<'static>, Error> {
    let file = ToolFile::read(&own.path)?;
    let old = file.text();
    let is_own = |line: &&str| line.trim_end().ends_with(own.mark);
    let mut merged =
        Merged { removed: old.lines().filter(is_own).map(str::to_owned).collect(), ..Merged::default() };
    merged.text = old.split_inclusive('\n').filter(|line| !is_own(line)).collect();
    let has_own = !merged.removed.is_empty();
    let keeps_copy = keeps_copy(&file, has_own, &merged.text);
    if mode != Mode::Undo {
        let end = if old.contains("\r\n") { "\r\n" } else { "\n" };
        if merged.removed == [own.line.clone()] {
            merged = Merged { text: old.to_owned(), ..Merged::default() };
        } else {
            let gap = if merged.text.is_empty() || merged.text.ends_with('\n') { "" } else { end };
            merged.text = format!("{}{gap}{}{end}", merged.text, own.line);
            merged.added.push(own.line.clone());
        }
    }
    ready(file, merged, keeps_copy, mode)
}

/// The edit of a file with its preview; nothing where the file is as it should be.
fn ready(file: ToolFile, mut merged: Merged, keeps_copy: bool, mode: Mode) -> Result<Ready<'static>, Error> {
    if mode == Mode::Undo && file.exists() {
        restore(&file, &mut merged);
    }
    if merged.text == file.text() {
        let preview = match mode {
            Mode::Undo => merged
                .remarks
                .iter()
                .map(|remark| format!("note: {}: {remark}\n", file.path().display()))
                .collect(),
            _ => format!("{}: is set up already\n", file.path().display()),
        };
        return Ok(Ready { preview, action: Action::Nothing });
    }
    if mode != Mode::Show {
        file.check_writable()?;
    }
    let verb = if file.exists() { "would change" } else { "would create" };
    let mut preview = format!("{verb} {}\n", file.path().display());
    if !file.exists() {
        merged.added = merged.text.lines().map(str::to_owned).collect();
    }
    for (sign, lines) in [('-', &merged.removed), ('+', &merged.added)] {
        for line in lines {
            let _ = writeln!(preview, "  {sign} {line}");
        }
    }
    Ok(Ready { preview, action: Action::Edit { file, merged, keeps_copy } })
}

/// Takes the bytes of the copy where an undo differs from the copy in blanks alone.
fn restore(file: &ToolFile, merged: &mut Merged) {
    let Some(before) = file.before() else { return };
    let is_json = before.trim_start().starts_with(['{', '/']);
    let words = |text: &str| text.split_whitespace().collect::<String>();
    if merged.text.trim_end() == before.trim_end() || (is_json && words(&merged.text) == words(before)) {
        before.clone_into(&mut merged.text);
    }
}

fn prepare_file(own: &OwnFile, mode: Mode) -> Result<Ready<'_>, Error> {
    let shown = own.path.display();
    let present = match fs::symlink_metadata(&own.path) {
        Err(_) => None,
        Ok(found) if found.is_file() && found.len() < 64 << 10 => fs::read_to_string(&own.path).ok(),
        Ok(_) => Some(String::new()),
    };
    let is_own = present.as_deref().is_some_and(|text| text.contains(own.mark));
    if mode == Mode::Undo {
        let is_kept = own
            .kept_for
            .as_ref()
            .is_some_and(|(other, words)| fs::read_to_string(other).is_ok_and(|text| text.contains(words)));
        let action = if is_own && !is_kept { Action::Delete(&own.path) } else { Action::Nothing };
        return Ok(Ready { preview: String::new(), action });
    }
    if present.is_some() && !is_own {
        return Err(invalid(
            &own.path,
            "another file is there, which `yc-auth setup` did not write".to_owned(),
        )
        .with_help("move the file, or name another folder with `--bin FOLDER`; nothing was written"));
    }
    if present.as_deref() == Some(&own.content) {
        return Ok(Ready { preview: format!("{shown}: is set up already\n"), action: Action::Nothing });
    }
    let mut preview = format!("would create {shown}\n");
    for line in own.content.lines() {
        let _ = writeln!(preview, "  + {line}");
    }
    Ok(Ready { preview, action: Action::Create(own) })
}

fn prepare_user(user: &KubectlUser, mode: Mode) -> Result<Ready<'_>, Error> {
    let action = match (user.present()?, mode) {
        (Present::Foreign, Mode::Show | Mode::Write) => {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("kubectl has a user `{}` already, which `yc-auth setup` did not write", user.name),
            )
            .with_help("choose another name: `--name NAME`"));
        }
        (Present::Same, Mode::Show | Mode::Write) | (Present::Nothing | Present::Foreign, Mode::Undo) => {
            Action::Nothing
        }
        (Present::Same | Present::Own, Mode::Undo) => Action::DeleteUser(user),
        (present, _) => Action::SetUser { user, is_new: present == Present::Nothing },
    };
    let preview = match action {
        Action::Nothing if mode == Mode::Undo => String::new(),
        Action::Nothing => format!("kubectl: the user {} is set up already\n", user.name),
        _ => format!("would run\n  {}\n", user.shown()),
    };
    Ok(Ready { preview, action })
}

/// Writes one step, and says what was done.
fn carry_out(step: Ready<'_>, mode: Mode) -> Result<String, Error> {
    match step.action {
        Action::Nothing => Ok(step.preview),
        Action::Edit { file, merged, keeps_copy } => edit(&file, &merged, keeps_copy, mode),
        Action::Create(own) => {
            create(own)?;
            Ok(format!("wrote {}\n", own.path.display()))
        }
        Action::Delete(path) => {
            fs::remove_file(path).map_err(|error| invalid(path, format!("cannot be removed: {error}")))?;
            Ok(format!("removed {}\n", path.display()))
        }
        Action::SetUser { user, is_new } => {
            let comments = kubectl_user::has_comments();
            let copies = user.set(is_new)?;
            let mut text = format!("kubectl: wrote the user {}\n", user.name);
            for copy in copies {
                let _ = writeln!(text, "copy: {}", copy.display());
            }
            if comments {
                text.push_str("note: kubectl writes its file without comments; the copy has them\n");
            }
            Ok(text)
        }
        Action::DeleteUser(user) => {
            user.delete()?;
            Ok(format!("kubectl: removed the user {}\n", user.name))
        }
    }
}

fn edit(file: &ToolFile, merged: &Merged, keeps_copy: bool, mode: Mode) -> Result<String, Error> {
    let shown = file.path().display();
    let mut text = String::new();
    if mode == Mode::Write {
        file.write(&merged.text, keeps_copy)?;
        let _ = writeln!(text, "wrote {shown}");
        if keeps_copy && file.exists() {
            let _ = writeln!(text, "copy: {}", file.copy_path().display());
        }
    } else if file.before().is_none() && is_blank(&merged.text) && file.is_no_link() {
        file.delete()?;
        let _ = writeln!(text, "removed {shown}");
    } else {
        file.write(&merged.text, false)?;
        let _ = writeln!(text, "restored {shown}");
        if file.before() == Some(&merged.text) {
            file.delete_copy();
        } else if file.copy_path().exists() {
            let _ = writeln!(
                text,
                "the file has other changes since; a copy of the file before `setup` is {}",
                file.copy_path().display()
            );
        }
    }
    for remark in &merged.remarks {
        let _ = writeln!(text, "note: {remark}");
    }
    Ok(text)
}

/// Whether nothing is left of a file that `setup` has created.
fn is_blank(text: &str) -> bool {
    let rest: String = text.split_whitespace().collect();
    rest.is_empty() || rest == "{}"
}

fn create(own: &OwnFile) -> Result<(), Error> {
    let failed = |error: std::io::Error| invalid(&own.path, format!("cannot be written: {error}"));
    if let Some(folder) = own.path.parent() {
        file::create_folder(folder).map_err(failed)?;
    }
    file::replace_own(&own.path, &own.content, own.is_program).map_err(failed)
}
