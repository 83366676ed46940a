//! Files of the user's tools: read whole, copied before a change, replaced in one step. Links and modes stay as they are.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use yandex_cloud_auth::{Error, ErrorKind};

use crate::atomic_file;

/// A configuration is far smaller.
const MAX_SIZE: u64 = 8 << 20;

/// A byte order mark, which some editors write.
const MARK: &str = "\u{feff}";

/// A file as it is now.
pub(super) struct ToolFile {
    /// The path as the tool names it.
    path: PathBuf,
    /// The file that is replaced: what the path leads to over links.
    target: PathBuf,
    content: Option<String>,
    before: Option<String>,
}

impl ToolFile {
    /// Reads the file and the copy of `setup`, where they exist.
    ///
    /// # Errors
    /// `Invalid` with the path if the file is not a text file that `setup` can edit.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let invalid = |reason: String| invalid(path, reason);
        let target = match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() => path.canonicalize().map_err(|error| {
                invalid(format!("the link leads nowhere: {error}"))
                    .with_help("create the file that the link names")
            })?,
            _ => path.to_owned(),
        };
        let content = read_text(&target).map_err(|error| invalid(format!("cannot be read: {error}")))?;
        let before = read_text(&copy_path(path)).ok().flatten();
        Ok(Self { path: path.to_owned(), target, content, before })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The text without a byte order mark; empty if there is no file.
    pub(super) fn text(&self) -> &str {
        let content = self.content.as_deref().unwrap_or_default();
        content.strip_prefix(MARK).unwrap_or(content)
    }

    pub(super) fn exists(&self) -> bool {
        self.content.is_some()
    }

    /// The text before `setup` changed the file, as the copy has it.
    pub(super) fn before(&self) -> Option<&str> {
        self.before.as_deref().map(|before| before.strip_prefix(MARK).unwrap_or(before))
    }

    /// Takes the copy for none of a file before `setup`.
    pub(super) fn ignore_copy(&mut self) {
        self.before = None;
    }

    /// The path of the copy.
    pub(super) fn copy_path(&self) -> PathBuf {
        copy_path(&self.path)
    }

    /// Refuses what a write would have to force.
    ///
    /// # Errors
    /// `Invalid` with the path.
    pub(super) fn check_writable(&self) -> Result<(), Error> {
        match fs::metadata(&self.target) {
            Ok(found) if found.permissions().readonly() => {
                Err(invalid(&self.path, "the file is read-only".to_owned())
                    .with_help("make the file writable, or add the lines above by hand"))
            }
            _ => Ok(()),
        }
    }

    /// Replaces the text. `keeps_copy` first saves the old file beside the path.
    ///
    /// # Errors
    /// `Invalid` with the path; the old file is then as it was.
    pub(super) fn write(&self, text: &str, keeps_copy: bool) -> Result<(), Error> {
        let failed = |error: io::Error| invalid(&self.path, format!("cannot be written: {error}"));
        if read_text(&self.target).map_err(failed)? != self.content {
            return Err(Error::new(ErrorKind::Unavailable, "another program has changed the file meanwhile")
                .at(self.path.display().to_string())
                .with_help("run the command again"));
        }
        if let Some(old) = self.content.as_deref().filter(|_| keeps_copy) {
            replace(&self.copy_path(), old, &self.target).map_err(failed)?;
        }
        if let Some(folder) = self.target.parent() {
            create_folder(folder).map_err(failed)?;
        }
        let mark = if self.content.as_deref().is_some_and(|old| old.starts_with(MARK)) { MARK } else { "" };
        replace(&self.target, &format!("{mark}{text}"), &self.target).map_err(failed)
    }

    /// Whether the path itself is the file.
    pub(super) fn is_no_link(&self) -> bool {
        self.path == self.target
    }

    /// Removes the file.
    pub(super) fn delete(&self) -> Result<(), Error> {
        fs::remove_file(&self.path)
            .map_err(|error| invalid(&self.path, format!("cannot be removed: {error}")))
    }

    /// Removes the copy.
    pub(super) fn delete_copy(&self) {
        let _ = fs::remove_file(self.copy_path());
    }
}

fn copy_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".yc-auth-backup");
    name.into()
}

pub(super) fn invalid(path: &Path, reason: String) -> Error {
    Error::new(ErrorKind::Invalid, reason).at(path.display().to_string())
}

/// The text of a regular file; `None` if there is no file.
fn read_text(path: &Path) -> io::Result<Option<String>> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let refused = |reason: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, reason.to_owned()));
    if !found.is_file() {
        return refused("it is not a regular file");
    }
    if found.len() > MAX_SIZE {
        return refused("it is larger than 8 MiB");
    }
    let mut content = Vec::new();
    File::open(path)?.take(MAX_SIZE).read_to_end(&mut content)?;
    match String::from_utf8(content) {
        Ok(text) => Ok(Some(text)),
        Err(_) => refused("it is not UTF-8 text"),
    }
}

/// Replaces a file in one step. Mode and owner are those of `like`; a new file is the owner's alone.
pub(super) fn replace(path: &Path, content: &str, like: &Path) -> io::Result<()> {
    replace_as(path, content, fs::metadata(like).ok().as_ref(), false)
}

/// The same for a file that only `setup` writes. All users can run a program.
pub(super) fn replace_own(path: &Path, content: &str, is_program: bool) -> io::Result<()> {
    replace_as(path, content, None, is_program)
}

fn replace_as(path: &Path, content: &str, model: Option<&fs::Metadata>, is_program: bool) -> io::Result<()> {
    atomic_file::replace_with(path, |temporary| write_new(temporary, content, model, is_program))
}

fn write_new(path: &Path, content: &str, model: Option<&fs::Metadata>, is_program: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if is_program { 0o755 } else { 0o600 });
    #[cfg(not(unix))]
    let _ = is_program;
    let mut file = options.open(path)?;
    if let Some(model) = model {
        keep_owner(&file, model)?;
        file.set_permissions(model.permissions())?;
    }
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

/// Gives the file the owner of the old one, for example under `sudo`.
#[cfg(unix)]
fn keep_owner(file: &File, model: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let own = file.metadata()?;
    if own.uid() != model.uid() {
        fchown(file, Some(model.uid()), Some(model.gid()))?;
    } else if own.gid() != model.gid() {
        // A group that the user has left: the file stays the user's.
        let _ = fchown(file, None, Some(model.gid()));
    }
    Ok(())
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "the form of the other systems")]
fn keep_owner(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// Creates a folder for the owner alone, with the folders above it.
pub(super) fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
