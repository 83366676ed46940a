//! The source files of a folder.

use std::path::{Path, PathBuf};

/// The Rust files below `folder`.
#[must_use]
pub fn source_files(folder: &Path) -> Vec<PathBuf> {
    files_below(folder, &["rs"], |_| true)
}

/// The files below `folder` with one of these endings. `enter`: whether the files of a folder with this name count.
#[must_use]
pub fn files_below(folder: &Path, endings: &[&str], enter: fn(&str) -> bool) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            if enter(&entry.file_name().to_string_lossy()) {
                files.extend(files_below(&path, endings, enter));
            }
        } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
            files.push(path);
        }
    }
    files
}
