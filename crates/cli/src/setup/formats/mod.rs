//! The formats of the files that `setup` edits. Each format finds the values of a text with their places, and makes edits of
//! single places. Text outside these places is never rewritten, so comments, order and indentation stay.

mod ini;
mod json;
mod toml;

use std::ops::Range;

/// A format, and what its programs accept beside the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// JSON; `comments` allows comments and a comma before a closing bracket.
    Json {
        comments: bool,
    },
    Toml,
    /// Sections with `key = value` lines, as Python's `configparser` reads them.
    Ini,
    /// The configuration of git: quoted subsections and values, keys without a value, repeated keys.
    Git,
}

/// A value that `setup` writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(u32),
    List(Vec<String>),
    Map(Vec<(String, Value)>),
}

/// What stands at a place of the file.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Value(Value),
    /// A section, a table or an object.
    Table(Vec<Member>),
    /// A value of a kind that `setup` never writes.
    Other,
}

/// A name in a file with its content.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) content: Content,
    /// The place of the key, or of the header of a section.
    pub(super) key_span: Range<usize>,
    /// The place of the value, or of the header of a section.
    pub(super) span: Range<usize>,
    pub(super) layout: Layout,
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// A key with a value.
    Entry,
    /// A header, with the entries on the lines after it.
    Section,
    /// Only the headers of its parts name this table.
    Implied,
    /// All of it is one value, as an object of JSON is.
    Inline,
}

/// One change of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) place: Range<usize>,
    pub(super) text: String,
}

impl Edit {
    pub(super) fn insert(at: usize, text: impl Into<String>) -> Self {
        Self { place: at..at, text: text.into() }
    }

    pub(super) fn remove(place: Range<usize>) -> Self {
        Self { place, text: String::new() }
    }
}

/// The entries that are added to one table.
pub(super) struct Addition<'a> {
    /// The names from the root to the table.
    pub(super) path: &'a [String],
    pub(super) entries: &'a [(String, Value)],
    /// A comment before the entries, where the format has comments.
    pub(super) comment: Option<&'a str>,
    /// Whether the comment stands before a new table, and not in it.
    pub(super) is_whole: bool,
}

impl Format {
    /// The members of the whole text.
    ///
    /// # Errors
    /// What is wrong with the text, without a value of the text: a value can be a secret.
    pub(super) fn read(self, text: &str) -> Result<Vec<Member>, String> {
        match self {
            Self::Json { comments } => json::read(text, comments),
            Self::Toml => toml::read(text),
            Self::Ini | Self::Git => ini::read(text, self),
        }
    }

    /// Adds entries to a table, which need not exist.
    ///
    /// # Errors
    /// Why the entries cannot be added.
    pub(super) fn add(
        self,
        text: &str,
        root: &[Member],
        addition: &Addition<'_>,
    ) -> Result<Vec<Edit>, String> {
        match self {
            Self::Json { .. } => json::add(text, root, addition),
            Self::Toml => toml::add(text, root, addition),
            Self::Ini | Self::Git => ini::add(text, root, addition, self),
        }
    }

    /// The text of another value in the place of an entry's value.
    ///
    /// # Errors
    /// Why the value cannot stand there.
    pub(super) fn replace(self, text: &str, member: &Member, value: &Value) -> Result<Edit, String> {
        let new = match self {
            Self::Json { .. } => json::rendered(value, &json::Style::at(text, member.key_span.start)),
            Self::Toml => toml::rendered(value),
            Self::Ini | Self::Git => ini::rendered(value, self)?,
        };
        Ok(Edit { place: member.span.clone(), text: new })
    }

    /// Removes one entry, with a comment of `setup` before it.
    pub(super) fn remove(self, text: &str, root: &[Member], member: &Member) -> Vec<Edit> {
        match self {
            Self::Json { .. } => json::remove(text, root, member),
            _ => {
                let mut lines = with_comment(text, lines_of(text, &member.key_span, &member.span));
                let rest = &text[lines.end..];
                // Before a table, `setup` has added a blank line.
                if self == Self::Toml && lines.start == 0 && rest.trim_start_matches('\r').starts_with('\n') {
                    lines.end += rest.find('\n').map_or(0, |at| at + 1);
                }
                vec![Edit::remove(lines)]
            }
        }
    }

    /// Removes the comment of `setup` before a table that stays.
    pub(super) fn remove_comment(self, text: &str, member: &Member) -> Vec<Edit> {
        let lines = lines_of(text, &member.key_span, &member.span);
        let comment = with_comment(text, lines.clone()).start..lines.start;
        if comment.is_empty() { Vec::new() } else { vec![Edit::remove(comment)] }
    }

