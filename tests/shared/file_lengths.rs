//! A file is one idea: no source file of the repository has more than 400 lines.

use std::path::{Path, PathBuf};

use crate::source_files::files_below;

/// The most lines of a Rust or Python file.
pub const MOST_LINES: usize = 400;

/// The Rust and Python files below `folder` that are written by hand.
///
/// Lock files have other endings. Generated files are in folders that Git ignores:
/// - `target`: what Cargo and Maturin build, and copies of the tree under test.
/// - `node_modules`: packages of npm.
/// - hidden folders: Git's own data, and virtual environments with the packages of pip.
#[must_use]
pub fn written_files(folder: &Path) -> Vec<PathBuf> {
    files_below(folder, &["rs", "py"], |name| {
        !name.starts_with('.') && name != "target" && name != "node_modules"
    })
}

/// The files with more than [`MOST_LINES`] lines, each with its number of lines.
#[must_use]
pub fn too_long(files: &[PathBuf]) -> Vec<(PathBuf, usize)> {
    let lengths =
        files.iter().map(|file| (file.clone(), std::fs::read_to_string(file).unwrap().lines().count()));
    lengths.filter(|(_, lines)| *lines > MOST_LINES).collect()
}
