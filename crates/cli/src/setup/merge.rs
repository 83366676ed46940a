//! Which entries of a file are those of `setup`, and what has to change in the file. Knows no file system.
//!
//! An undo needs no record: `setup` knows its entries by the command that they run, by its comment, or because the copy of
//! the file does not have them.

use super::command_line::runs_yc_auth;
use super::formats::{
    Addition, Content, Edit, Format, Layout, Member, Value, apply, find, has_comment, members_at,
};

/// Entries of one table.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The names from the root to the table.
    pub(super) path: Vec<String>,
    pub(super) entries: Vec<(String, Value)>,
    pub(super) owner: Owner,
    /// Whether the table as a whole belongs to `setup`. Otherwise only the entries do.
    pub(super) is_whole: bool,
    /// A comment before the entries.
    pub(super) comment: Option<String>,
}

/// How `setup` knows that entries are its own.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    /// The value at this path runs `yc-auth`.
    Runs(Vec<String>),
    /// The table has all of these values.
    Has(Vec<(String, Value)>),
    /// Each entry by itself: the value runs `yc-auth`, or is the one that `setup` writes.
    Entry,
}

/// A text after a change, with the lines for the user.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) text: String,
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
    /// Remarks for the user.
    pub(super) remarks: Vec<String>,
}

/// The text with these groups.
///
/// # Errors
/// What is wrong with the text, or which entry of another program is in the way.
pub(super) fn write(format: Format, text: &str, groups: &[Group]) -> Result<Merged, String> {
    let mut merged = Merged { text: text.to_owned(), ..Merged::default() };
    let root = format.read(text)?;
    // Before the first change: one group can have the entry by which `setup` knows another one.
    let owned: Vec<bool> = groups.iter().map(|group| group.is_owned(&root)).collect();
    for (group, is_owned) in groups.iter().zip(owned) {
        write_group(format, &mut merged, group, is_owned)?;
    }
    Ok(merged)
}

fn write_group(format: Format, merged: &mut Merged, group: &Group, is_owned: bool) -> Result<(), String> {
    let root = format.read(&merged.text)?;
    let shown = |key: Option<&str>| shown(&group.path, key);
    let is_there = find(&root, &group.path).is_some_and(|table| table.layout != Layout::Implied);
    if group.is_whole && is_there && !is_owned {
        return Err(format!("{} is there already, and `yc-auth setup` did not write it", shown(None)));
    }
    let members = members_at(&root, &group.path);
    let (mut new, mut edits) = (Vec::new(), Vec::new());
    let mut keys: Vec<&str> = group.entries.iter().map(|(key, _)| key.as_str()).collect();
    keys.dedup();
    for key in keys {
        let wanted: Vec<_> = group.entries.iter().filter(|(name, _)| name == key).collect();
        let present: Vec<_> = members.iter().filter(|member| member.key == key).collect();
        let is_same = wanted.len() == present.len()
            && wanted.iter().zip(&present).all(|((_, value), member)| is_equal(&member.content, value));
        if is_same {
            continue;
        }
        let is_own_group = is_owned && !matches!(group.owner, Owner::Entry);
        let is_own = is_own_group || present.iter().all(|member| runs(&member.content));
        match (&wanted[..], &present[..]) {
            (_, []) => new.extend(wanted.iter().map(|entry| (*entry).clone())),
            (_, _) if !is_own => {
                return Err(format!(
                    "{} has another value already, which `yc-auth setup` did not write",
                    shown(Some(key))
                ));
            }
            ([(_, value)], [member]) => edits.push(format.replace(&merged.text, member, value)?),
            _ => {
                edits.extend(present.iter().flat_map(|member| format.remove(&merged.text, &root, member)));
                new.extend(wanted.iter().map(|entry| (*entry).clone()));
            }
        }
    }
    merged.change(&edits);
    if new.is_empty() {
        return Ok(());
    }
    let root = format.read(&merged.text)?;
    let comment = group.comment.as_deref().filter(|_| !(group.is_whole && is_there));
    let addition = Addition { path: &group.path, entries: &new, comment, is_whole: group.is_whole };
    let edits = format.add(&merged.text, &root, &addition)?;
    merged.change(&edits);
    // The text around the place can be written in a way that no edit of one place fits.
    let root = format.read(&merged.text).unwrap_or_default();
    let members = members_at(&root, &group.path);
    let is_in = |(key, value): &(String, Value)| {
        members.iter().any(|member| member.key == *key && is_equal(&member.content, value))
    };
    match new.iter().find(|entry| !is_in(entry)) {
        Some((key, _)) => {
            Err(format!("{} cannot be added to the file as it is written: add it by hand", shown(Some(key))))
        }
        None => Ok(()),
    }
}