    /// Removes a table without entries.
    pub(super) fn remove_table(self, text: &str, root: &[Member], member: &Member) -> Vec<Edit> {
        match (self, member.layout) {
            (Self::Json { .. }, _) => json::remove(text, root, member),
            (_, Layout::Section) => {
                let lines = with_comment(text, lines_of(text, &member.key_span, &member.span));
                vec![Edit::remove(with_blank_line(text, lines))]
            }
            (_, Layout::Implied) => Vec::new(),
            (_, Layout::Entry | Layout::Inline) => {
                vec![Edit::remove(lines_of(text, &member.key_span, &member.span))]
            }
        }
    }

    /// Turns the rest of a table into comments, where the program refuses such a rest.
    pub(super) fn comment_out(self, text: &str, member: &Member) -> Vec<Edit> {
        let mut starts = Vec::new();
        if self == Self::Toml && member.layout == Layout::Section {
            all_lines(text, member, &mut starts);
        }
        starts.into_iter().map(|at| Edit::insert(at, "# ")).collect()
    }
}

/// The beginnings of the lines of a member: the header of a table, and what is in the table.
fn all_lines(text: &str, member: &Member, starts: &mut Vec<usize>) {
    if member.layout != Layout::Implied {
        starts.extend(line_starts(text, lines_of(text, &member.key_span, &member.span)));
    }
    if let (Content::Table(members), Layout::Section | Layout::Implied) = (&member.content, member.layout) {
        members.iter().for_each(|member| all_lines(text, member, starts));
    }
}

/// The first words of a comment of `setup`.
pub(super) const COMMENT: &str = "# Written by `yc-auth setup";

/// Applies edits whose places do not overlap.
pub(super) fn apply(text: &str, edits: &[Edit]) -> String {
    let mut edits: Vec<_> = edits.iter().collect();
    edits.sort_by_key(|edit| (edit.place.start, edit.place.end));
    let (mut new, mut at) = (String::with_capacity(text.len()), 0);
    for edit in edits {
        new.push_str(&text[at..edit.place.start]);
        new.push_str(&edit.text);
        at = edit.place.end;
    }
    new.push_str(&text[at..]);
    new
}

/// The member at a path.
pub(super) fn find<'a>(members: &'a [Member], path: &[String]) -> Option<&'a Member> {
    let (first, rest) = path.split_first()?;
    let member = members.iter().find(|member| member.key == *first)?;
    match (&member.content, rest) {
        (_, []) => Some(member),
        (Content::Table(members), rest) => find(members, rest),
        _ => None,
    }
}

/// The members of the table at a path; the empty path is the root.
pub(super) fn members_at<'a>(root: &'a [Member], path: &[String]) -> &'a [Member] {
    if path.is_empty() {
        return root;
    }
    match find(root, path).map(|member| &member.content) {
        Some(Content::Table(members)) => members,
        _ => &[],
    }
}

/// The end of a line, as the text writes it.
fn line_end(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// The whole lines from the beginning of a key to the end of its value.
fn lines_of(text: &str, key: &Range<usize>, value: &Range<usize>) -> Range<usize> {
    let start = text[..key.start].rfind('\n').map_or(0, |at| at + 1);
    let end = value.end.max(key.end);
    start..text[end..].find('\n').map_or(text.len(), |at| end + at + 1)
}

/// The lines, and a comment of `setup` before them.
fn with_comment(text: &str, lines: Range<usize>) -> Range<usize> {
    let before = previous_line(text, lines.start);
    let is_own = before.as_ref().is_some_and(|line| text[line.clone()].trim_start().starts_with(COMMENT));
    before.filter(|_| is_own).map_or(lines.clone(), |line| line.start..lines.end)
}

/// The lines, and one blank line before them.
fn with_blank_line(text: &str, lines: Range<usize>) -> Range<usize> {
    let before = previous_line(text, lines.start);
    let is_blank = before.as_ref().is_some_and(|line| text[line.clone()].trim().is_empty());
    before.filter(|_| is_blank).map_or(lines.clone(), |line| line.start..lines.end)
}

/// The line before a line.
fn previous_line(text: &str, start: usize) -> Option<Range<usize>> {
    let end = start.checked_sub(1)?;
    Some(text[..end].rfind('\n').map_or(0, |at| at + 1)..start)
}

/// Whether a comment of `setup` stands before this entry.
pub(super) fn has_comment(text: &str, member: &Member) -> bool {
    let lines = lines_of(text, &member.key_span, &member.span);
    with_comment(text, lines.clone()).start < lines.start
}

fn line_starts(text: &str, lines: Range<usize>) -> Vec<usize> {
    let breaks = text[lines.clone()].match_indices('\n').map(|(at, _)| lines.start + at + 1);
    std::iter::once(lines.start).chain(breaks.filter(|at| *at < lines.end)).collect()
}
