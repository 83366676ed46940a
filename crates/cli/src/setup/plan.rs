//! What one tool needs: files with entries, scripts, commands of the tool, and lines for the user.

use std::path::PathBuf;

use super::formats::{Format, Member};
use super::merge::Group;

/// The steps for one tool.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// Remarks for the user.
    pub(super) notes: Vec<String>,
    /// What the user does next.
    pub(super) next: Vec<String>,
}

/// One step.
pub(super) enum Step {
    /// Entries in a file of the tool.
    Entries(Entries),
    /// A file that is `setup`'s as a whole.
    File(OwnFile),
    /// A user of kubectl.
    Kubectl(super::kubectl_user::KubectlUser),
    /// A line at the end of a shell file.
    Line(OwnLine),
    /// Text for the user to put somewhere.
    Print(String),
}

/// Entries in a file.
pub(super) struct Entries {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) groups: Vec<Group>,
    /// Every group in a file that `setup` can have written, whatever was chosen then.
    pub(super) find: fn(&[Member]) -> Vec<Group>,
}

/// A file that only `setup` writes.
pub(super) struct OwnFile {
    pub(super) path: PathBuf,
    pub(super) content: String,
    /// Words that tell a file of `setup`.
    pub(super) mark: &'static str,
    pub(super) is_program: bool,
    /// A file, and words in it that say that another tool needs this file too.
    pub(super) kept_for: Option<(PathBuf, &'static str)>,
}

/// A line that `setup` adds to a file of shell commands. The line ends with the mark.
pub(super) struct OwnLine {
    pub(super) path: PathBuf,
    pub(super) line: String,
    pub(super) mark: &'static str,
}

/// The path for one table.
pub(super) fn path(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