/// The text without these groups. `before` is the text before `setup` wrote to it, where that is known.
///
/// # Errors
/// What is wrong with the text.
pub(super) fn undo(
    format: Format,
    text: &str,
    groups: &[Group],
    before: Option<&str>,
) -> Result<Merged, String> {
    let root = format.read(text)?;
    let before = before.and_then(|before| format.read(before).ok());
    let before = before.as_deref();
    let mut merged = Merged { text: text.to_owned(), ..Merged::default() };
    let owned: Vec<_> = groups.iter().filter(|group| group.is_owned(&root)).collect();
    for group in &owned {
        remove_entries(format, &mut merged, group, before)?;
    }
    // The innermost table first.
    for group in owned.iter().rev() {
        remove_tables(format, &mut merged, group, before)?;
    }
    Ok(merged)
}

fn remove_entries(
    format: Format,
    merged: &mut Merged,
    group: &Group,
    before: Option<&[Member]>,
) -> Result<(), String> {
    // Afresh for each entry: a removal moves the places of the others.
    let mut at = 0;
    loop {
        let root = format.read(&merged.text)?;
        let members = members_at(&root, &group.path);
        let is_own = |member: &&Member| group.may_remove(member, &merged.text, before);
        let Some(member) = members.iter().skip(at).find(is_own) else {
            let rest = members.iter().filter(|member| group.is_like_ours(member));
            merged.remarks.extend(rest.map(|member| {
                let name = shown(&group.path, Some(&member.key));
                format!("{name} stays: it may be yours, because it has no comment of `setup`")
            }));
            return Ok(());
        };
        if member.layout == Layout::Inline && format == Format::Toml && !group.path.is_empty() {
            let table = find(&root, &group.path).filter(|table| table.layout == Layout::Inline);
            if let Some(table) = table {
                let edits = format.remove(&merged.text, &root, table);
                merged.change(&edits);
                return Ok(());
            }
        }
        at = members.iter().position(|other| other.key_span == member.key_span).unwrap_or_default();
        let edits = format.remove(&merged.text, &root, member);
        merged.change(&edits);
    }
}

fn remove_tables(
    format: Format,
    merged: &mut Merged,
    group: &Group,
    before: Option<&[Member]>,
) -> Result<(), String> {
    for depth in (1..=group.path.len()).rev() {
        let path = &group.path[..depth];
        let root = format.read(&merged.text)?;
        let Some(table) = find(&root, path) else { continue };
        let Content::Table(members) = &table.content else { return Ok(()) };
        let is_whole = group.is_whole && depth == group.path.len();
        if !members.is_empty() {
            let rest: Vec<_> = members.iter().collect();
            if is_whole && !rest.is_empty() {
                let names: Vec<_> = rest.iter().map(|member| member.key.as_str()).collect();
                let mut edits = format.comment_out(&merged.text, table);
                let done = if edits.is_empty() { "stays" } else { "is a comment now" };
                merged.remarks.push(format!(
                    "what you added to {} {done}: {}",
                    shown(path, None),
                    names.join(", ")
                ));
                edits.extend(format.remove_comment(&merged.text, table));
                merged.text = apply(&merged.text, &edits);
            }
            return Ok(());
        }
        if is_whole || before.is_none_or(|before| find(before, path).is_none()) {
            let edits = format.remove_table(&merged.text, &root, table);
            merged.change(&edits);
        }
    }
    Ok(())
}

impl Merged {
    /// Applies edits, and keeps their lines for the user. The user's own lines are never shown: they can have a secret.
    fn change(&mut self, edits: &[Edit]) {
        let lines = |text: &str| -> Vec<String> {
            let lines = text.lines().map(str::trim_end);
            lines.filter(|line| !line.trim().is_empty() && *line != ",").map(str::to_owned).collect()
        };
        for edit in edits {
            self.removed.extend(lines(self.text[edit.place.clone()].trim_start_matches(',')));
            self.added.extend(lines(edit.text.trim_start_matches(',')));
        }
        self.text = apply(&self.text, edits);
    }
}

impl Group {
    /// Whether `setup` wrote these entries, so that it may change them. Entries that stand for themselves are looked at one
    /// by one.
    pub(super) fn is_owned(&self, root: &[Member]) -> bool {
        match &self.owner {
            Owner::Runs(path) => {
                let (key, table) = path.split_last().expect("the path has a name");
                // git has one key several times.
                members_at(root, table).iter().any(|member| member.key == *key && runs(&member.content))
            }
            Owner::Has(values) => {
                let members = members_at(root, &self.path);
                let has = |(key, value): &(String, Value)| {
                    members.iter().any(|member| member.key == *key && is_equal(&member.content, value))
                };
                values.iter().all(has)
            }
            Owner::Entry => self.entries.iter().any(|(key, value)| {
                let mut path = self.path.clone();
                path.push(key.clone());
                find(root, &path)
                    .is_some_and(|member| runs(&member.content) || is_equal(&member.content, value))
            }),
        }
    }

    /// Whether the value is the one that `setup` writes, although other programs can write it too.
    fn is_like_ours(&self, member: &Member) -> bool {
        let is_same = |(key, value): &(String, Value)| *key == member.key && is_equal(&member.content, value);
        matches!(self.owner, Owner::Entry) && self.entries.iter().any(is_same)
    }

    /// Whether an undo takes out this member of the table.
    fn may_remove(&self, member: &Member, text: &str, before: Option<&[Member]>) -> bool {
        let Some((key, value)) = self.entries.iter().find(|(key, _)| *key == member.key) else {
            return false;
        };
        if self.is_whole {
            return true;
        }
        let mut path = self.path.clone();
        path.push(key.clone());
        let was_there = before.is_some_and(|before| {
            find(before, &path).is_some_and(|old| match &old.content {
                Content::Value(old) => is_equal(&member.content, old),
                _ => true,
            })
        });
        let is_certain = match self.owner {
            Owner::Entry => {
                let has_mark = has_comment(text, member) || before.is_some();
                runs(&member.content) || (is_equal(&member.content, value) && has_mark)
            }
            _ => true,
        };
        is_certain && !was_there
    }
}

fn runs(content: &Content) -> bool {
    matches!(content, Content::Value(Value::Text(text)) if runs_yc_auth(text))
}

fn is_equal(content: &Content, value: &Value) -> bool {
    match (content, value) {
        (Content::Value(present), value) => present == value,
        (Content::Table(members), Value::Map(entries)) => {
            let has = |(key, value): &(String, Value)| {
                members.iter().any(|member| member.key == *key && is_equal(&member.content, value))
            };
            members.len() == entries.len() && entries.iter().all(has)
        }
        _ => false,
    }
}

/// A table or an entry, for an error.
fn shown(path: &[String], key: Option<&str>) -> String {
    let names: Vec<_> = path.iter().map(String::as_str).chain(key).collect();
    format!("`{}`", names.join("."))
}
